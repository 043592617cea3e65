/* Arguments of the pooling operations. */
#ifndef GDI_OPS_POOL_H
#define GDI_OPS_POOL_H

#include "base/both.h"
#include "ops/window.h"

typedef struct gdi_pool {
  gd_window window;
  bool count_include_pad;
  int64_t adaptive[2]; /* of the mean: windows that cover the image, so many; 0: the window above */
} gdi_pool;

static inline const gdi_pool *gdi_pool_of(const gd_node *n) {
  return (const gdi_pool *)n->params;
}

/* The part of the image that window i of a mean takes along an axis, and by what its sum is divided there. */
typedef struct gdi_pool_span {
  int64_t lo, hi, divisor;
} gdi_pool_span;

GDI_BOTH gdi_pool_span gdi_pool_span_of(const gdi_pool *p, int axis, int64_t in, int64_t i) {
  const int64_t out = p->adaptive[axis];
  const gd_window *w = &p->window;
  gdi_pool_span s;
  if (out) {
    s.lo = i * in / out, s.hi = ((i + 1) * in + out - 1) / out, s.divisor = s.hi - s.lo;
    return s;
  }
  const int64_t lo = i * w->stride[axis] - w->begin[axis], end = in + w->end[axis],
                hi = lo + w->kernel[axis] < end ? lo + w->kernel[axis] : end;
  s.lo = lo < 0 ? 0 : lo, s.hi = hi < in ? hi : in, s.divisor = hi - lo;
  if (!p->count_include_pad) s.divisor = s.hi - s.lo;
  return s;
}

#endif
