/** @file train.h  The trainer: options in, run folder out. */
#ifndef GD_TRAIN_H
#define GD_TRAIN_H

#include "gd/infer.h"
#include "gd/sync.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/** Where the time of the training loop went, in seconds of this rank; the parts sum to `total`. */
typedef struct gd_ledger {
  double data, forward, backward, sum, exchange, update, wait, evaluate, save, other, total;
} gd_ledger;

typedef struct gd_train_progress {
  int64_t step, total_steps, steps_per_epoch;
  double loss, samples_per_s;
  double epoch;
} gd_train_progress;

/** A step that is done. */
typedef struct gd_after_step {
  int64_t step, total_steps; /**< updates so far, and to come in all */
  double epoch;
  double loss;           /**< of this step, before its update */
  double lr;             /**< of this step */
  const gd_metrics *val; /**< the validation after it; NULL: there was none */
} gd_after_step;

/** What a program decides after a step; everything is kept in checkpoints, so that a resumed run decides the same. */
typedef struct gd_control {
  double lr_factor; /**< of the schedule's rate, from the next step on; 1 at first */
  bool stop;        /**< end the run here, as if this were its last step */
  double state[8];  /**< the program's own numbers; 0 at first */
} gd_control;

/** Callbacks, called on every rank. Any may be NULL. */
typedef struct gd_observer {
  void *user;
  void (*started)(void *user, const char *layout, const char *folder); /**< layout: lines of text to show */
  void (*progress)(void *user, const gd_train_progress *p);            /**< after every step; must be cheap */
  void (*row)(void *user, const gd_row *r);                            /**< after every row of metrics.csv */
  /** After every step, on rank 0 alone: what it decides holds for all ranks. Costs a wait for the step. */
  void (*after_step)(void *user, const gd_after_step *at, gd_control *c);
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

/**
 * The same with what a program has in hand: `task` overrides the options for the parts that it has, and the run folder
 * says so. Its loss, metrics and data sets are registered under their names.
 *
 * Owner:      task and what it points to must stay as long as anything of this process may use them
 * Collective: yes
 * Errors:     as gd_train(); GD_ERR_USAGE (names that are taken); those of the task's own functions, with their text
 */
GD_API gd_status gd_train_task(gd_world *w, const gd_options *o, const gd_task *task,
                               const gd_observer *observer, gd_train_result *out) GD_CHECKED;

/** Ask a running gd_train() to stop after this step and save. Async-signal-safe. */
GD_API void gd_train_stop(void);

#ifdef __cplusplus
}
#endif
#endif
