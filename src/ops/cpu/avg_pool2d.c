/* The mean of each window. Loops run along the channels; an image is computed by one thread. */
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/pool.h"

#define POOL(suffix, type, unused)                                                                           \
  static void mean_##suffix(const gdi_pooling *g, const type *x, gdi_pool_span h, gdi_pool_span w,           \
                            type *restrict y) {                                                              \
    const int64_t C = g->C;                                                                                  \
    const type factor = (type)(1 / (double)(h.divisor * w.divisor));                                         \
    memset(y, 0, (size_t)C * sizeof *y);                                                                     \
    for (int64_t i = h.lo; i < h.hi; i++)                                                                    \
      for (int64_t j = w.lo; j < w.hi; j++) {                                                                \
        const type *restrict from = x + (i * g->in[1] + j) * C;                                              \
        GDI_SIMD for (int64_t c = 0; c < C; c++) y[c] += from[c];                                            \
      }                                                                                                      \
    GDI_SIMD for (int64_t c = 0; c < C; c++) y[c] *= factor;                                                 \
  }                                                                                                          \
  static void share_##suffix(const gdi_pooling *g, const type *restrict dy, gdi_pool_span h,                 \
                             gdi_pool_span w, type *dx) {                                                    \
    const int64_t C = g->C;                                                                                  \
    const type factor = (type)(1 / (double)(h.divisor * w.divisor));                                         \
    for (int64_t i = h.lo; i < h.hi; i++)                                                                    \
      for (int64_t j = w.lo; j < w.hi; j++) {                                                                \
        type *restrict to = dx + (i * g->in[1] + j) * C;                                                     \
        GDI_SIMD for (int64_t c = 0; c < C; c++) to[c] += dy[c] * factor;                                    \
      }                                                                                                      \
  }                                                                                                          \
  static void forward_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const gdi_pooling *g = context;                                                                          \
    const int64_t image = g->in[0] * g->in[1] * g->C;                                                        \
    for (int64_t row = lo; row < hi; row++)                                                                  \
      for (int64_t j = 0; j < g->out[1]; j++)                                                                \
        mean_##suffix(g, (const type *)g->x + row / g->out[0] * image,                                       \
                      gdi_pool_span_of(g->p, 0, g->in[0], row % g->out[0]),                                  \
                      gdi_pool_span_of(g->p, 1, g->in[1], j), (type *)g->y + (row * g->out[1] + j) * g->C);  \
  }                                                                                                          \
  static void backward_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const gdi_pooling *g = context;                                                                          \
    const int64_t image = g->in[0] * g->in[1] * g->C;                                                        \
    for (int64_t b = lo; b < hi; b++) {                                                                      \
      type *dx = (type *)g->dx + b * image;                                                                  \
      if (!g->add) memset(dx, 0, (size_t)image * sizeof *dx);                                                \
      for (int64_t i = 0; i < g->out[0]; i++)                                                                \
        for (int64_t j = 0; j < g->out[1]; j++)                                                              \
          share_##suffix(g, (const type *)g->dy + ((b * g->out[0] + i) * g->out[1] + j) * g->C,              \
                         gdi_pool_span_of(g->p, 0, g->in[0], i), gdi_pool_span_of(g->p, 1, g->in[1], j),     \
                         dx);                                                                                \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(POOL, )

gd_status gdi_cpu_avg_pool2d_forward(gd_device *d, gd_node *n) {
  gdi_pooling g = gdi_pooling_of(n);
  gdi_parallel(d, n->out->shape[0] * g.out[0], gdi_row_grain(g.in[0] * g.in[1] * g.C / g.out[0]),
               gdi_is_f64(n->out->dtype) ? forward_f64 : forward_f32, &g);
  return GD_OK;
}

gd_status gdi_cpu_avg_pool2d_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  gdi_pooling g = gdi_pooling_of(n);
  g.dy = dout->data, g.dx = din[0]->data, g.add = add[0];
  gdi_parallel(d, n->out->shape[0], gdi_row_grain(g.in[0] * g.in[1] * g.C),
               gdi_is_f64(dout->dtype) ? backward_f64 : backward_f32, &g);
  return GD_OK;
}
