/*
 * y  = x s^-beta,  s = k + alpha / size (sum of x^2 over the window of c)
 * dx = dy s^-beta - 2 alpha beta / size x (sum of q = dy y / s over the channels whose window c is in)
 *
 * Tiles of channels, with what windows need beside them, are in the cache; sums run along the channels, window by window.
 */
#include "ops/local_response_norm.h"

#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/math.h"

enum { TILE = 256 };

typedef struct job {
  const gdi_local_response_norm *p;
  int64_t C;
  const void *x, *y, *dy;
  void *s, *out; /* y, or dx */
  bool add;
} job;

/* The channels [lo, hi) that windows of [first, first + n) reach, and how far each does in front and behind. */
typedef struct tile {
  int64_t first, n, lo, hi, before, behind;
} tile;

static tile tile_of(int64_t first, int64_t C, int64_t before, int64_t behind) {
  const int64_t n = C - first < TILE ? C - first : TILE, end = first + n + behind;
  return (tile){first, n, first < before ? 0 : first - before, end < C ? end : C, before, behind};
}

#define LOOPS(suffix, type, unused)                                                                          \
  /* q begins with that of channel t.lo */                                                                   \
  static void sums_##suffix(tile t, const type *restrict q, type *restrict sum) {                            \
    memset(sum, 0, (size_t)t.n * sizeof *sum);                                                               \
    for (int64_t off = -t.before; off <= t.behind; off++) {                                                  \
      const int64_t at = t.first + off - t.lo, last = t.hi - t.lo - at;                                      \
      GDI_SIMD for (int64_t c = at < 0 ? -at : 0; c < (last < t.n ? last : t.n); c++) sum[c] += q[at + c];   \
    }                                                                                                        \
  }                                                                                                          \
  static void forward_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const job *j = context;                                                                                  \
    const int64_t C = j->C, size = j->p->size;                                                               \
    const type k = (type)j->p->k, factor = (type)(j->p->alpha / (double)size), beta = (type)j->p->beta;      \
    type q[TILE + GDI_LRN_MOST], sum[TILE];                                                                  \
    for (int64_t row = lo; row < hi; row++)                                                                  \
      for (int64_t first = 0; first < C; first += TILE) {                                                    \
        const tile t = tile_of(first, C, size / 2, (size - 1) / 2);                                          \
        const type *restrict near = (const type *)j->x + row * C + t.lo, *restrict x = near + first - t.lo;  \
        type *restrict s = (type *)j->s + row * C + first, *restrict y = (type *)j->out + row * C + first;   \
        GDI_SIMD for (int64_t c = 0; c < t.hi - t.lo; c++) q[c] = near[c] * near[c];                         \
        sums_##suffix(t, q, sum);                                                                            \
        GDI_SIMD for (int64_t c = 0; c < t.n; c++) {                                                         \
          s[c] = k + factor * sum[c];                                                                        \
          y[c] = x[c] * EXP(-beta * LOG(s[c]));                                                              \
        }                                                                                                    \
      }                                                                                                      \
  }                                                                                                          \
  static void backward_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const job *j = context;                                                                                  \
    const bool add = j->add;                                                                                 \
    const int64_t C = j->C, size = j->p->size;                                                               \
    const type beta = (type)j->p->beta, factor = (type)(2 * j->p->alpha * j->p->beta / (double)size);        \
    type q[TILE + GDI_LRN_MOST], sum[TILE];                                                                  \
    for (int64_t row = lo; row < hi; row++)                                                                  \
      for (int64_t first = 0; first < C; first += TILE) {                                                    \
        const tile t = tile_of(first, C, (size - 1) / 2, size / 2);                                          \
        const int64_t near = row * C + t.lo, own = first - t.lo;                                             \
        const type *restrict x = (const type *)j->x + near, *restrict y = (const type *)j->y + near,         \
                             *restrict dy = (const type *)j->dy + near,                                      \
                             *restrict s = (const type *)j->s + near;                                        \
        type *restrict dx = (type *)j->out + near + own;                                                     \
        GDI_SIMD for (int64_t c = 0; c < t.hi - t.lo; c++) q[c] = dy[c] * y[c] / s[c];                       \
        sums_##suffix(t, q, sum);                                                                            \
        GDI_SIMD for (int64_t c = 0; c < t.n; c++) {                                                         \
          const int64_t i = own + c;                                                                         \
          q[c] = dy[i] * EXP(-beta * LOG(s[i])) - factor * x[i] * sum[c];                                    \
        }                                                                                                    \
        if (add) {                                                                                           \
          GDI_SIMD for (int64_t c = 0; c < t.n; c++) dx[c] += q[c];                                          \
        } else {                                                                                             \
          memcpy(dx, q, (size_t)t.n * sizeof *dx);                                                           \
        }                                                                                                    \
      }                                                                                                      \
  }
GDI_FLOAT_TYPES(LOOPS, )

static void run(gd_device *d, const gd_node *n, job j, gdi_chunk f32, gdi_chunk f64) {
  const gd_tensor *x = n->in[0];
  j.p = n->params, j.C = x->shape[x->ndim - 1], j.x = x->data, j.s = n->saved[0]->data;
  if (j.C > 0) gdi_parallel(d, gd_numel(x) / j.C, gdi_row_grain(j.C), gdi_is_f64(x->dtype) ? f64 : f32, &j);
}

gd_status gdi_cpu_local_response_norm_forward(gd_device *d, gd_node *n) {
  GD_TRY(gd_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
  run(d, n, (job){.out = n->out->data}, forward_f32, forward_f64);
  return GD_OK;
}

gd_status gdi_cpu_local_response_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                               gd_tensor *const din[], const bool add[]) {
  run(d, n, (job){.y = n->out->data, .dy = dout->data, .out = din[0]->data, .add = add[0]}, backward_f32,
      backward_f64);
  return GD_OK;
}
