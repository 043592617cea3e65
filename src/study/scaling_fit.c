#include <math.h>

#include "study/scaling.h"

enum { TERMS = 3 };

double gdi_scaling_bytes(double parameter_bytes, double ranks) {
  return 2 * parameter_bytes * (ranks - 1) / ranks;
}

static void terms(double v[TERMS], const gdi_scaling_point *p) {
  v[0] = p->samples, v[1] = log2(p->ranks), v[2] = p->bytes;
}

double gdi_scaling_predict(const gd_scaling_fit *f, const gdi_scaling_point *p) {
  double v[TERMS];
  terms(v, p);
  return f->compute_s * v[0] + f->latency_s * v[1] + f->byte_s * v[2];
}

/* Gauss with pivoting on the normal equations of the chosen terms; false: they are not independent. */
static bool solve(double a[TERMS][TERMS + 1], int n, double x[TERMS]) {
  for (int c = 0; c < n; c++) {
    int best = c;
    for (int r = c; r < n; r++)
      if (fabs(a[r][c]) > fabs(a[best][c])) best = r;
    if (!(fabs(a[best][c]) > 1e-9)) return false;
    for (int k = 0; k <= n; k++) {
      const double t = a[c][k];
      a[c][k] = a[best][k], a[best][k] = t;
    }
    for (int r = 0; r < n; r++) {
      const double f = r == c ? 0 : a[r][c] / a[c][c];
      for (int k = c; k <= n; k++) a[r][k] -= f * a[c][k];
    }
  }
  for (int c = 0; c < n; c++) x[c] = a[c][n] / a[c][c];
  return true;
}

/* Fit with the terms of `mask` alone: cost, or infinity when it is impossible or a term comes out
 * negative. */
static double fit_terms(int mask, int n, const gdi_scaling_point *p, const double unit[TERMS],
                        double x[TERMS]) {
  double a[TERMS][TERMS + 1] = {{0}}, found[TERMS], cost = 0;
  int index[TERMS], m = 0;
  for (int t = 0; t < TERMS; t++)
    if (mask >> t & 1) index[m++] = t;
  for (int i = 0; i < n; i++) {
    double v[TERMS];
    terms(v, &p[i]);
    for (int r = 0; r < m; r++) {
      const double vr = v[index[r]] / unit[index[r]] / p[i].seconds;
      for (int c = 0; c < m; c++) a[r][c] += vr * v[index[c]] / unit[index[c]] / p[i].seconds;
      a[r][m] += vr;
    }
  }
  for (int r = 0; r < m; r++) { /* scaled to a unit diagonal, so that one pivot threshold does */
    const double d = a[r][r];
    if (!(d > 0)) return INFINITY;
    for (int c = 0; c <= m; c++) a[r][c] /= d;
  }
  if (!solve(a, m, found)) return INFINITY;
  for (int t = 0; t < TERMS; t++) x[t] = 0;
  for (int r = 0; r < m; r++) {
    if (found[r] < 0) return INFINITY;
    x[index[r]] = found[r] / unit[index[r]];
  }
  const gd_scaling_fit f = {x[0], x[1], x[2]};
  for (int i = 0; i < n; i++) {
    const double e = gdi_scaling_predict(&f, &p[i]) / p[i].seconds - 1;
    cost += e * e;
  }
  return cost;
}

gd_scaling_fit gdi_scaling_fit(int n, const gdi_scaling_point *p) {
  double unit[TERMS] = {1, 1, 1}, best = INFINITY;
  gd_scaling_fit out = {0};
  for (int i = 0; i < n; i++) {
    double v[TERMS];
    terms(v, &p[i]);
    for (int t = 0; t < TERMS; t++)
      if (v[t] > unit[t]) unit[t] = v[t];
  }
  static const int masks[] = {1, 3, 5, 7}; /* there is always computing; fewer terms first */
  for (int k = 0; k < 4; k++) {
    double x[TERMS];
    const double cost = fit_terms(masks[k], n, p, unit, x);
    if (cost < best * 0.999) best = cost, out = (gd_scaling_fit){x[0], x[1], x[2]};
  }
  return out;
}
