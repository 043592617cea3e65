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

/* Integral of cos^k from 0 to a, by Simpson's rule. */
static double cosine_power(int k, double a) {
  enum { PARTS = 400 }; /* enough for a thousand degrees of freedom */
  double sum = 0;
  for (int i = 0; i <= PARTS; i++)
    sum += (i == 0 || i == PARTS ? 1 : i % 2 ? 4 : 2) * pow(cos(a * i / PARTS), k);
  return sum * a / PARTS / 3;
}

/* With t = sqrt(df) tan(a), the density of t becomes cos^(df - 1)(a), and infinity a quarter of a turn. */
double gdi_t_bound(double p, int df) {
  if (df < 1 || !(p > 0 && p < 1)) return NAN;
  double lo = 0, hi = acos(0);
  const double whole = cosine_power(df - 1, hi);
  for (int i = 0; i < 60; i++) {
    const double mid = (lo + hi) / 2;
    if (cosine_power(df - 1, mid) < p * whole)
      lo = mid;
    else
      hi = mid;
  }
  return sqrt(df) * tan(lo);
}
