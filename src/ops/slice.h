/* Arguments of slice. */
#ifndef GDI_OPS_SLICE_H
#define GDI_OPS_SLICE_H

#include "ops/ops.h"

typedef struct gdi_slice {
  int dim;
  int64_t start, stop;
} gdi_slice;

#endif
