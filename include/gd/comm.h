/**
 * @file comm.h  The world of ranks: start, layout, shared memory, messages with deadlines, agreement.
 *
 * Ranks are numbered so that the ranks of one host are contiguous. The ranks of a host that share memory form
 * a *group*; without shared memory every rank is a group of its own. Every transport is then the same
 * algorithm: inside a group read the neighbour's memory, between groups send messages.
 *
 *   self     one rank
 *   shm      one group
 *   mpi      groups of one rank
 *   shm+mpi  several groups
 *
 * Only the main thread may call functions that are collective or that send.
 */
#ifndef GD_COMM_H
#define GD_COMM_H

#include "gd/partition.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gd_transport {
  GD_TRANSPORT_AUTO,
  GD_TRANSPORT_SELF,
  GD_TRANSPORT_SHM,
  GD_TRANSPORT_MPI
} gd_transport;

typedef struct gd_world_options {
  gd_transport transport; /**< auto: shared memory inside hosts, messages between them */
  double deadline_s;      /**< longest wait for another rank; 0: 300 s */
} gd_world_options;

typedef struct gd_world gd_world;

/**
 * Join the world. MPI is started only under a launcher; a program started alone is a world of one rank.
 *
 * Owner:      caller; gd_world_finish()
 * Collective: yes, and the first call of every rank
 * Errors:     GD_ERR_ENV (started by the launcher of another MPI, so that every rank believes to be alone),
 *             GD_ERR_COMM
 */
GD_API gd_status gd_world_init(gd_world **out, const gd_world_options *o) GD_CHECKED;
/** Leave the world. Collective: yes, except after GD_ERR_COMM. NULL is fine. */
GD_API void gd_world_finish(gd_world *w);
/**
 * The world of the ranks that pass the same colour, in their order, with its own rank numbers, groups, shared
 * memory and barriers.
 *
 * Owner:      caller; gd_world_finish() on all its ranks, before that of `w`
 * Collective: yes, over w
 */
GD_API gd_status gd_world_split(gd_world **out, gd_world *w, int colour) GD_CHECKED;
/** Change the deadline, in seconds, for waits that are long by design; returns the one before. */
GD_API double gd_world_set_deadline(gd_world *w, double seconds);
/** End every rank of the job at once with this exit code; does not return. */
GD_API void gd_world_abort(gd_world *w, int exit_code) __attribute__((noreturn));
/**
 * End the job on a failure that cannot be agreed on, because the other ranks already wait for this one on
 * their GPUs: logs the error (GD_LOG_ERROR) and ends every rank with the exit code of `st`. Nothing is
 * cleaned up, because after a GPU error any call may hang. Returns `st` when no rank would wait: for GD_OK,
 * in a world of one, and for GD_ERR_COMM, which every rank meets by itself. Collective: no
 */
GD_API gd_status gd_world_fail_alone(gd_world *w, gd_status st) GD_CHECKED;

GD_API int gd_world_rank(const gd_world *w);
GD_API int gd_world_size(const gd_world *w);
GD_API int gd_world_hosts(const gd_world *w);
GD_API int gd_world_host(const gd_world *w, int rank); /**< number of its host, 0 .. hosts-1 */
GD_API int gd_world_groups(const gd_world *w);
GD_API int gd_world_group(const gd_world *w, int rank); /**< group of a rank */
GD_API gd_range gd_world_group_ranks(const gd_world *w, int group);
GD_API int gd_world_local_rank(const gd_world *w); /**< within the host */
GD_API int gd_world_local_size(const gd_world *w);
/** Local rank in the whole job, unchanged by gd_world_split(): chooses the GPU. */
GD_API int gd_world_device_index(const gd_world *w);
GD_API const char *gd_world_hostname(const gd_world *w, int rank);
GD_API const char *gd_world_transport(const gd_world *w); /**< "self", "shm", "mpi", "shm+mpi" */
/** Default number of threads: the cores that this rank may use, divided by the ranks that share them. */
GD_API int gd_world_cores(const gd_world *w);

/**
 * All ranks return the worst status; on failure the record of the lowest failed rank becomes everybody's.
 * Call it after local work that may fail and before the next collective. Collective: yes
 */
GD_API gd_status gd_world_agree(gd_world *w, gd_status mine) GD_CHECKED;
/**
 * Check that all ranks hold the same bytes.
 *
 * Collective: yes
 * Errors:     GD_ERR_ENV, quoting the `text` of the ranks that differ
 */
GD_API gd_status gd_world_same(gd_world *w, const char *what, const void *bytes, size_t n,
                               const char *text) GD_CHECKED;

/** Zeroed memory shared by a group: in /dev/shm or else, which is logged, in a file under TMPDIR. */
typedef struct gd_shared {
  void *data;
  size_t bytes;
  bool owner; /**< this rank is the group's first: it initialises */
} gd_shared;
/**
 * `bytes` of shared memory, equal on all ranks of the group.
 *
 * Owner:      caller; gd_shared_free() on all ranks of the group
 * Collective: yes, over the group
 * Errors:     GD_ERR_OOM when neither place has room. (gd_world_init() tries both once and, with a message,
 *             makes every rank a group of its own when neither works.)
 */
GD_API gd_status gd_shared_new(gd_world *w, gd_shared *out, size_t bytes) GD_CHECKED;
GD_API void gd_shared_free(gd_world *w, gd_shared *s);

/** Wait for the ranks of the group, asleep when ranks outnumber cores. Errors: GD_ERR_COMM, naming them */
GD_API gd_status gd_group_barrier(gd_world *w) GD_CHECKED;
GD_API gd_status gd_world_barrier(gd_world *w) GD_CHECKED; /**< of all ranks */

/*
 * ---- messages ----
 * The blocking ones are collective over the world. Errors of all of them: GD_ERR_COMM.
 */

GD_API gd_status gd_world_bcast(gd_world *w, void *data, size_t bytes, int root) GD_CHECKED;
/** `data` holds one part of `bytes` for each rank: every rank has filled its own and receives the others. */
GD_API gd_status gd_world_allgather(gd_world *w, void *data, size_t bytes) GD_CHECKED;
/** The same with parts of different lengths: that of rank r is bytes range[r] of `data`. */
GD_API gd_status gd_world_allgatherv(gd_world *w, void *data, const gd_range range[]) GD_CHECKED;

typedef enum gd_reduce_op { GD_SUM, GD_MAX, GD_MIN } gd_reduce_op;
GD_API gd_status gd_world_allreduce_f64(gd_world *w, double *v, int n, gd_reduce_op op) GD_CHECKED;

/** Point to point, not collective, of any size; finish with gd_wait(). Requests belong to the world. */
typedef struct gd_request gd_request;
GD_API gd_status gd_isend(gd_world *w, const void *data, size_t bytes, int to, int tag,
                          gd_request **out) GD_CHECKED;
GD_API gd_status gd_irecv(gd_world *w, void *data, size_t bytes, int from, int tag,
                          gd_request **out) GD_CHECKED;
/** Start an in-place sum over all ranks. Every rank must start the same ones in the same order. */
GD_API gd_status gd_iallreduce(gd_world *w, void *data, int64_t n, bool f64, gd_request **out) GD_CHECKED;
/** Let pending messages progress: Open MPI moves them only inside its calls. Cheap. */
GD_API void gd_progress(gd_world *w);
/** Wait for n requests (NULL ones are skipped) within the deadline; frees them and sets them to NULL. */
GD_API gd_status gd_wait(gd_world *w, gd_request *requests[], int n) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
