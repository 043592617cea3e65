#include "device/matmul.h"

/* Extent of batch dimension i, counted from the last one; 1 where there is none. */
static int64_t batch_extent(const gd_tensor *t, int i) {
  return i < t->ndim - 2 ? t->shape[t->ndim - 3 - i] : 1;
}

gdi_matmul_plan gdi_matmul_plan_of(const gd_tensor *a, const gd_tensor *b) {
  gdi_matmul_plan p = {.k = a->shape[a->ndim - 1],
                       .m = a->ndim < 2 ? 1 : a->shape[a->ndim - 2],
                       .n = b->ndim < 2 ? 1 : b->shape[b->ndim - 1]};
  const int dims = (a->ndim > b->ndim ? a->ndim : b->ndim) - 2;
  for (int i = 0; i < dims; i++) p.ndim += batch_extent(a, i) != 1 || batch_extent(b, i) != 1;
  int64_t size_a = p.m * p.k, size_b = p.k * p.n, size_y = p.m * p.n;
  bool only_b_repeats = true;
  for (int i = 0, slot = p.ndim; slot > 0; i++) {
    const int64_t in_a = batch_extent(a, i), in_b = batch_extent(b, i), extent = in_a == 1 ? in_b : in_a;
    if (in_a == 1 && in_b == 1) continue;
    slot--;
    p.shape[slot] = extent;
    p.a[slot] = in_a == 1 ? 0 : size_a;
    p.b[slot] = in_b == 1 ? 0 : size_b;
    p.y[slot] = size_y;
    size_a *= in_a, size_b *= in_b, size_y *= extent;
    only_b_repeats = only_b_repeats && in_b == 1 && in_a == extent;
  }
  if (only_b_repeats)
    for (; p.ndim > 0; p.ndim--) p.m *= p.shape[p.ndim - 1];
  return p;
}
