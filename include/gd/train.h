/** @file train.h  The trainer: options in, run folder out; and evaluation and prediction of what it made. */
#ifndef GD_TRAIN_H
#define GD_TRAIN_H

#include "gd/comm.h"
#include "gd/options.h"
#include "gd/store.h"
#include "gd/sync.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- metrics ---- */

/** What an evaluation measured, over every sample exactly once; the same bits on any number of ranks. */
typedef struct gd_metrics {
  double loss;     /**< mean over the weight of the loss; NaN: not measured */
  double accuracy; /**< share of samples whose largest output is the label; NaN without labels */
  int64_t samples;
} gd_metrics;

/** One row of metrics.csv: an interval of training that ends after `step` updates. */
typedef struct gd_row {
  int64_t step;
  double epoch;         /**< passes over the data so far, fractional */
  double loss;          /**< mean over the interval, each step's before its update */
  double lr;            /**< of the last update */
  double grad_norm;     /**< of the last update; NaN where clipping did not ask for it */
  double samples_per_s; /**< training only, without evaluation */
  gd_metrics val;       /**< NaN where the interval has no validation */
  double seconds;       /**< the run has taken, without the time between a stop and a resume */
  double noise_scale;   /**< S / |G|^2, smoothed (option noise_scale); NaN where there is none */
  double noise_s;       /**< S: trace of the covariance of one sample's gradient */
  double noise_g2;      /**< |G|^2 of the gradient without noise */
} gd_row;

/* ---- training ---- */

/** Where the time of the training loop went, in seconds of this rank; the parts sum to `total`. */
typedef struct gd_ledger {
  double data, forward, backward, sum, exchange, update, wait, evaluate, save, other, total;
} gd_ledger;

typedef struct gd_tick {
  int64_t step, total_steps, steps_per_epoch;
  double loss, samples_per_s;
} gd_tick;

/** Callbacks, called on every rank. Any may be NULL. */
typedef struct gd_observer {
  void *user;
  void (*started)(void *user, const char *layout, const char *folder); /**< layout: lines of text to show */
  void (*progress)(void *user, const gd_tick *p);                      /**< after every step; must be cheap */
  void (*row)(void *user, const gd_row *r);                            /**< after every row of metrics.csv */
} gd_observer;

typedef struct gd_train_result {
  int64_t steps, parameters;
  gd_row last, best;    /**< best by validation accuracy (labels) or loss; step 0 when never validated */
  double samples_per_s; /**< NaN, as last.loss is, when no step was left to do */
  gd_ledger ledger;
  char folder[4096], checkpoint[4096];
  gd_digest digest; /**< of the final parameters */
} gd_train_result;

/**
 * Train as the options say and write the run folder (README: what is in it).
 * Collective: yes; options equal on all ranks.
 * Errors: every status of the exit-code table, the same on all ranks; GD_STOPPED after a stop on request
 */
GD_API gd_status gd_train(gd_world *w, const gd_options *o, const gd_observer *observer,
                          gd_train_result *out) GD_CHECKED;

/** Ask a running gd_train() to stop after this step and save. Async-signal-safe. */
GD_API void gd_train_stop(void);

/* ---- measuring ---- */

/**
 * Where the time of one step goes on this machine. Steps queued on a GPU are timed by events on its stream;
 * their ledger is the host's, where data, forward, backward and sum are the time to queue work, and wait is
 * waiting for the GPU.
 */
typedef struct gd_bench_result {
  gd_ledger ledger;      /**< seconds a step: means over ranks */
  double step_s;         /**< median; of queued steps over groups of 8 */
  double products_s;     /**< the step's matrix products alone, bare, one by one, at one rank's share */
  double products_flops; /**< floating-point operations of those */
  double samples_per_s;
  double barrier_s;  /**< one barrier of all ranks */
  double exchange_s; /**< the NCCL exchange of a step, alone; 0: there is none */
  bool gpu, queued;  /**< steps run on GPUs; and nothing of a step waits for the host */
  int kernels;       /**< launches in a step that is recorded as a CUDA graph; 0: steps are not recorded */
  int longest_path;  /**< of them: how many follow one another, the others run beside them */
  int64_t steps, parameters;
  char layout[2048];
} gd_bench_result;

