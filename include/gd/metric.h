/**
 * @file metric.h  Metrics: what is measured of a model besides its loss, each one record.
 *
 * A metric adds up numbers over the micro-batches of an evaluation, each sample once, and makes one value of the
 * totals. Totals have the same bits on any number of ranks. A program's own metric is one more record
 * (gd_metric_register()), known to `metrics:` by its name.
 */
#ifndef GD_METRIC_H
#define GD_METRIC_H

#include "gd/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is evaluated. */
typedef struct gd_metric_of {
  const gd_criterion *criterion;
  bool labels;
  int64_t classes;               /**< of the model; 0 where targets are numbers */
  int64_t targets;               /**< numbers of a target, or labels of a sample */
  int64_t outputs;               /**< of the model, per sample */
  const char *const *class_name; /**< [classes], or NULL */
  const double *mean, *std;      /**< [targets] of standardised targets; NULL: they are as in the data */
  bool pixels;                   /**< there is a label for each pixel */
} gd_metric_of;

/** A micro-batch that was evaluated. Recording is off on its tape. */
typedef struct gd_evaluated {
  const gd_metric_of *of;
  gd_tape *tape;
  gd_tensor *const *output; /**< [n_outputs] */
  int n_outputs;
  const gd_batch *batch;
  struct gd_host_values *host; /**< gd_evaluated_values() */
} gd_evaluated;

/**
 * The values of a tensor of this evaluation, in host memory and f64, until the next micro-batch. Several metrics
 * that ask for the same tensor share one copy. Targets that were standardised, and the (first) output that stands for
 * them, are given in the unit of the data.
 */
GD_API gd_status gd_evaluated_values(const gd_evaluated *e, const gd_tensor *t,
                                     const double **out) GD_CHECKED;

/** How the numbers of micro-batches become totals. */
typedef enum gd_metric_kind {
  GD_METRIC_SUMS,    /**< real numbers, added in the tree over micro-batches (or merged by merge()) */
  GD_METRIC_COUNTS,  /**< whole numbers, many if need be: exact in any order */
  GD_METRIC_SAMPLES, /**< some for every row of the batch, kept in the order of the data */
} gd_metric_kind;

/** A kind of metric. One of a program's own is a static record that stays. */
typedef struct gd_metric {
  const char *name;  /**< "top5": the column val.top5 */
  const char *about; /**< one line for --help-metrics */
  unsigned target;   /**< gd_target bits */
  bool larger_is_better;
  bool percent; /**< shown times 100 */
  bool table;   /**< it is no single value: write() makes a file NAME.csv */
  gd_metric_kind kind;
  /** *(optional)* Whether it means something here, besides its kind of target. */
  bool (*fits)(const gd_metric_of *of);
  /** *(optional)* How many numbers; 2 without it: a sum and its weight. */
  int64_t (*numbers)(const gd_metric_of *of);
  /** Add (SAMPLES: write, for each row) the numbers of a micro-batch to `to`, which begins as zeros. */
  gd_status (*count)(const gd_evaluated *e, double *to);
  /** *(optional)* SUMS: a = what a and b come to together, instead of a + b. */
  void (*merge)(const gd_metric_of *of, double *a, const double *b);
  /** *(optional)* The value of the totals (of n rows); without it total[0] / total[1]. NaN: not measured. */
  double (*value)(const gd_metric_of *of, const double *total, int64_t n);
  void (*write)(const gd_metric_of *of, const double *total, FILE *f); /**< of a table, as CSV */
  void (*print)(const gd_metric_of *of, const double *total,
                FILE *f); /**< *(optional)* of a table, for people */
} gd_metric;

#define GD_MAX_METRICS 16 /**< of an evaluation */

/** The i-th metric, built-in or registered; NULL past the last. */
GD_API const gd_metric *gd_metric_at(int i);
/** The metric of that name. Errors: GD_ERR_USAGE with the nearest name */
GD_API gd_status gd_metric_find(const gd_metric **out, const char *name) GD_CHECKED;
/** Make a metric of one's own known under its name; the record must stay. Errors: GD_ERR_USAGE */
GD_API gd_status gd_metric_register(const gd_metric *m) GD_CHECKED;
/** Print the metrics, or the one of that name. Errors: GD_ERR_USAGE */
GD_API gd_status gd_metrics_manual(FILE *f, const char *name) GD_CHECKED;
/** Does it fit this loss and these data? */
GD_API bool gd_metric_fits(const gd_metric *m, const gd_metric_of *of);

#ifdef __cplusplus
}
#endif
#endif
