/* Statistics of a few numbers. */
#include "base/stats.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void gdi_sort(double *v, int n) {
  qsort(v, (size_t)n, sizeof *v, ascending);
}

double gdi_median(double *v, int n) {
  if (n == 0) return NAN;
  gdi_sort(v, n);
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
