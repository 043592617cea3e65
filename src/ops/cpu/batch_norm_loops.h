/*
 * The loops of batch norm, over rows of W columns: few channels are widened, a row being k rows of x, so that inner loops are
 * long; column i is channel i % C. Sums are in f64, over fixed chunks.
 */
#ifndef GDI_OPS_CPU_BATCH_NORM_LOOPS_H
#define GDI_OPS_CPU_BATCH_NORM_LOOPS_H

#include <string.h>

#include "device/cpu/threads.h"
#include "ops/batch_norm.h"
#include "ops/cpu/batch_norm.h"
#include "ops/cpu/cpu.h"

enum { WIDE = 128 }; /* columns at a time */

#define KERNELS(suffix, type, unused)                                                                        \
  /* sums of x - mean and of its square */                                                                   \
  static void moments_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const gdi_norm_job *j = context;                                                                         \
    const double *restrict mean = j->mean;                                                                   \
    double *restrict sum = j->part + lo / j->chunk * 2 * j->W, *restrict squares = sum + j->W;               \
    memset(sum, 0, (size_t)(2 * j->W) * sizeof *sum);                                                        \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at;                                                      \
      const int64_t width = hi - at < j->W ? hi - at : j->W;                                                 \
      GDI_SIMD for (int64_t i = 0; i < width; i++) {                                                         \
        const double v = (double)x[i] - mean[i];                                                             \
        sum[i] += v, squares[i] += v * v;                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void apply_##suffix(void *context, int64_t lo, int64_t hi) {                                        \
    const gdi_norm_job *j = context;                                                                         \
    const type *restrict scale = j->scale, *restrict shift = j->shift;                                       \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at, *restrict r = j->r ? (const type *)j->r + at : NULL; \
      type *restrict y = (type *)j->out + at;                                                                \
      const int64_t width = hi - at < j->W ? hi - at : j->W;                                                 \
      if (r) {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < width; i++) y[i] = x[i] * scale[i] + shift[i] + r[i];               \
      } else {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < width; i++) y[i] = x[i] * scale[i] + shift[i];                      \
      }                                                                                                      \
      if (j->mask != GDI_NORM_ALL) GDI_SIMD for (int64_t i = 0; i < width; i++) y[i] = y[i] < 0 ? 0 : y[i];  \
    }                                                                                                        \
  }                                                                                                          \
  /* dz of the n elements from `at` on, whose columns begin at c */                                          \
  static inline const type *dz_##suffix(const gdi_norm_job *j, int64_t at, int64_t c, int64_t n,             \
                                        type *restrict dz) {                                                 \
    const type *restrict dy = (const type *)j->dy + at, *restrict x = (const type *)j->x + at,               \
                         *restrict y = (const type *)j->y + at,                                              \
                         *restrict scale = (const type *)j->scale + c,                                       \
                         *restrict shift = (const type *)j->shift + c;                                       \
    if (j->mask == GDI_NORM_ALL) return dy;                                                                  \
    if (j->mask == GDI_NORM_BY_Y) {                                                                          \
      GDI_SIMD for (int64_t i = 0; i < n; i++) dz[i] = y[i] > 0 ? dy[i] : 0;                                 \
    } else {                                                                                                 \
      GDI_SIMD for (int64_t i = 0; i < n; i++) dz[i] = x[i] * scale[i] + shift[i] > 0 ? dy[i] : 0;           \
    }                                                                                                        \
    return dz;                                                                                               \
  }                                                                                                          \
  static inline void put_##suffix(const type *restrict from, type *restrict to, int64_t n, bool add) {       \
    if (add) {                                                                                               \
      GDI_SIMD for (int64_t i = 0; i < n; i++) to[i] += from[i];                                             \
    } else {                                                                                                 \
      memcpy(to, from, (size_t)n * sizeof *to);                                                              \
    }                                                                                                        \
  }                                                                                                          \
  /* sums of dz and of dz (x - mean); and dr */                                                              \
  static void products_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const gdi_norm_job *j = context;                                                                         \
    double *all = j->part + lo / j->chunk * 2 * j->W;                                                        \
    type buffer[WIDE];                                                                                       \
    memset(all, 0, (size_t)(2 * j->W) * sizeof *all);                                                        \
    for (int64_t at = lo, c = 0, n; at < hi; at += n, c = (c + n) % j->W) {                                  \
      n = hi - at < WIDE ? hi - at : WIDE;                                                                   \
      if (j->W - c < n) n = j->W - c;                                                                        \
      const type *restrict x = (const type *)j->x + at;                                                      \
      const double *restrict mean = j->mean + c;                                                             \
      double *restrict sum = all + c, *restrict along = all + j->W + c;                                      \
      const type *restrict dz = dz_##suffix(j, at, c, n, buffer);                                            \
      GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                             \
        const double g = (double)dz[i];                                                                      \
        sum[i] += g, along[i] += g * ((double)x[i] - mean[i]);                                               \
      }                                                                                                      \
      if (j->dr) put_##suffix(dz, (type *)j->dr + at, n, j->add_dr);                                         \
    }                                                                                                        \
  }                                                                                                          \
  /* dx of elements from lo on, to `to` */                                                                   \
  static void gradients_##suffix(const gdi_norm_job *j, int64_t lo, int64_t hi, void *to, bool add) {        \
    type buffer[WIDE], own[WIDE];                                                                            \
    for (int64_t at = lo, c = 0, n; at < hi; at += n, c = (c + n) % j->W) {                                  \
      n = hi - at < WIDE ? hi - at : WIDE;                                                                   \
      if (j->W - c < n) n = j->W - c;                                                                        \
      const type *restrict x = (const type *)j->x + at, *restrict scale = (const type *)j->scale + c,        \
                           *restrict centre = (const type *)j->centre + c,                                   \
                           *restrict along = (const type *)j->along + c,                                     \
                           *restrict level = (const type *)j->level + c;                                     \
      const type *restrict dz = dz_##suffix(j, at, c, n, buffer);                                            \
      type *restrict dx = add ? own : (type *)to + (at - lo);                                                \
      GDI_SIMD for (int64_t i = 0; i < n; i++) dx[i] =                                                       \
          dz[i] * scale[i] + (x[i] - centre[i]) * along[i] + level[i];                                       \
      if (add) put_##suffix(own, (type *)to + (at - lo), n, true);                                           \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(KERNELS, )

static const struct {
  gdi_chunk moments, apply, products;
  void (*gradients)(const gdi_norm_job *j, int64_t lo, int64_t hi, void *to, bool add);
} table[] = {{moments_f32, apply_f32, products_f32, gradients_f32},
             {moments_f64, apply_f64, products_f64, gradients_f64}};

#endif
