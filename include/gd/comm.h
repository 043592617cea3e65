/**
 * @file comm.h  The world of ranks: start, layout, shared memory, messages with deadlines, agreement.
 *
 * Ranks are numbered so that the ranks of one host are contiguous. The ranks of a host that share memory form
 * a *group*; without shared memory every rank is a group of its own. Every transport is then the same
 * algorithm: inside a group read the neighbour's memory, between groups send messages. self: 1 rank   shm:
 * one group   mpi: groups of 1   shm+mpi: several groups Only the main thread may call functions that are
 * collective or that send.
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
 * Join the world. MPI is started only when a launcher is there; a program started alone is a world of one.
 * Collective: yes, first call of every rank.
 * Errors: GD_ERR_ENV: a launcher of another MPI started N programs that are each alone; GD_ERR_COMM
 */
GD_API gd_status gd_world_init(gd_world **out, const gd_world_options *o) GD_CHECKED;
/** Leave the world. Collective: yes, unless an error of communication went before. NULL is fine. */
GD_API void gd_world_finish(gd_world *w);
/**
 * A world of the ranks that pass the same colour, in their order, with groups, shared memory and barriers of
 * its own. Messages between its ranks use its numbers. Finish it before `w`, with all its ranks.
 * Collective: yes, over w. Owner: caller; gd_world_finish()
 */
GD_API gd_status gd_world_split(gd_world **out, gd_world *w, int colour) GD_CHECKED;
/** The longest wait for another rank from now on; returns what it was. For waits that are long by design. */
GD_API double gd_world_set_deadline(gd_world *w, double seconds);
/** End every rank of the job at once with this exit code; does not return. */
GD_API void gd_world_abort(gd_world *w, int exit_code) __attribute__((noreturn));
/**
 * A failure that the other ranks cannot be told of, because they already wait for this one on their GPUs:
 * says what it is (GD_LOG_ERROR) and ends every rank of the job at once with the exit code of `st`. Nothing
 * is cleaned up: after an error of a GPU any call may hang. Returns `st` where there is nobody to be kept
 * waiting: GD_OK, a world of one, GD_ERR_COMM, which every rank meets by itself. Collective: no
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
/** Its rank within the host in the whole job, which gd_world_split() does not change: chooses the GPU. */
GD_API int gd_world_seat(const gd_world *w);
GD_API const char *gd_world_hostname(const gd_world *w, int rank);
GD_API const char *gd_world_transport(const gd_world *w); /**< "self", "shm", "mpi", "shm+mpi" */
/** Cores that this rank may use and how many ranks of the host share the same ones: the default for threads.
 */
GD_API int gd_world_cores(const gd_world *w);

/**
 * All ranks learn the worst status and, on failure, the first cause (lowest rank), which becomes each rank's
 * record. Collective: yes. Call it after local work that may fail and before the next collective.
 */
GD_API gd_status gd_world_agree(gd_world *w, gd_status mine) GD_CHECKED;
/**
 * Do all ranks hold the same bytes? On a mismatch: GD_ERR_ENV, with the `text` of the ranks that differ in
 * the message. Collective: yes.
 */
GD_API gd_status gd_world_same(gd_world *w, const char *what, const void *bytes, size_t n,
                               const char *text) GD_CHECKED;

/** Memory that all ranks of the group see, zeroed. Falls back from /dev/shm to a file under TMPDIR, and says
 * so. */
typedef struct gd_shared {
  void *data;
  size_t bytes;
  bool owner; /**< this rank is the group's first: it initialises */
} gd_shared;
/**
 * Collective: in the group, equal bytes. Errors: GD_ERR_OOM when there is no room anywhere. (A world whose
 * first window cannot be had anywhere becomes groups of one, in gd_world_init, and says so.)
 */
GD_API gd_status gd_shared_new(gd_world *w, gd_shared *out, size_t bytes) GD_CHECKED;
GD_API void gd_shared_free(gd_world *w, gd_shared *s);

/** Wait for the ranks of the group. Sleeps when ranks outnumber cores. Errors: GD_ERR_COMM naming the ranks
 * missing */
GD_API gd_status gd_group_barrier(gd_world *w) GD_CHECKED;
GD_API gd_status gd_world_barrier(gd_world *w) GD_CHECKED;

/* ---- messages (blocking ones are collective over the world) ---- */

GD_API gd_status gd_world_bcast(gd_world *w, void *data, size_t bytes, int root) GD_CHECKED;
/** data holds size x bytes; each rank has filled its own part; after it all parts are everywhere. */
GD_API gd_status gd_world_allgather(gd_world *w, void *data, size_t bytes) GD_CHECKED;
/** Parts of different length: part r is bytes range[r] of data. */
GD_API gd_status gd_world_allgatherv(gd_world *w, void *data, const gd_range range[]) GD_CHECKED;
typedef enum gd_reduce_op { GD_SUM, GD_MAX, GD_MIN } gd_reduce_op;
GD_API gd_status gd_world_allreduce_f64(gd_world *w, double *v, int n, gd_reduce_op op) GD_CHECKED;

/** Point to point, not collective; finish with gd_wait(). Handles are the world's. Any size. */
typedef struct gd_request gd_request;
GD_API gd_status gd_isend(gd_world *w, const void *data, size_t bytes, int to, int tag,
                          gd_request **out) GD_CHECKED;
GD_API gd_status gd_irecv(gd_world *w, void *data, size_t bytes, int from, int tag,
                          gd_request **out) GD_CHECKED;
/** In-place sum over the world, started now; every rank must start the same ones in the same order. */
GD_API gd_status gd_iallreduce(gd_world *w, void *data, int64_t n, bool f64, gd_request **out) GD_CHECKED;
/** Let messages move (Open MPI moves nothing by itself); cheap. */
GD_API void gd_progress(gd_world *w);
/** Wait for n requests (NULL ones are skipped) within the deadline; frees and clears them. Errors:
 * GD_ERR_COMM */
GD_API gd_status gd_wait(gd_world *w, gd_request *requests[], int n) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
