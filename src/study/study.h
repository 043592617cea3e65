/*
 * A study: many runs of one job that differ in batch size, rate and seed.
 *
 * The folder holds the whole state: runs/<id>.csv is the curve of a run, complete or absent, and everything
 * else is derived from the curves. So an interrupted study can continue, adding a batch size runs only that
 * one, and the result depends neither on the order of the runs nor on the number of ranks.
 */
#ifndef GDI_TRAIN_STUDY_H
#define GDI_TRAIN_STUDY_H

#include "gd/compare.h"
#include "base/h5write.h"
#include "base/stats.h"
#include "train/job.h"

enum {
  GDI_STUDY_MAX_BATCHES = 64,
  GDI_STUDY_MAX_RATES = 256,
  GDI_STUDY_MAX_SEEDS = 64,
  GDI_STUDY_LEVELS = 4
};

/* ---- curves: what a run measured (curve.c) */

typedef struct gdi_point {
  int64_t updates;
  double epochs, samples, seconds; /* seconds of training, without measuring */
  double train_loss;               /* mean of the steps since the last point; NaN at 0 */
  double loss, measure;            /* of validation; measure: of the metric that targets are for */
  double noise_scale;
} gdi_point;

typedef struct gdi_curve {
  const char *measure; /* name of what point.measure is; NULL: accuracy */
  gdi_point *point;
  int n;
  int64_t diverged; /* updates after which nothing was finite; -1: it did not */
} gdi_curve;

gd_status gdi_curve_add(gdi_curve *c, const gdi_point *p) GD_CHECKED;
void gdi_curve_clear(gdi_curve *c);
gd_status gdi_curve_write(const gdi_curve *c, const char *folder, const char *name) GD_CHECKED;
/* An absent file is an empty curve. Errors: GD_ERR_DATA */
gd_status gdi_curve_read(gdi_curve *c, const char *path) GD_CHECKED;
/* Read folder/ID.csv unless it is the file that `stamp` is of. */
gd_status gdi_curve_refresh(gdi_curve *c, int64_t *stamp, const char *folder, const char *id) GD_CHECKED;
/* Its columns as arrays of the group. */
gd_status gdi_curve_put(const gdi_curve *c, gdi_h5_writer *h, const char *group) GD_CHECKED;

typedef struct gdi_target {
  double loss, measure; /* NaN: not asked for */
  bool smaller;         /* a smaller measure is better */
} gdi_target;
bool gdi_target_met(const gdi_target *t, const gdi_point *p);

/* The measurement after the one at `updates`: a share later, and always at the limit. */
int64_t gdi_study_next(int64_t updates, double resolution, int64_t limit);

typedef enum gdi_outcome { GDI_INCOMPLETE, GDI_REACHED, GDI_DIVERGED, GDI_CUT, GDI_NEVER } gdi_outcome;
typedef struct gdi_verdict {
  gdi_outcome outcome;
  const gdi_point *end; /* where the target was met, else the last finite measurement; NULL: none */
  double crossing;      /* updates where a line from the measurement before meets the target; infinity: not */
} gdi_verdict;
/*
 * The outcome of a run when nothing after `horizon` updates counts, even if it ran further: a pure function.
 * The horizon is the budget `limit`, or less: twice the updates of the best run.
 */
gdi_verdict gdi_curve_judge(const gdi_curve *c, const gdi_target *t, int64_t horizon, int64_t limit,
                            double resolution);

/* ---- what all studies share (folder.c, micro.c) */

enum { GDI_STUDY_FOLDER = 4000, GDI_STUDY_RUNS = 4050 };
/*
 * The folder of a study, new or to be continued, and its runs/; `about` is what its runs have in common, kept in
 * study.txt. *guard keeps other processes out until it is closed. For one rank.
 * Errors: GD_ERR_USAGE, it holds another study
 */
gd_status gdi_study_folder(char folder[GDI_STUDY_FOLDER], char runs[GDI_STUDY_RUNS], const char *wanted,
                           const char *about, int *guard) GD_CHECKED;
/*
 * Is the micro-batch part of what is learned: has the model statistics, or does augmentation pair samples of a
 * micro-batch? `o`: settings of a run on the sets of `data`. Errors: those of model and augmentation
 */
