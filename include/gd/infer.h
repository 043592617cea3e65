/** @file infer.h  What was trained: its metrics on a data set, and its predictions. */
#ifndef GD_INFER_H
#define GD_INFER_H

#include "gd/comm.h"
#include "gd/options.h"
#include "gd/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What an evaluation measured, over every sample exactly once; the same bits on any number of ranks. */
typedef struct gd_metrics {
  double loss;     /**< mean over the weight of the loss; NaN: not measured */
  double accuracy; /**< share of samples whose largest output is the label; NaN without labels */
  int64_t samples;
} gd_metrics;

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
