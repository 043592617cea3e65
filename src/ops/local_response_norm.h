/* Arguments of local_response_norm. */
#ifndef GDI_OPS_LOCAL_RESPONSE_NORM_H
#define GDI_OPS_LOCAL_RESPONSE_NORM_H

#include "gd/ops.h"
#include "ops/ops.h"

typedef struct gdi_local_response_norm {
  int64_t size;
  double alpha, beta, k;
} gdi_local_response_norm;

/* The window of channel c is c - size / 2 .. c + (size - 1) / 2, where there are such channels. */
enum { GDI_LRN_MOST = 1024 }; /* size */

#endif
