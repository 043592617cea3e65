/* The model behind a scaling study: how the time of a step depends on the number of ranks. */
#ifndef GDI_TRAIN_SCALING_H
#define GDI_TRAIN_SCALING_H

#include "gd/compare.h"

typedef struct gdi_scaling_point {
  double ranks, samples; /* samples: of the rank with the most, times how many ranks share a core */
  double bytes;          /* that a rank receives */
  double seconds;
} gdi_scaling_point;

/* Least squares of relative errors, no term below zero. Terms that the points cannot tell apart: the fewest
 * that explain them. */
gd_scaling_fit gdi_scaling_fit(int n, const gdi_scaling_point *p);
double gdi_scaling_predict(const gd_scaling_fit *f, const gdi_scaling_point *p);
/* Gradients in, parameters out: each rank's slice from all others, and all others' slices. */
double gdi_scaling_bytes(double parameter_bytes, double ranks);

#endif
