/*
 * The gradient of what batch norm normalised, computed where it is used: a convolution in front of a batch norm takes it chunk
 * by chunk, and it is never written as a whole.
 */
#ifndef GDI_OPS_CPU_BATCH_NORM_H
#define GDI_OPS_CPU_BATCH_NORM_H

#include "ops/batch_norm.h"

/* How act'(z) is known: it is 1; from z, computed again from x; from y. */
typedef enum gdi_norm_mask { GDI_NORM_ALL, GDI_NORM_BY_Z, GDI_NORM_BY_Y } gdi_norm_mask;

typedef struct gdi_norm_job {
  const gdi_batch_norm *p;
  int64_t n, C, W, chunk, chunks; /* elements; channels; columns; elements of a chunk, whole rows of W */
  gd_dtype type;
  const void *x, *y, *dy, *r;
  void *out, *dx, *dr;
  bool add_dx, add_dr;
  gdi_norm_mask mask;
  const double *mean; /* [W] also the value that sums begin from */
  double *part;       /* [chunks, 2, W] */
  void *scale, *shift, *centre, *along,
      *level; /* [W] of x's type: z = x scale + shift; dx = dz scale + (x - centre) along + level */
} gdi_norm_job;

/* dx of n elements from `first` on, which begin with channel 0, to memory of their own. */
void gdi_cpu_norm_gradient(const gdi_norm_job *j, int64_t first, int64_t n, void *to);

#endif
