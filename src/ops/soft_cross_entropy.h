/* Arguments of soft_cross_entropy. */
#ifndef GDI_OPS_SOFT_CROSS_ENTROPY_H
#define GDI_OPS_SOFT_CROSS_ENTROPY_H

#include "ops/ops.h"

/*
 * Inputs: logits [...,C]; labels i64 [...] or probabilities [...,C] of the logits' type; class weights [C] or NULL. Forward
 * always makes saved[1], the f64 scalar sum of the rows' weights.
 */
typedef struct gdi_soft_cross_entropy {
  int64_t ignore;   /* label that does not count */
  double smoothing; /* 0 to 1 */
} gdi_soft_cross_entropy;

static inline bool gdi_has_labels(const gd_node *n) {
  return n->in[1]->dtype == GD_I64;
}

#endif
