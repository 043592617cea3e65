/*
 * The ranks of a world pass data from GPU to GPU by NCCL, where it can be had.
 *
 * Operations are queued: a call returns when its work is in the queue of its stream, recorded work included.
 * All ranks queue the same operations in the same order; those of different streams are put in order by marks.
 * Nothing waits longer than the world's deadline. A failure is GD_ERR_COMM and names this rank's GPU and the
 * operation, or the rank that did not come; the communicator is aborted then, what was recorded on its GPU
 * cannot be replayed, and nothing collective works any more.
 *
 * Connections are made by the first operations of a kind: they take their time, and cannot be recorded. So
 * each operation runs once, waited for, before it is recorded; whether it is recorded is equal on all ranks;
 * and recorded work is freed before gdi_nccl_free().
 */
#ifndef GDI_COMM_NCCL_H
#define GDI_COMM_NCCL_H

#include "device/gpu.h"
#include "gd/comm.h"

typedef struct gdi_nccl gdi_nccl;

/**
 * A communicator of all ranks of w, this one with GPU d, which must be the thread's current one. Where NCCL
 * cannot be used, on any rank, *out is NULL on all, with GD_OK and the reason in `why`: the library is
 * missing, too old, or another one than elsewhere, GPUs are of different architectures, or two ranks share a
 * GPU (for tests of correctness they may, with a warning, when each has an NCCL_HOSTID of its own).
 *
 * Collective: yes. Owner: caller; gdi_nccl_free(). Errors: GD_ERR_COMM, GD_ERR_OOM
 */
gd_status gdi_nccl_new(gdi_nccl **out, gd_world *w, gd_device *d, char *why, size_t why_bytes) GD_CHECKED;
/** Collective: yes, unless an error of communication went before. Finishes what is queued. NULL is fine. */
void gdi_nccl_free(gdi_nccl *x);
/** "NCCL 2.28.9" */
const char *gdi_nccl_describe(const gdi_nccl *x);

/** What is queued between the two calls is one operation: sends and receives that wait for each other. */
gd_status gdi_nccl_begin(gdi_nccl *x) GD_CHECKED;
gd_status gdi_nccl_end(gdi_nccl *x) GD_CHECKED;
gd_status gdi_nccl_send(gdi_nccl *x, gdi_stream stream, const void *data, size_t bytes, int to) GD_CHECKED;
gd_status gdi_nccl_receive(gdi_nccl *x, gdi_stream stream, void *data, size_t bytes, int from) GD_CHECKED;
/** In place: data[i] = sum over the ranks of data[i], f32 or f64, with the same bits on all ranks. */
gd_status gdi_nccl_sum(gdi_nccl *x, gdi_stream stream, void *data, int64_t n, gd_dtype type) GD_CHECKED;
gd_status gdi_nccl_broadcast(gdi_nccl *x, gdi_stream stream, void *data, size_t bytes, int root) GD_CHECKED;

/** Until m is reached: never longer than the deadline. Errors: GD_ERR_COMM, GD_ERR_GPU */
gd_status gdi_nccl_wait(gdi_nccl *x, gdi_event *m) GD_CHECKED;

/**
 * Device memory that NCCL need not copy from and to; not zeroed. *out is NULL on all ranks when the library
 * of one has none to give. In an operation all ranks use such memory or none does, at equal distances from
 * its start.
 *
 * Collective: yes, equal bytes. Owner: caller; gdi_nccl_memory_free(), at the latest gdi_nccl_free()
 */
gd_status gdi_nccl_memory(gdi_nccl *x, void **out, size_t bytes) GD_CHECKED;
void gdi_nccl_memory_free(gdi_nccl *x, void *memory);

#endif
