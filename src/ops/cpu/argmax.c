#include "ops/cpu/cpu.h"

/* The first largest of R values, `pitch` apart; the first NaN counts as larger than all. */
#define ARGMAX(suffix, type, unused)                                                                         \
  static int64_t argmax_##suffix(const void *x, int64_t start, int64_t R, int64_t pitch) {                   \
    const type *X = (const type *)x + start;                                                                 \
    int64_t best = 0;                                                                                        \
    for (int64_t r = 1; r < R; r++) {                                                                        \
      const type v = X[r * pitch], top = X[best * pitch];                                                    \
      if (v > top || (v != v && top == top)) best = r;                                                       \
    }                                                                                                        \
    return best;                                                                                             \
  }
GDI_FLOAT_TYPES(ARGMAX, )

gd_status gdi_cpu_argmax_forward(gd_device *d, gd_node *n) {
  (void)d;
  const gd_tensor *x = n->in[0];
  const int dim = ((const gdi_along *)n->params)->dim;
  int64_t R = x->shape[dim], C = 1, *y = n->out->data, results = gd_numel(n->out);
  for (int i = dim + 1; i < x->ndim; i++) C *= x->shape[i];
  for (int64_t i = 0; i < results; i++)
    y[i] = (gdi_is_f64(x->dtype) ? argmax_f64 : argmax_f32)(x->data, i / C * R * C + i % C, R, C);
  return GD_OK;
}
