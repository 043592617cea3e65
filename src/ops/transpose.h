/* Arguments of transpose. */
#ifndef GDI_OPS_TRANSPOSE_H
#define GDI_OPS_TRANSPOSE_H

#include "ops/ops.h"

typedef struct gdi_transpose {
  int dim0, dim1; /* the pair that is exchanged */
} gdi_transpose;

#endif
