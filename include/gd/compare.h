/**
 * @file compare.h  Runs compared: batch sizes by updates, epochs and seconds to a target, with a model of why; any settings
 * by what they reach; numbers of ranks by the time of a step.
 */
#ifndef GD_COMPARE_H
#define GD_COMPARE_H

#include "gd/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What is compared. The protocol is that of Shallue et al. 2018: the learning rate is tuned on the grid for
 * every batch size, and a run has reached the target at the first measurement strictly beyond it. All runs
 * are measured after the same numbers of updates, each larger than the one before by the fraction
 * `resolution`.
 */
typedef struct gd_compare_options {
  const char *batch_sizes; /**< "full,512,64,1"; NULL: full,4096,512,64,8, those that there are samples for */
  const char *lr_grid;     /**< "lo:hi:n", spaced evenly in the logarithm; NULL: the run's own rate */
  double target_loss;      /**< NaN: none */
  double target_measure;   /**< of target_metric; NaN: none; both given: both must be met */
  const gd_metric *target_metric;  /**< NULL: accuracy */
  int64_t seeds;                   /**< runs of each batch and rate: seed, seed + 1 ... */
  int64_t max_epochs, max_updates; /**< a run ends when both are spent */
  int64_t ranks_per_run;           /**< 0: auto */
  double resolution;               /**< 0: 0.03 */
} gd_compare_options;

/** One batch size at its best rate: medians over seeds, infinite when fewer than half reach the target. */
typedef struct gd_compare_row {
  int64_t batch;
  bool full;
  double lr;
  bool edge; /**< the best rate is an end of the grid: a better one may lie beyond */
  double updates, updates_min, updates_max;
  double crossing; /**< updates at the target, interpolated between measurements: what is fitted */
  double epochs, samples;
  double final_loss;  /**< where the runs ended: at the target, or at the last measurement */
  double noise_scale; /**< at the end of the runs; NaN: not measured */
  double slope; /**< of log updates over log batch, from the neighbours; NaN at the edge of what reached */
  const char *regime;                      /**< "halving", "diminishing", "flat", "" */
  int runs, reached, diverged, cut, never; /**< over all rates and seeds */
  double seconds;                          /**< training alone to the target, run by itself */
  int ranks;                               /**< in that run */
} gd_compare_row;

/**
 * Least-squares fit, in logarithms, of updates(B) = s_min + e_min / B, that is (S/s_min - 1)(E/e_min - 1) = 1
 * (McCandlish et al. 2018). `deviation` is how far the points lie off this model; the intervals treat that as
 * noise, so they are valid only as far as the model is.
 */
typedef struct gd_hyperbola {
  int points; /**< 0: too few batch sizes reached the target */
  double s_min, e_min, b_crit;
  double deviation;    /**< of the logarithms from the curve: root of squares / (points - 2) */
  double lo[3], hi[3]; /**< 95 % bootstrap intervals of s_min, e_min, b_crit: over residuals and seeds */
} gd_hyperbola;

typedef struct gd_compare_result {
  gd_compare_row *row; /**< [rows], largest batch first; gd_compare_free() */
  int rows;
  gd_hyperbola fit;
  double b_simple; /**< gradient noise scale that predicts b_crit: median of the rows; NaN: not measured */
  char folder[4096];
} gd_compare_result;

/**
 * Run the study in the folder o->out, or continue it: finished runs are kept, missing ones are run. Writes
 * compare.csv, runs.csv, compare.h5, and runs/ with the curve of each run.
 *
 * Owner:      caller, gd_compare_free(); the result is complete on rank 0 only
 * Collective: yes
 * Errors:     GD_ERR_USAGE (lists, targets, a folder of another study) and those of gd_train(); a run that
 *             diverges is a result, not an error
 */
GD_API gd_status gd_compare(gd_world *w, const gd_options *o, const gd_compare_options *c,
                            gd_compare_result *out) GD_CHECKED;
GD_API void gd_compare_free(gd_compare_result *r);

/** The fit alone, without intervals, over n >= 3 batch sizes. Errors: GD_ERR_USAGE */
GD_API gd_status gd_hyperbola_fit(gd_hyperbola *out, int n, const double batch[],
                                  const double updates[]) GD_CHECKED;

/* ---- anything varied: every combination trained to its end ---- */