/** Time steps of a run (options' steps, or 200, after a warm-up); nothing is written. Collective: yes */
GD_API gd_status gd_bench(gd_world *w, const gd_options *o, gd_bench_result *out) GD_CHECKED;

/** One size of a bench of communication, in seconds: medians, each of the slowest rank. */
typedef struct gd_comm_row {
  size_t bytes;
  double all_reduce_s; /**< in-place sum of f32 */
  double ordered_s;    /**< an update: gradients to owners, ordered sum, update, parameters back */
} gd_comm_row;

/** When gradients are sent: never (each rank alone with the busiest one's work), after or during backward. */
typedef enum gd_comm_way { GD_COMM_ALONE, GD_COMM_AFTER, GD_COMM_DURING, GD_COMM_WAYS } gd_comm_way;

typedef struct gd_comm_bench {
  char path[64];     /**< what carried the data: "NCCL 2.28.9" or MPI */
  bool nccl, queued; /**< steps are queued on GPUs: exchange_s is then the host's wait for them */
  gd_comm_row row[16];
  int rows;
  int64_t steps;
  double step_s[GD_COMM_WAYS];     /**< median, of the slowest rank */
  double exchange_s[GD_COMM_WAYS]; /**< ledger lines exchange and wait of a step, mean over steps and ranks */
  char layout[2048];
} gd_comm_bench;

/**
 * Time all-reduce and the ordered exchange for 4, 16, 64 ... bytes up to max_bytes, or as far as memory
 * allows; and steps of the options' model, in turns, in each gd_comm_way. Overlap hides the fraction
 * (after - during) / (after - alone) of the communication. Collective: yes
 */
GD_API gd_status gd_bench_comm(gd_world *w, const gd_options *o, size_t max_bytes,
                               gd_comm_bench *out) GD_CHECKED;

/* ---- the promises, checked ---- */

typedef enum gd_outcome { GD_PASS, GD_FAILED, GD_SKIPPED } gd_outcome;

typedef struct gd_check {
  char name[24];
  gd_outcome outcome;
  char figure[400]; /**< what was measured, or why it failed or was skipped */
} gd_check;

/** Called on every rank as soon as a check is done. */
typedef void (*gd_check_done)(void *user, const gd_check *c);

/**
 * Check the promises on this model, these data and this cluster, in a few steps of at most 2048 samples:
 * gradients against differences; equal parameters on all ranks, on one rank alone, over the short batch at
 * the end of an epoch, with halved micro-batches and after a resume from a checkpoint; every sample once an
 * epoch; the transport. Writes a checkpoint below `out` (or runs/) and removes it.
 *
 * Collective: yes; options equal on all ranks
 * Errors:     GD_ERR_REPLICA naming the checks that failed; as gd_train() when a check could not be made
 */
GD_API gd_status gd_verify(gd_world *w, const gd_options *o, gd_check_done done, void *user) GD_CHECKED;

/* ---- using what was trained ---- */

typedef struct gd_use_options {
  const char *data;   /**< data file */
  const char *loss;   /**< NULL: the one it was trained with */
  const char *device; /**< "auto", "cpu", "cuda" */
  int threads;        /**< 0: auto */
} gd_use_options;

/** Metrics of a checkpoint on a data set; classes are matched by name. Collective: yes */
GD_API gd_status gd_evaluate(gd_world *w, const char *checkpoint, const gd_use_options *o,
                             gd_metrics *out) GD_CHECKED;

/**
 * Write the outputs of a checkpoint for every sample, in file order, to `path`: .h5 (/prediction, /class),
 * .npy or .csv (with class names where there are classes). Softmax is applied to models trained with
 * cross_entropy.
 *
 * Collective: yes
 * Errors:     GD_ERR_USAGE (another file extension), GD_ERR_WRITE, and those of gd_evaluate()
 */
GD_API gd_status gd_predict(gd_world *w, const char *checkpoint, const gd_use_options *o,
                            const char *path) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
