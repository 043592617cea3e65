/** @file batch.h  A micro-batch: a few named tensors, as a model and its loss see them. */
#ifndef GD_BATCH_H
#define GD_BATCH_H

#include "gd/partition.h"
#include "gd/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GD_MAX_FIELDS 8

typedef struct gd_field {
  const char *name; /**< "x", "y", or what a data set calls it */
  gd_tensor *tensor;
  bool input; /**< beyond x: a further input of the model */
} gd_field;

/** A micro-batch of M samples, valid until the next gd_loader_get(). x and y are the first two fields. */
typedef struct gd_batch {
  gd_tensor *x; /**< [M, sample...] of the model's type, scaled and standardised */
  gd_tensor
      *y; /**< labels i64 [M], or [M,H,W] of pixels; or targets [M] / [M,k] of the model's type; or, of mixed
                    classes, probabilities [M,classes] of that type */
  gd_tensor *w;  /**< weights of samples [M] of the model's type, also a field "w"; NULL: all weigh 1 */
  gd_range rows; /**< positions in the epoch */
  int n_fields;
  gd_field field[GD_MAX_FIELDS];
} gd_batch;

/** A batch of x and y alone. */
GD_API gd_batch gd_batch_of(gd_tensor *x, gd_tensor *y, gd_range rows);
/** The field of that name, or NULL. */
GD_API gd_tensor *gd_batch_get(const gd_batch *b, const char *name);

#ifdef __cplusplus
}
#endif
#endif
