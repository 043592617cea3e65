/* Arguments of cross_entropy. */
#ifndef GDI_OPS_CROSS_ENTROPY_H
#define GDI_OPS_CROSS_ENTROPY_H

#include "ops/ops.h"

/*
 * Inputs: logits, labels i64 [B], class weights [C] or NULL. Forward always makes saved[1], the f64 scalar sum of the
 * weights of the rows that are not ignored.
 */
typedef struct gdi_cross_entropy {
  int64_t ignore; /* label that does not count */
} gdi_cross_entropy;

#endif
