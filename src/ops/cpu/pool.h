/* What the kernels of pooling share: which pixels a window takes. */
#ifndef GDI_OPS_CPU_POOL_H
#define GDI_OPS_CPU_POOL_H

#include "ops/cpu/cpu.h"
#include "ops/pool.h"

/* x [B,in,C], y [B,out,C] */
typedef struct gdi_pooling {
  const gdi_pool *p;
  int64_t in[2], out[2], C;
  const void *x, *dy; /* of forward, of backward */
  void *y, *dx, *place;
  bool add;
} gdi_pooling;

static inline gdi_pooling gdi_pooling_of(const gd_node *n) {
  const gd_tensor *x = n->in[0], *y = n->out;
  return (gdi_pooling){.p = gdi_pool_of(n),
                       .in = {x->shape[1], x->shape[2]},
                       .out = {y->shape[1], y->shape[2]},
                       .C = x->shape[3],
                       .x = x->data,
                       .y = y->data};
}

#endif
