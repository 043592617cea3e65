/* The loops of batch norm. */
#include <string.h>

#include "ops/cpu/batch_norm_job.h"
#include "ops/cpu/columns.h"

#define LOOPS(suffix, type, unused)                                                                          \
  static void add_##suffix(const type *restrict s, const type *restrict q, double *restrict part, int64_t W, \
                           int64_t m) {                                                                      \
    GDI_SIMD for (int64_t i = 0; i < m; i++) part[i] += (double)s[i], part[W + i] += (double)q[i];           \
  }                                                                                                          \
  static void moments_##suffix(const void *values, int64_t n, int64_t C, double *part) {                     \
    const type *restrict x = values, *restrict start = x;                                                    \
    const int64_t W = gdi_columns(C);                                                                        \
    type own[WIDE];                                                                                          \
    memset(part, 0, (size_t)(2 * W) * sizeof *part);                                                         \
    for (int64_t i = 0; C < WIDE && i < W; i++) own[i] = x[i % C], start = own;                              \
    EACH_TILE(0, n, W) {                                                                                     \
      type s[WIDE] = {0}, q[WIDE] = {0};                                                                     \
      EACH_ROW(W) {                                                                                          \
        GDI_SIMD for (int64_t i = 0; i < m; i++) {                                                           \
          const type v = x[at + i] - start[c + i];                                                           \
          s[i] += v, q[i] += v * v;                                                                          \
        }                                                                                                    \
      }                                                                                                      \
      add_##suffix(s, q, part + c, W, width);                                                                \
    }                                                                                                        \
  }                                                                                                          \
  static void apply_##suffix(void *context, int64_t lo, int64_t hi) {                                        \
    const gdi_norm_job *j = context;                                                                         \
    const type *restrict scale = j->scale, *restrict shift = j->shift;                                       \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at, *restrict r = j->r ? (const type *)j->r + at : NULL; \
      type *restrict y = (type *)j->out + at;                                                                \
      const int64_t m = gdi_least(hi - at, j->W);                                                            \
      if (r) {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < m; i++) y[i] = x[i] * scale[i] + shift[i] + r[i];                   \
      } else {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < m; i++) y[i] = x[i] * scale[i] + shift[i];                          \
      }                                                                                                      \
      if (j->mask != GDI_NORM_ALL) GDI_SIMD for (int64_t i = 0; i < m; i++) y[i] = y[i] < 0 ? 0 : y[i];      \
    }                                                                                                        \
  }                                                                                                          \
  /* m elements from `at` on, whose columns begin at c */                                                    \
  static inline void products_row_##suffix(const gdi_norm_job *j, gdi_norm_mask mask, int64_t at, int64_t c, \
                                           int64_t m, type *restrict s, type *restrict q) {                  \
    const type *x = (const type *)j->x + at, *y = (const type *)j->y + at, *dy = (const type *)j->dy + at,   \
               *scale = (const type *)j->scale + c, *shift = (const type *)j->shift + c,                     \
               *centre = (const type *)j->centre + c;                                                        \
    type *dz = (type *)j->dz + at;                                                                           \
    GDI_SIMD for (int64_t i = 0; i < m; i++) {                                                               \
      const type z = mask == GDI_NORM_BY_Y ? y[i] : x[i] * scale[i] + shift[i];                              \
      const type g = mask != GDI_NORM_ALL && z <= 0 ? 0 : dy[i];                                             \
      if (mask != GDI_NORM_ALL) dz[i] = g;                                                                   \
      s[i] += g, q[i] += g * (x[i] - centre[i]);                                                             \
    }                                                                                                        \
  }                                                                                                          \
  static void products_##suffix(const gdi_norm_job *j, int64_t lo, int64_t hi, double *part) {               \
    memset(part, 0, (size_t)(2 * j->W) * sizeof *part);                                                      \
    EACH_TILE(lo, hi, j->W) {                                                                                \
      type s[WIDE] = {0}, q[WIDE] = {0};                                                                     \
      EACH_ROW(j->W) {                                                                                       \
        switch (j->mask) {                                                                                   \
        case GDI_NORM_ALL: products_row_##suffix(j, GDI_NORM_ALL, at, c, m, s, q); break;                    \
        case GDI_NORM_BY_Z: products_row_##suffix(j, GDI_NORM_BY_Z, at, c, m, s, q); break;                  \
        case GDI_NORM_BY_Y: products_row_##suffix(j, GDI_NORM_BY_Y, at, c, m, s, q); break;                  \
        }                                                                                                    \
      }                                                                                                      \
      add_##suffix(s, q, part + c, j->W, width);                                                             \
    }                                                                                                        \
  }                                                                                                          \
  static void gradients_##suffix(const gdi_norm_job *j, int64_t lo, int64_t hi, void *to, bool add) {        \
    const type *restrict scale = j->scale, *restrict centre = j->centre, *restrict along = j->along,         \
                         *restrict level = j->level;                                                         \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at, *restrict dz = (const type *)j->dz + at;             \
      type *restrict dx = (type *)to + (at - lo);                                                            \
      const int64_t m = gdi_least(hi - at, j->W);                                                            \
      if (add) {                                                                                             \
        GDI_SIMD for (int64_t i = 0; i < m; i++) dx[i] +=                                                    \
            dz[i] * scale[i] + (x[i] - centre[i]) * along[i] + level[i];                                     \
      } else {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < m; i++) dx[i] =                                                     \
            dz[i] * scale[i] + (x[i] - centre[i]) * along[i] + level[i];                                     \
      }                                                                                                      \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(LOOPS, )

const gdi_norm_loops *gdi_cpu_norm_loops(gd_dtype type) {
  static const gdi_norm_loops loops[] = {{moments_f32, apply_f32, products_f32, gradients_f32},
                                         {moments_f64, apply_f64, products_f64, gradients_f64}};
  return &loops[gdi_is_f64(type)];
}
