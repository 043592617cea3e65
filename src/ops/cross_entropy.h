/* Arguments of cross_entropy. */
#ifndef GDI_OPS_CROSS_ENTROPY_H
#define GDI_OPS_CROSS_ENTROPY_H

#include "ops/ops.h"

/*
 * Inputs: logits [...,C], labels i64 [...], class weights [C] or NULL. Forward always makes saved[1], the f64 scalar sum of the
 * weights of the rows that are not ignored.
 */
typedef struct gdi_cross_entropy {
  int64_t ignore; /* label that does not count */
} gdi_cross_entropy;

static inline int64_t gdi_classes(const gd_tensor *logits) {
  return logits->shape[logits->ndim - 1];
}

/* B of logits [B,C], whatever its leading dimensions. */
static inline int64_t gdi_rows_of_classes(const gd_tensor *logits) {
  int64_t rows = 1;
  for (int i = 0; i < logits->ndim - 1; i++) rows *= logits->shape[i];
  return rows;
}

#endif
