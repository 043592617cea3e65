/* Arguments of dropout. */
#ifndef GDI_OPS_DROPOUT_H
#define GDI_OPS_DROPOUT_H

#include "gd/rng.h"
#include "ops/ops.h"

typedef struct gdi_dropout {
  double p;
  gd_rng rng;             /* the stream of this call */
  int64_t row0;           /* global index of row 0 */
  const int64_t *step_at; /* on a GPU: NULL, or the step in device memory, << 20 in rng.stream */
} gdi_dropout;

#endif
