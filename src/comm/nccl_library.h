/* NCCL, loaded when GPUs are to pass data to each other: the program starts without it. */
#ifndef GDI_COMM_NCCL_LIBRARY_H
#define GDI_COMM_NCCL_LIBRARY_H

#include "gd/status.h"

/*
 * What is used of nccl.h, which a build need not have: it does not come with CUDA. nccl_check.c compares the
 * two where it is there. Enumerations of NCCL are `unsigned` here, which is what compilers make of them.
 */
enum { GDI_NCCL_SUCCESS = 0, GDI_NCCL_IN_PROGRESS = 7 };
enum { GDI_NCCL_BYTE = 1, GDI_NCCL_F32 = 7, GDI_NCCL_F64 = 8 };
enum { GDI_NCCL_SUM = 0 };
enum { GDI_NCCL_OLDEST = 21400 }; /* the first one with communicators that do not block */

typedef struct gdi_nccl_id {
  char bytes[128];
} gdi_nccl_id;

/* The head of ncclConfig_t, as of GDI_NCCL_OLDEST: a later library takes its defaults for what is not
 * here. */
typedef struct gdi_nccl_config {
  size_t size;
  unsigned magic, version;
  int blocking;
} gdi_nccl_config;
#define GDI_NCCL_NOT_BLOCKING ((gdi_nccl_config){sizeof(gdi_nccl_config), 0xcafebeef, GDI_NCCL_OLDEST, 0})

struct ncclComm;
struct CUstream_st;

/* X(result, name without its prefix, 0: there are libraries without it, arguments) */
#define GDI_NCCL(X)                                                                                          \
  X(unsigned, GetVersion, 1, (int *version))                                                                 \
  X(const char *, GetErrorString, 1, (unsigned code))                                                        \
  X(const char *, GetLastError, 1, (struct ncclComm * comm))                                                 \
  X(unsigned, GetUniqueId, 1, (gdi_nccl_id * id))                                                            \
  X(unsigned, CommInitRankConfig, 1,                                                                         \
    (struct ncclComm * *comm, int ranks, gdi_nccl_id id, int rank, gdi_nccl_config *config))                 \
  X(unsigned, CommGetAsyncError, 1, (struct ncclComm * comm, unsigned *state))                               \
  X(unsigned, CommFinalize, 1, (struct ncclComm * comm))                                                     \
  X(unsigned, CommDestroy, 1, (struct ncclComm * comm))                                                      \
  X(unsigned, CommAbort, 1, (struct ncclComm * comm))                                                        \
  X(unsigned, GroupStart, 1, (void))                                                                         \
  X(unsigned, GroupEnd, 1, (void))                                                                           \
  X(unsigned, Send, 1,                                                                                       \
    (const void *data, size_t n, unsigned type, int to, struct ncclComm *comm, struct CUstream_st *stream))  \
  X(unsigned, Recv, 1,                                                                                       \
    (void *data, size_t n, unsigned type, int from, struct ncclComm *comm, struct CUstream_st *stream))      \
  X(unsigned, AllReduce, 1,                                                                                  \
    (const void *from, void *to, size_t n, unsigned type, unsigned op, struct ncclComm *comm,                \
     struct CUstream_st *stream))                                                                            \
  X(unsigned, Broadcast, 1,                                                                                  \
    (const void *from, void *to, size_t n, unsigned type, int root, struct ncclComm *comm,                   \
     struct CUstream_st *stream))                                                                            \
  X(unsigned, MemAlloc, 0, (void **data, size_t bytes))                                                      \
  X(unsigned, MemFree, 0, (void *data))                                                                      \
  X(unsigned, CommRegister, 0, (struct ncclComm * comm, void *data, size_t bytes, void **handle))            \
  X(unsigned, CommDeregister, 0, (struct ncclComm * comm, void *handle))

typedef struct gdi_nccl_library {
#define X(result, name, needed, arguments) result(*name) arguments;
  GDI_NCCL(X)
#undef X
  int version; /* 22809: 2.28.9 */
} gdi_nccl_library;

/* The library, loaded once and kept as long as the process; NULL: it cannot be used, `why` says why. */
const gdi_nccl_library *gdi_nccl_load(const char **why);

#endif
