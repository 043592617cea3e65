/**
 * @file sync.h  From micro-batch gradients on every rank to the same updated parameters on every rank.
 *
 * One step, K micro-batches, all ranks:
 *   run = gd_sync_begin(s, K)                      this rank's micro-batches
 *   for k in run:  gd_sync_micro_batch(s, k);  forward;  gd_sync_micro_batch_loss(s, k, &loss, samples);  backward;
 *                  gd_sync_micro_batch_done(s, k, NULL)
 *   gd_sync_update(s, &step, &result)              exchange, ordered sum, update; collective
 *
 * ordered:   sums follow the tree of partition.h, so the result has the same bits on any number of ranks.
 *            Each rank owns a slice of the parameters and of the optimizer state (ZeRO-1); a group holds one
 *            copy of the parameters. Two groups each own everything: exchanging all gradients costs as many
 *            bytes as half of the gradients and half of the parameters, and nothing waits for an update. So do
 *            GPUs with NCCL, however many: a rank adds up its share of every bucket, and sums go to all.
 * allreduce: MPI or NCCL sums in its own order; every rank updates its own copy. Repeatable only for a fixed
 *            number of ranks.
 */
#ifndef GD_SYNC_H
#define GD_SYNC_H

#include "gd/comm.h"
#include "gd/nn.h"
#include "gd/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gd_sync_mode { GD_SYNC_ORDERED, GD_SYNC_ALLREDUCE } gd_sync_mode;

typedef struct gd_sync_options {
  gd_sync_mode mode;
  gd_optim optim;
  int64_t max_micro_batches; /**< the largest K of any step */
  double clip_norm;          /**< global L2 norm, 0: off */
  double clip_value;         /**< 0: off */
  bool skip_nonfinite;       /**< on_nan: skip: a step whose loss or gradient is not finite changes nothing */
  bool noise_scale;          /**< fill in gd_step_stats.grad_sq and gd_sync_result.grad_norm; ordered only */
  int64_t audit_every;       /**< updates between audits, 0: never; see gd_sync_update() */
  /** Size of a message between groups or of an all-reduce, in whole GD_BLOCKs; between GPUs its least size,
   * in whole parameters. 0: 48 KB (times the ranks for an all-reduce of 4 or more), between GPUs 4 MB. GPUs without
   * NCCL also copy in pieces of this size, not of whole blocks; 0: 4 MB. */
  size_t bucket_bytes;
  enum { GD_NCCL_AUTO, GD_NCCL_NEVER, GD_NCCL_ALWAYS } nccl; /**< between GPUs; auto: where it is available */
  bool no_overlap; /**< nothing is copied or sent before backward is over: to measure what overlap hides */
} gd_sync_options;

typedef struct gd_sync gd_sync;

/**
 * Take over the parameters: they are moved to memory of the sync (shared by the group when ordered) with the
 * values of rank 0.
 *
 * Owner:      caller, gd_sync_free(); params and world must outlive it
 * Collective: yes
 * Errors:     GD_ERR_USAGE, GD_ERR_DTYPE, GD_ERR_OOM, GD_ERR_COMM, GD_ERR_GPU
 */
GD_API gd_status gd_sync_new(gd_sync **out, gd_world *w, gd_params *p, const gd_sync_options *o) GD_CHECKED;
/** The parameters keep their values and return to the model's own memory. NULL is fine. */
GD_API void gd_sync_free(gd_sync *s);

/** What a micro-batch contributes besides gradients; summed over the step in tree order, in f64. */
typedef struct gd_step_stats {
  double loss_sum, weight;
  double correct; /**< samples classified right, when counted */
  double samples;
  double grad_sq; /**< weight |mean gradient|^2 of this micro-batch, filled in with noise_scale, else 0 */
} gd_step_stats;

/** Begin a step; returns this rank's micro-batches. Empty, and refused by gd_sync_update(), unless K is in
 * 1 .. max_micro_batches. */
GD_API gd_range gd_sync_begin(gd_sync *s, int64_t K);
/** Before micro-batch k: its gradients go where the sum expects them. */
GD_API void gd_sync_micro_batch(gd_sync *s, int64_t k);
/** Record loss, weight and samples of micro-batch k, before its backward. No wait for a GPU. */
GD_API gd_status gd_sync_micro_batch_loss(gd_sync *s, int64_t k, const gd_loss *loss,
                                          int64_t samples) GD_CHECKED;
