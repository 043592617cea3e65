/*
 * The largest of each window. Forward keeps which tap it was, in one byte where that is enough; backward gives dy to that
 * pixel. Loops run along the channels; an image is computed by one thread, so that windows may overlap.
 */
#include <math.h>
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/pool.h"

enum { BYTE_TAPS = 255 }; /* 255 itself: none */

static int64_t taps(const gdi_pool *p) {
  return p->window.kernel[0] * p->window.kernel[1];
}

/* Tap k of window (i, j) and the pixel `at` that it takes, for all that are inside the image. */
#define EACH_TAP(g, i, j)                                                                                    \
  for (int64_t k = 0, a_ = 0, row_ = first_of(g, 0, i); a_ < (g)->p->window.kernel[0];                       \
       a_++, row_ += (g)->p->window.dilation[0])                                                             \
    for (int64_t b_ = 0, column_ = first_of(g, 1, j), at; b_ < (g)->p->window.kernel[1];                     \
         b_++, k++, column_ += (g)->p->window.dilation[1])                                                   \
      if (at = row_ * (g)->in[1] + column_,                                                                  \
          row_ >= 0 && row_ < (g)->in[0] && column_ >= 0 && column_ < (g)->in[1])

static int64_t first_of(const gdi_pooling *g, int axis, int64_t i) {
  return i * g->p->window.stride[axis] - g->p->window.begin[axis];
}

/* Is each pixel in one window, and no more? */
static bool windows_tile(const gdi_pooling *g) {
  const gd_window *w = &g->p->window;
  bool tile = true;
  for (int a = 0; a < 2; a++)
    tile &= w->begin[a] == 0 && w->dilation[a] == 1 && w->kernel[a] == w->stride[a] &&
            g->in[a] == g->out[a] * w->stride[a];
  return tile;
}

#define POOL(name, type, index)                                                                              \
  static void first_##name(const type *x, type *y, index *place, int64_t k, int64_t C) {                     \
    memcpy(y, x, (size_t)C * sizeof *y);                                                                     \
    for (int64_t c = 0; c < C; c++) place[c] = (index)k;                                                     \
  }                                                                                                          \
  static void compare_##name(const type *restrict x, type *restrict y, index *restrict place, int64_t k,     \
                             int64_t C) {                                                                    \
    GDI_SIMD for (int64_t c = 0; c < C; c++) {                                                               \
      const int larger = (x[c] > y[c]) | (x[c] != x[c]);                                                     \
      y[c] = larger ? x[c] : y[c];                                                                           \
      place[c] = larger ? (index)k : place[c];                                                               \
    }                                                                                                        \
  }                                                                                                          \
  static void forward_##name(void *context, int64_t lo, int64_t hi) {                                        \
    const gdi_pooling *g = context;                                                                          \
    const int64_t C = g->C;                                                                                  \
    for (int64_t row = lo; row < hi; row++) { /* of all rows of all results */                               \
      const int64_t b = row / g->out[0], i = row % g->out[0];                                                \
      const type *x = (const type *)g->x + b * g->in[0] * g->in[1] * C;                                      \
      for (int64_t j = 0; j < g->out[1]; j++) {                                                              \
        const int64_t to = (row * g->out[1] + j) * C;                                                        \
        type *y = (type *)g->y + to;                                                                         \
        index *place = (index *)g->place + to;                                                               \
        bool any = false;                                                                                    \
        EACH_TAP(g, i, j) {                                                                                  \
          (any ? compare_##name : first_##name)(x + at * C, y, place, k, C);                                 \
          any = true;                                                                                        \
        }                                                                                                    \
        for (int64_t c = 0; c < C && !any; c++) y[c] = (type)-INFINITY, place[c] = (index)-1;                \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void give_##name(const type *restrict dy, const index *restrict place, type *restrict dx,           \
                          int64_t k, int64_t C, bool only) {                                                 \
    if (only) {                                                                                              \
      GDI_SIMD for (int64_t c = 0; c < C; c++) dx[c] = place[c] == (index)k ? dy[c] : 0;                     \
    } else {                                                                                                 \
      GDI_SIMD for (int64_t c = 0; c < C; c++) dx[c] += place[c] == (index)k ? dy[c] : 0;                    \
    }                                                                                                        \
  }                                                                                                          \
  static void backward_##name(void *context, int64_t lo, int64_t hi) {                                       \
    const gdi_pooling *g = context;                                                                          \
    const int64_t C = g->C, image = g->in[0] * g->in[1] * C;                                                 \
    const bool only = !g->add && windows_tile(g);                                                            \
    for (int64_t b = lo; b < hi; b++) {                                                                      \
      type *dx = (type *)g->dx + b * image;                                                                  \
      if (!g->add && !only) memset(dx, 0, (size_t)image * sizeof *dx);                                       \
      for (int64_t i = 0; i < g->out[0]; i++)                                                                \
        for (int64_t j = 0; j < g->out[1]; j++) {                                                            \
          const int64_t from = ((b * g->out[0] + i) * g->out[1] + j) * C;                                    \
          const type *dy = (const type *)g->dy + from;                                                       \
          const index *place = (const index *)g->place + from;                                               \
          EACH_TAP(g, i, j) give_##name(dy, place, dx + at * C, k, C, only);                                 \
        }                                                                                                    \
    }                                                                                                        \
  }
POOL(f32_few, float, uint8_t)
POOL(f64_few, double, uint8_t)
POOL(f32_many, float, int32_t)
POOL(f64_many, double, int32_t)

static const struct {
  gdi_chunk forward, backward;
} table[2][2] = {{{forward_f32_few, backward_f32_few}, {forward_f64_few, backward_f64_few}},
                 {{forward_f32_many, backward_f32_many}, {forward_f64_many, backward_f64_many}}};

gd_status gdi_cpu_max_pool2d_forward(gd_device *d, gd_node *n) {
  gdi_pooling g = gdi_pooling_of(n);
  const bool many = taps(g.p) > BYTE_TAPS;
  GD_TRY(gd_node_temporary(&n->saved[0], n, many ? GD_I32 : GD_U8, n->out->ndim, n->out->shape));
  g.place = n->saved[0]->data;
  gdi_parallel(d, n->out->shape[0] * g.out[0], gdi_row_grain(g.out[1] * g.C * taps(g.p)),
               table[many][gdi_is_f64(n->out->dtype)].forward, &g);
  return GD_OK;
}

gd_status gdi_cpu_max_pool2d_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  gdi_pooling g = gdi_pooling_of(n);
  g.dy = dout->data, g.dx = din[0]->data, g.add = add[0], g.place = n->saved[0]->data;
  gdi_parallel(d, n->out->shape[0], gdi_row_grain(g.in[0] * g.in[1] * g.C),
               table[taps(g.p) > BYTE_TAPS][gdi_is_f64(dout->dtype)].backward, &g);
  return GD_OK;
}
