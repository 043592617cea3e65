/* Sums of squares that no number of threads, ranks or vector lanes changes. */
#ifndef GDI_SYNC_SQUARES_H
#define GDI_SYNC_SQUARES_H

#include "device/norms.h"
#include "gd/tensor.h"

void gdi_squares_add(gd_dtype dtype, const char *x, int64_t n, double lane[GDI_SQUARE_LANES]);
double gdi_squares_sum(const double lane[GDI_SQUARE_LANES]);
/* Of a whole run: block by block, then in the order of blocks. block: room for one number of each. */
double gdi_squares_of(gd_device *d, gd_dtype dtype, const char *x, int64_t n, double *block);

#endif
