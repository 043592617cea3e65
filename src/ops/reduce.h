/* Arguments of the reductions: sum, mean, var, max, min. */
#ifndef GDI_OPS_REDUCE_H
#define GDI_OPS_REDUCE_H

#include "gd/ops.h"
#include "ops/ops.h"

typedef struct gdi_reduce {
  gd_dims over;   /* as asked for */
  uint32_t dims;  /* made of it by the shape rule: bit i set when dimension i is summed over */
  int correction; /* var */
  bool keep;      /* keep the dimension as 1 */
} gdi_reduce;

static inline const gdi_reduce *gdi_reduce_of(const gd_node *n) {
  return (const gdi_reduce *)n->params;
}

/* How many elements make up one result. */
static inline double gdi_reduce_count(const gd_node *n) {
  const gd_tensor *x = n->in[0];
  double count = 1;
  for (int i = 0; i < x->ndim; i++)
    if (gdi_reduce_of(n)->dims >> i & 1) count *= (double)x->shape[i];
  return count;
}

#endif
