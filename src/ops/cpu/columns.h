/*
 * Sums over the rows of [n / C, C]. Few channels are widened: a row of W columns is k rows of C, so that inner loops are long;
 * column i is channel i % C. A few rows at a time are summed in the type of the values, those sums in f64: converting every
 * value would cost more than adding it.
 */
#ifndef GDI_OPS_CPU_COLUMNS_H
#define GDI_OPS_CPU_COLUMNS_H

#include <stdint.h>

enum { WIDE = 128, ROWS = 16 }; /* columns and rows at a time */

static inline int64_t gdi_columns(int64_t C) { /* W */
  return C < WIDE ? WIDE / C * C : C;
}

static inline int64_t gdi_least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/*
 * For the elements [lo, hi), ROWS rows and at most WIDE columns from c on at a time: `width` columns, rows up to `end`. Then
 * for each of those rows: its m elements from `at` on.
 */
#define EACH_TILE(lo, hi, W)                                                                                 \
  for (int64_t block = lo; block < hi; block += ROWS * (W))                                                  \
    for (int64_t c = 0, width = gdi_least(WIDE, W), end = gdi_least(hi, block + ROWS * (W)); c < (W);        \
         c += WIDE, width = gdi_least(WIDE, (W)-c))
#define EACH_ROW(W)                                                                                          \
  for (int64_t at = block + c, m = gdi_least(width, end - at); at < end;                                     \
       at += W, m = gdi_least(width, end - at))

#endif