gd_status gdi_micro_batch_counts(const gdi_job *data, const gd_options *o, bool *counts) GD_CHECKED;
/* The most samples of a micro-batch where it counts; automatic: a function of the batch alone. */
int64_t gdi_micro_batch_held(int64_t n, const gd_options *o);
void gdi_tell_micro_batch(int64_t micro, const char *of);
/* Planned as for one rank, so that it is the same on any number. */
gdi_batches gdi_study_batches_of(int64_t n, const gd_options *o);

/* ---- the plan (plan.c) */

typedef struct gdi_trial {
  int batch, rate, seed; /* indices */
  char id[96];
  gdi_curve curve;
  int64_t stamp; /* of the file that the curve was read from */
} gdi_trial;

typedef struct gdi_study {
  gd_options base;
  gd_compare_options what;
  const gd_metric *metric; /* of curves and target */
  gdi_target target;
  int64_t n; /* training samples */
  int batches, rates, seeds;
  int64_t batch[GDI_STUDY_MAX_BATCHES]; /* largest first */
  int64_t limit[GDI_STUDY_MAX_BATCHES]; /* updates in the budget */
  double rate[GDI_STUDY_MAX_RATES];     /* largest first: what diverges does so soon */
  bool scaled;                          /* no grid: rate[0] is scaled with the batch */
  gdi_trial *trial;                     /* [batches * rates * seeds] */
  int trials;
  char folder[GDI_STUDY_FOLDER], runs[GDI_STUDY_RUNS];
} gdi_study;

gd_status gdi_study_batches(int64_t *list, int *n, const char *text, int64_t samples) GD_CHECKED;
gd_status gdi_study_grid(double *list, int *n, const char *text) GD_CHECKED;
void gdi_study_hold_micro_batch(gdi_study *s); /* where it counts, after the plan */
gd_status gdi_study_plan(gdi_study *s, const gd_options *o, const gd_compare_options *c,
                         int64_t n) GD_CHECKED;
void gdi_study_free(gdi_study *s);
gdi_trial *gdi_study_trial(const gdi_study *s, int batch, int rate, int seed);
double gdi_study_rate(const gdi_study *s, int batch, int rate);
/* Micro-batches in a step: the most ranks that it can use. */
int64_t gdi_study_width(const gdi_study *s, int batch);
/* The settings of one run. */
gd_options gdi_study_options(const gdi_study *s, int batch, int rate, int seed);
/* Updates that count for runs of this batch and seed: twice the best so far, or the budget. */
int64_t gdi_study_horizon(const gdi_study *s, int batch, int seed);
gdi_verdict gdi_study_judge(const gdi_study *s, const gdi_trial *t);

/* ---- running (run.c, queue.c) */

/* Read curves that have changed since they were read last. */
gd_status gdi_study_refresh(gdi_study *s, gdi_trial *t) GD_CHECKED;
/* Run a trial to `horizon`, or to twice the best that others of its batch and seed reach meanwhile.
 * Collective over w. */
gd_status gdi_study_run(gdi_study *s, gd_world *w, const gdi_job *data, gdi_trial *t,
                        int64_t horizon) GD_CHECKED;
/* Gradient noise scale at the parameters of a run; NaN where the gradient is lost in the noise. The run
 * cannot go on afterwards. Collective over its world. */
gd_status gdi_study_noise(gdi_job *run, double *out) GD_CHECKED;
/* Time `updates` updates of a trial, by itself; seconds at the points of its curve. Collective over w. */
gd_status gdi_study_time(gdi_study *s, gd_world *w, const gdi_job *data, const gdi_trial *t, int64_t updates,
                         gdi_curve *out) GD_CHECKED;
/* Run all trials that are missing. Collective over w. */
gd_status gdi_study_run_all(gdi_study *s, gd_world *w, const gdi_job *data) GD_CHECKED;

/* ---- results (table.c, write.c) */

gd_status gdi_study_table(const gdi_study *s, gd_compare_result *out) GD_CHECKED;
gd_status gdi_study_write(const gdi_study *s, const gd_compare_result *r) GD_CHECKED;
/* Index of the rate of a row. */
int gdi_study_best_rate(const gdi_study *s, int batch);
const char *gdi_outcome_name(gdi_outcome o);

/* The slope of log y over log x around point i, from its neighbours; NaN where there is none. */
double gdi_local_slope(int i, int n, const double *x, const double *y);
const char *gdi_regime(double slope);
/* Bootstrap intervals of the fit to the medians of updates[seed * n + i], infinity where not reached. */
gd_status gdi_hyperbola_bootstrap(gd_hyperbola *h, int n, int seeds, const double *batch,
                                  const double *updates) GD_CHECKED;

#endif