typedef struct gd_vary_options {
  /**
   * Each is a setting and its values, "lr=0.1,0.2", "seed=1..5" or "schedule={name: sgdr, t0: 1},{name: cosine}", or maps of
   * several settings, "{lr: 0.1, momentum: 0.9},{lr: 0.2}". A value is what stands between commas outside of brackets and
   * quotes; one that begins with a bracket is YAML. All combinations are run.
   */
  const char *const *vary;
  int n;
  int64_t ranks_per_run; /**< 0: auto */
} gd_vary_options;

/**
 * What one combination comes to over its seeds: medians, and the smallest and largest. `last` is what the last validation
 * measured, `best` the best of all validations. A run that diverged counts as worst.
 */
typedef struct gd_vary_row {
  const char *settings; /**< "schedule={name: sgdr, t0: 1} lr=0.1"; "": nothing but the seed was varied */
  int seeds, diverged;
  double last, min, max, best;
  double epochs, seconds; /**< seconds: of training and validation, while other runs were side by side */
  double difference;      /**< mean over seeds of the first row's less this one's; NaN in the first row */
  double lo, hi;          /**< its interval; NaN: fewer than two seeds, or one diverged */
  bool differs;           /**< 0 is outside of it: more than the seeds differ */
} gd_vary_row;

typedef struct gd_vary_result {
  gd_vary_row *row; /**< [rows], best median first; gd_vary_free() */
  int rows;
  const char *measure; /**< what was measured: "accuracy", "loss" or another metric */
  bool percent;        /**< it is a share */
  bool larger_is_better;
  int pairs; /**< that intervals hold for together: 95 % for all of them (Bonferroni) */
  gd_arena *arena;
  char folder[4096];
} gd_vary_result;

/**
 * Run every combination, each with gd_train() in a folder of its own, side by side on the ranks, or continue: finished runs
 * are kept, those under way resume. Writes vary.csv, runs.csv, vary.h5 (all curves) and curves.dat into the folder o->out.
 * Where micro-batches are part of what is learned (batch norm, mixup) all runs have the same, as the smallest batch needs,
 * unless they are varied. Differences are between runs of one seed, which share initial values, order and split;
 * their intervals are Student's t.
 *
 * Owner:      caller, gd_vary_free(); the result is complete on rank 0 only
 * Collective: yes
 * Errors:     GD_ERR_USAGE (what is varied, a folder of another study, no validation data) and those of gd_train(); a run
 *             that diverges is a result, not an error
 */
GD_API gd_status gd_vary(gd_world *w, const gd_options *o, const gd_vary_options *v,
                         gd_vary_result *out) GD_CHECKED;
GD_API void gd_vary_free(gd_vary_result *r);

/* ---- scaling: the same run on several numbers of ranks ---- */

/** One number of ranks; strong: the run's batch; weak: that batch for each rank. NaN: not measured. */
typedef struct gd_scaling_row {
  int ranks;
  int64_t batch[2];     /**< strong, weak */
  double step_s[2];     /**< median time of a step */
  double efficiency[2]; /**< against the fewest ranks measured: 1 is perfect */
  gd_ledger ledger;     /**< strong: shares of the step, mean over ranks */
  double held_out_s[2]; /**< predicted from the other numbers of ranks alone */
  bool run;             /**< false: only predicted */
} gd_scaling_row;

/** Time of a step: compute_s samples(busiest rank) + latency_s log2(ranks) + bytes(ranks) / bandwidth. */
typedef struct gd_scaling_fit {
  double compute_s; /**< seconds per sample of the busiest rank */
  double latency_s; /**< seconds per doubling of the ranks; 0: no measurable part */
  double byte_s;    /**< seconds per byte of communication; 0: no measurable part */
} gd_scaling_fit;

typedef struct gd_scaling {
  gd_scaling_row *row; /**< measured ones, then predictions; gd_scaling_free() */
  int rows;
  gd_scaling_fit fit;
  double held_out_error; /**< worst relative error of held_out_s; NaN: fewer than 3 numbers of ranks */
  int threads;           /**< of each rank */
  int64_t micro;
} gd_scaling;

/**
 * Time the run on the first r ranks of the world, for every r in `ranks` ("1,2,4,8").
 *
 * Owner:      caller, gd_scaling_free(); complete on rank 0 only
 * Collective: yes
 * Errors:     GD_ERR_USAGE (more ranks than the world has), and those of gd_bench()
 */
GD_API gd_status gd_scaling_run(gd_world *w, const gd_options *o, const char *ranks,
                                gd_scaling *out) GD_CHECKED;
GD_API void gd_scaling_free(gd_scaling *s);

#ifdef __cplusplus
}
#endif
#endif
