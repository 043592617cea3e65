/* The shape of y = a b, batched over leading dimensions that broadcast: what kernels of all devices start
 * from. */
#ifndef GDI_OPS_MATMUL_H
#define GDI_OPS_MATMUL_H

#include "ops/ops.h"

/* Products y [m,n] = a [m,k] b [k,n] over `ndim` leading dimensions; strides in elements, 0 where one
 * broadcasts. */
typedef struct gdi_matmul_plan {
  int64_t m, n, k;
  int ndim; /* without dimensions of extent 1 */
  int64_t shape[GD_MAX_DIMS], a[GD_MAX_DIMS], b[GD_MAX_DIMS], y[GD_MAX_DIMS];
} gdi_matmul_plan;

/* Where only b broadcasts, the rows of the whole batch become the rows of one product. */
gdi_matmul_plan gdi_matmul_plan_of(const gd_tensor *a, const gd_tensor *b);

#endif
