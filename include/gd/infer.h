/** @file infer.h  What was trained: its metrics on a data set, and its predictions. */
#ifndef GD_INFER_H
#define GD_INFER_H

#include "gd/comm.h"
#include "gd/options.h"
#include "gd/store.h"
#include "gd/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gd_measure {
  const gd_metric *metric;
  double value; /**< NaN: not measured */
} gd_measure;

/** What an evaluation measured, over every sample exactly once; the same bits on any number of ranks. */
typedef struct gd_metrics {
  double loss;     /**< mean over the weight of the loss; NaN: not measured */
  double accuracy; /**< value of the metric accuracy; NaN without labels */
  int64_t samples;
  int n; /**< metrics with a value, in the order of the setting `metrics` */
  gd_measure measure[GD_MAX_METRICS];
} gd_metrics;

typedef struct gd_use_options {
  const char *data; /**< data file */
  const char *x_name,
      *y_name;      /**< arrays in it; NULL: as in training, or those that are known, x_test before x_train */
  const char *loss; /**< NULL: the one it was trained with */
  const char *device;  /**< "auto", "cpu", "cuda" */
  int threads;         /**< 0: auto */
  const char *metrics; /**< names, blank-separated; NULL: all that fit */
  const char *out;     /**< folder for tables, confusion.csv; NULL: none */
  const gd_task *task; /**< whose model it is; NULL: the checkpoint's description is enough */
  FILE *text;          /**< where rank 0 prints tables; NULL: nowhere */
  const char *
      ensemble; /**< folder of a run whose snapshots are used together, instead of `checkpoint`; NULL: none */
  bool update_bn; /**< running statistics are made anew over the training data, as averaged weights need */
  const char *weights; /**< as for gd_checkpoint_choose(); NULL: the average, where one was kept */
} gd_use_options;

/**
 * Metrics of a checkpoint on a data set; classes are matched by name.
 *
 * Collective: yes
 * Errors:     GD_ERR_USAGE (a metric that does not fit), GD_ERR_CHECKPOINT, GD_ERR_DATA, GD_ERR_WRITE
 */
GD_API gd_status gd_evaluate(gd_world *w, const char *checkpoint, const gd_use_options *o,
                             gd_metrics *out) GD_CHECKED;

/**
 * Write the outputs of a checkpoint for every sample, in file order, to `path`: .h5 (/prediction, /class),
 * .npy or .csv (with class names where there are classes). With cross_entropy outputs are probabilities of classes, with
 * bce_with_logits those of a yes, for each output, and /label says which are above 1/2. Standardised targets are given in
 * their own unit.
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
