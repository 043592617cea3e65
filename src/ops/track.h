/* Arguments of track: x, statistic, value. */
#ifndef GDI_OPS_TRACK_H
#define GDI_OPS_TRACK_H

#include "ops/ops.h"

typedef struct gdi_tracked {
  int64_t samples; /* of the micro-batch */
} gdi_tracked;

#endif