/** After the backward of micro-batch k. `r`: its record if gd_sync_micro_batch_loss() was not called; CPU only. */
GD_API gd_status gd_sync_micro_batch_done(gd_sync *s, int64_t k, const gd_step_stats *r) GD_CHECKED;

typedef struct gd_sync_step {
  double lr;
  int64_t step;   /**< steps before this one, for messages and audits */
  uint32_t flags; /**< or-ed over ranks into the result: requests to stop, to save ... */
  bool cycles;    /**< as in gd_update */
  double momentum;
} gd_sync_step;

typedef struct gd_sync_result {
  gd_step_stats total;   /**< over the global batch */
  int64_t micro_batches; /**< of a weight above 0 */
  double grad_norm;      /**< of the mean gradient; NaN when neither clipping nor noise_scale needed it */
  uint32_t flags;
  int64_t
      stopped_at; /**< after GD_ERR_NONFINITE: number of the step at fault, as gd_sync_step.step; it may be past */
  bool updated;                        /**< false: the step was not finite and nothing was changed */
  double exchange_s, update_s, wait_s; /**< this rank's ledger of the call */
} gd_sync_result;

/**
 * Exchange, sum, update: afterwards all ranks have the new parameters.
 *
 * The loss is checked on all ranks before anything is written: if the sum is not finite, result.updated is
 * false (and the status GD_ERR_NONFINITE unless skip_nonfinite). A gradient that is not finite under a finite
 * loss is caught before the update when that takes two passes (clipping, lars, skip_nonfinite); otherwise the
 * update meets it, and the next call or gd_sync_healthy() reports it.
 *
 * Audit: after every audit_every-th update the owner of a slice keeps checksums of its parameters and state.
 * Before the next update another rank of its group computes them again, and groups (allreduce: ranks) compare
 * theirs. A difference is GD_ERR_REPLICA on all ranks, with tensor, elements, rank, host and step. Ranks on
 * GPUs with NCCL compare parameters and state up to 8 updates later, without waiting; one rank has nothing to
 * compare.
 *
 * Collective: yes
 * Errors:     GD_ERR_USAGE, GD_ERR_NONFINITE, GD_ERR_REPLICA, GD_ERR_COMM, GD_ERR_GPU
 */
GD_API gd_status gd_sync_update(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) GD_CHECKED;

/** Ask before saving. Collective: yes. Errors: GD_ERR_NONFINITE when a parameter is not finite */
GD_API gd_status gd_sync_healthy(gd_sync *s) GD_CHECKED;

/**
 * Copy the whole parameters and optimizer state, in layout order, to rank 0 (pointers elsewhere are ignored).
 *
 * Shapes:     params [elements], states[i] [elements]
 * Collective: yes
 */
GD_API gd_status gd_sync_gather(gd_sync *s, void *params, void *const states[]) GD_CHECKED;
/** The reverse: from rank 0 to every owner; states NULL: all zero, and no updates made. Collective: yes */
GD_API gd_status gd_sync_scatter(gd_sync *s, const void *params, const void *const states[]) GD_CHECKED;

/**
 * How many updates were made; a step that was left out (skip_nonfinite) is none. Adam's correction of its bias, the first
 * velocity of sgd and averages count by it, as PyTorch's do. On a GPU those are counted whose results are known.
 */
GD_API int64_t gd_sync_updates(const gd_sync *s);
/** With the states of a checkpoint: how many updates led to them. The same on all ranks. */
GD_API void gd_sync_set_updates(gd_sync *s, int64_t updates);

/**
 * Bind the model to the average of the parameters (gd_optim.ema, .swa_every), to validate it, or back to the
 * parameters. Between steps; nothing may be updated while the average is bound.
 *
 * Collective: yes
 * Errors:     GD_ERR_USAGE when no average is kept, GD_ERR_OOM, GD_ERR_COMM, GD_ERR_GPU
 */
GD_API gd_status gd_sync_bind_average(gd_sync *s, bool average) GD_CHECKED;

/**
 * Send gradients while backward on this tape still runs, between groups (ordered) or in buckets (allreduce), or from
 * GPUs, by NCCL or to the host:
 * the sync takes the tape's gd_tape_on_grad_ready() hook and polls for messages between pieces of kernel
 * work. Without it gd_sync_update() sends everything, with the same bits. Holds until the tape is attached to
 * another sync or freed.
 */
GD_API void gd_sync_attach(gd_sync *s, gd_tape *t);

#ifdef __cplusplus
}
#endif
#endif
