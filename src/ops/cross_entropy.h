/* Arguments of cross_entropy. */
#ifndef GDI_OPS_CROSS_ENTROPY_H
#define GDI_OPS_CROSS_ENTROPY_H

#include "ops/ops.h"

/*
 * Inputs: logits [...,C]; labels i64 [...] or probabilities [...,C] of the logits' type; class weights [C] or NULL; weights
 * of rows, each of gdi_rows_a_weight() rows, or NULL. Forward always makes saved[1], the f64 scalar sum of what the rows weigh.
 */
typedef struct gdi_cross_entropy {
  int64_t ignore;   /* label that does not count */
  double smoothing; /* 0 to 1 */
} gdi_cross_entropy;

static inline const gdi_cross_entropy *gdi_cross_entropy_of(const gd_node *n) {
  return (const gdi_cross_entropy *)n->params;
}

static inline bool gdi_has_labels(const gd_node *n) {
  return n->in[1]->dtype == GD_I64;
}

/* Every class has a part of the target: else a row takes but the logit of its label. */
static inline bool gdi_is_soft(const gd_node *n) {
  return !gdi_has_labels(n) || gdi_cross_entropy_of(n)->smoothing != 0;
}

static inline int64_t gdi_classes(const gd_tensor *logits) {
  return logits->shape[logits->ndim - 1];
}

/* B of logits [B,C], whatever its leading dimensions. */
static inline int64_t gdi_rows_of_classes(const gd_tensor *logits) {
  int64_t rows = 1;
  for (int i = 0; i < logits->ndim - 1; i++) rows *= logits->shape[i];
  return rows;
}

static inline int64_t gdi_rows_a_weight(const gd_node *n) {
  const int64_t weights = n->in[3] ? gd_numel(n->in[3]) : 0;
  return weights ? gdi_rows_of_classes(n->in[0]) / weights : 1;
}

#endif
