/* A communicator of NCCL: what nccl*.c share. */
#ifndef GDI_COMM_NCCL_COMM_H
#define GDI_COMM_NCCL_COMM_H

#include "comm/nccl.h"
#include "comm/nccl_library.h"
#include "comm/world.h"

typedef enum gdi_nccl_act {
  GDI_NCCL_ACT_START,
  GDI_NCCL_ACT_SUM,
  GDI_NCCL_ACT_BROADCAST,
  GDI_NCCL_ACT_SEND,
  GDI_NCCL_ACT_RECEIVE,
  GDI_NCCL_ACT_MEMORY,
  GDI_NCCL_ACT_END
} gdi_nccl_act;

/* Memory that the library gave. */
typedef struct gdi_nccl_piece {
  void *data, *handle;
  struct gdi_nccl_piece *next;
} gdi_nccl_piece;

struct gdi_nccl {
  gd_world *world;
  gd_device *device;
  const gdi_nccl_library *nccl;
  struct ncclComm *comm;
  bool grouped; /* between begin and end */
  bool lost;    /* failed: nothing of it is called any more */
  struct {
    gdi_nccl_act act;
    int64_t n;
    int peer;
  } last;             /* what is blamed */
  char what[128];     /* `last` in words, for the watchdog too */
  _Atomic bool ended; /* the abort came back */
  gdi_nccl_piece *pieces;
  char name[32];
};

/* nccl_wait.c */

/* What a call of NCCL answered: the error, or, outside of groups, wait until it is done. */
gd_status gdi_nccl_settle(gdi_nccl *x, unsigned answer) GD_CHECKED;
/* The communicator fails with st, which is recorded: it is aborted, and the world is broken. */
gd_status gdi_nccl_give_up(gdi_nccl *x, gd_status st) GD_CHECKED;

#endif
