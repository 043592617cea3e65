/* From sums of squares to the numbers of an update: the same arithmetic on the host and on a GPU. */
#ifndef GDI_DEVICE_NORMS_H
#define GDI_DEVICE_NORMS_H

#include <math.h>

#include "base/both.h"

/* Partial sums of the squares of a segment, always: how wide vectors are must not change the bits. */
enum { GDI_SQUARE_LANES = 8 };

/* `scale` of the gradient so that its norm, already scaled, is at most clip_norm (0: off), as PyTorch
 * does. */
GDI_BOTH double gdi_clipped(double scale, double norm, double clip_norm) {
  return clip_norm > 0 ? scale * fmin(1.0, clip_norm / (norm + 1e-6)) : scale;
}

/* The LARS trust ratio, as gd_lars_rate(). */
GDI_BOTH double gdi_local_rate(double trust, double weight_decay, double norm_w, double norm_g) {
  if (norm_w == 0 || norm_g == 0) return 1;
  return trust * norm_w / (norm_g + weight_decay * norm_w);
}

#endif
