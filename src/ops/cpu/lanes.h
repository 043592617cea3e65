/*
 * Rows in blocks of 16 lanes, for reductions whose order must not depend on what the compiler or the
 * alignment of the row suggests: element i goes to lane i % 16, lanes are combined in one order. Instantiated
 * for each float type.
 */
#ifndef GDI_CPU_LANES_H
#define GDI_CPU_LANES_H

#include <string.h>

#include "ops/cpu/math.h"
#include "ops/cpu/walk.h"

enum { GDI_LANES = 16 };

#define GDI_LANE_LOOP for (int l = 0; l < GDI_LANES; l++)

/*
 * gdi_block:    16 elements from x[i] on; behind the end, `filler`
 * gdi_largest:  max over the row; NaN is passed over, it shows in the sum
 * gdi_exp_sum:  sum of e^(x - shift), and the terms themselves to y unless it is NULL; y may be x
 * gdi_dot:      sum of a b, or of a where b is NULL
 */
#define GDI_LANE_FUNCTIONS(suffix, type, unused_)                                                            \
  static inline void gdi_block_##suffix(type to[GDI_LANES], const type *x, int64_t i, int64_t n,             \
                                        type filler) {                                                       \
    if (n - i >= GDI_LANES) {                                                                                \
      memcpy(to, x + i, GDI_LANES * sizeof *to);                                                             \
      return;                                                                                                \
    }                                                                                                        \
    for (int64_t l = 0; l < GDI_LANES; l++) to[l] = i + l < n ? x[i + l] : filler;                           \
  }                                                                                                          \
  static inline type gdi_fold_##suffix(type sum[GDI_LANES]) {                                                \
    for (int half = GDI_LANES / 2; half; half /= 2)                                                          \
      for (int l = 0; l < half; l++) sum[l] += sum[l + half];                                                \
    return sum[0];                                                                                           \
  }                                                                                                          \
  static inline type gdi_largest_##suffix(const type *x, int64_t n) {                                        \
    type most[GDI_LANES], block[GDI_LANES];                                                                  \
    GDI_LANE_LOOP most[l] = (type)-INFINITY;                                                                 \
    for (int64_t i = 0; i < n; i += GDI_LANES) {                                                             \
      gdi_block_##suffix(block, x, i, n, (type)-INFINITY);                                                   \
      GDI_LANE_LOOP most[l] = block[l] > most[l] ? block[l] : most[l];                                       \
    }                                                                                                        \
    for (int half = GDI_LANES / 2; half; half /= 2)                                                          \
      for (int l = 0; l < half; l++) most[l] = most[l + half] > most[l] ? most[l + half] : most[l];          \
    return most[0];                                                                                          \
  }                                                                                                          \
  static inline type gdi_exp_sum_##suffix(const type *x, int64_t n, type shift, type *y) {                   \
    type sum[GDI_LANES] = {0}, block[GDI_LANES];                                                             \
    for (int64_t i = 0; i < n; i += GDI_LANES) {                                                             \
      gdi_block_##suffix(block, x, i, n, (type)-INFINITY);                                                   \
      GDI_LANE_LOOP block[l] = EXP(block[l] - shift);                                                        \
      GDI_LANE_LOOP sum[l] += i + l < n ? block[l] : 0;                                                      \
      if (y) memcpy(y + i, block, (size_t)(n - i < GDI_LANES ? n - i : GDI_LANES) * sizeof *y);              \
    }                                                                                                        \
    return gdi_fold_##suffix(sum);                                                                           \
  }                                                                                                          \
  static inline type gdi_dot_##suffix(const type *a, const type *b, int64_t n) {                             \
    type sum[GDI_LANES] = {0}, block[GDI_LANES], factor[GDI_LANES];                                          \
    GDI_LANE_LOOP factor[l] = 1;                                                                             \
    for (int64_t i = 0; i < n; i += GDI_LANES) {                                                             \
      gdi_block_##suffix(block, a, i, n, 0);                                                                 \
      if (b) gdi_block_##suffix(factor, b, i, n, 0);                                                         \
      GDI_LANE_LOOP sum[l] += block[l] * factor[l];                                                          \
    }                                                                                                        \
    return gdi_fold_##suffix(sum);                                                                           \
  }
GDI_FLOAT_TYPES(GDI_LANE_FUNCTIONS, )

#endif
