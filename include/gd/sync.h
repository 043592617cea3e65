/**
 * @file sync.h  From micro-batch gradients on every rank to the same updated parameters on every rank.
 *
 * One step, K micro-batches, all ranks:
 *   run = gd_sync_begin(s, K)                      this rank's micro-batches
 *   for k in run:  gd_sync_leaf(s, k);  forward;  gd_sync_leaf_loss(s, k, &loss, samples);  backward;
 *                  gd_sync_leaf_done(s, k, NULL)
 *   gd_sync_update(s, &step, &result)              exchange, ordered sum, update; collective
 *
 * ordered:   sums follow the tree of partition.h, so the result has the same bits on any number of ranks.
 * Each rank owns a slice of the parameters and of the optimizer state (ZeRO-1); a group holds one copy of the
 * parameters. Two groups each own everything, because then gradients for the owner and parameters back are
 * as many bytes as all gradients, of which none waits for an update. GPUs with NCCL do the same among any
 * number of ranks: a rank adds up its share of every bucket in the tree's order, sums go to everybody, and
 * each has everything. allreduce: MPI or NCCL sums in its own order; every rank updates its own copy.
 * Repeatable for a fixed number of ranks only.
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
  bool noise_scale;    /**< square the gradients: records' grad_sq, the result's grad_norm; ordered only */
  int64_t audit_every; /**< updates between audits, 0: never; see gd_sync_update() */
  size_t bucket_bytes; /**< of one message between groups, or all-reduce, in whole GD_BLOCKs; between GPUs at
                          least that, in whole parameters; 0: 48 KB (all-reduce by 4 or more ranks: for each),
                          between GPUs 4 MB */
  enum { GD_NCCL_AUTO, GD_NCCL_NEVER, GD_NCCL_ALWAYS } nccl; /**< between GPUs: auto: where it can be had */
  bool no_overlap; /**< nothing is sent before backward is over: to measure what overlap hides */
} gd_sync_options;

typedef struct gd_sync gd_sync;

/**
 * Take over the parameters: they are moved to memory of the sync (shared by the group when ordered), equal on
 * all ranks afterwards (rank 0's values). Collective: yes. Owner: caller; params and world must outlive it.
 */
GD_API gd_status gd_sync_new(gd_sync **out, gd_world *w, gd_params *p, const gd_sync_options *o) GD_CHECKED;
/** The parameters keep their values and return to the model's own memory. NULL is fine. */
GD_API void gd_sync_free(gd_sync *s);

/** What a micro-batch contributes besides gradients; summed over the step in tree order, in f64. */
typedef struct gd_record {
  double loss_sum, weight;
  double correct; /**< samples classified right, when counted */
  double samples;
  double grad_sq; /**< weight |mean gradient|^2 of this micro-batch, filled in with noise_scale, else 0 */
} gd_record;

/** An empty run, refused by gd_sync_update(), when K is not in 1 .. max_micro_batches. */
GD_API gd_range gd_sync_begin(gd_sync *s, int64_t K);
GD_API void gd_sync_leaf(gd_sync *s, int64_t k);
/**
 * What micro-batch k contributes besides gradients, from its loss, before its backward: on a GPU nobody waits
 * for the value. Or all of it at once in gd_sync_leaf_done(), which takes NULL after this; on a CPU only.
 */
GD_API gd_status gd_sync_leaf_loss(gd_sync *s, int64_t k, const gd_loss *loss, int64_t samples) GD_CHECKED;
GD_API gd_status gd_sync_leaf_done(gd_sync *s, int64_t k, const gd_record *r) GD_CHECKED;

typedef struct gd_sync_step {
  double lr;
  int64_t step;   /**< updates before this one */
  uint32_t flags; /**< or-ed over ranks into the result: requests to stop, to save ... */
} gd_sync_step;

typedef struct gd_sync_result {
  gd_record total;       /**< over the global batch */
  int64_t micro_batches; /**< of a weight above 0 */
  double grad_norm;      /**< of the mean gradient; NaN when neither clipping nor noise_scale needed it */
  uint32_t flags;
  int64_t stopped_at; /**< on GPU, after GD_ERR_NONFINITE: the step at fault, which lies in the past */
  bool updated;       /**< false: the step was not finite and nothing was changed */
  double exchange_s, update_s, wait_s; /**< this rank's ledger of the call */
} gd_sync_result;

/**
 * Collective: yes. The loss is checked on all ranks before anything is written: a sum that is not finite
 * gives result.updated = false (and GD_ERR_NONFINITE unless skip_nonfinite). With one-pass updates a gradient
 * that is not finite under a finite loss is found in the update itself and reported by the next call or by
 * gd_sync_healthy().
 *
 * Audit: after every audit_every-th update the owner of a slice keeps checksums of its parameters and state;
 * before the next update another rank of its group computes them again, and groups (allreduce: ranks) compare
 * theirs. What differs is GD_ERR_REPLICA on all ranks, naming tensor, elements, rank, host and step; nothing
 * is written. Ranks on GPUs with NCCL compare parameters and state up to 8 updates later, and do not wait for
 * it; one alone has nothing to compare.
 */
GD_API gd_status gd_sync_update(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) GD_CHECKED;

/** Were all parameters finite after the last update? Ask before saving. Collective: yes. */
GD_API gd_status gd_sync_healthy(gd_sync *s) GD_CHECKED;

/**
 * Copy parameters and optimizer state, whole and in layout order, into rank 0's buffers (ignored elsewhere).
 * Shapes: params [elements], states[i] [elements].  Collective: yes.
 */
GD_API gd_status gd_sync_gather(gd_sync *s, void *params, void *const states[]) GD_CHECKED;
/** The opposite: from rank 0's buffers to every owner. states may be NULL (zero state). Collective: yes. */
GD_API gd_status gd_sync_scatter(gd_sync *s, const void *params, const void *const states[]) GD_CHECKED;
/**
 * Let gradients leave while backward on this tape goes on: between groups when ordered, by buckets when
 * allreduce. The sync is told of complete gradients (gd_tape_on_grad_ready()) and polls for messages between
 * the kernels' pieces of work. Without it everything is sent by gd_sync_update(), with the same bits. The
 * tape tells this sync until it is attached to another one, or freed.
 */
GD_API void gd_sync_attach(gd_sync *s, gd_tape *t);

#ifdef __cplusplus
}
#endif
#endif
