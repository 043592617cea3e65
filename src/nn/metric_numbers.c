/* Metrics of numbers: mean absolute error, root of the mean squared error, R2. */
#include <math.h>

#include "nn/metrics.h"

static gd_status values(const gd_evaluated *e, const double **p, const double **y, int64_t *n) {
  *n = gd_numel(e->batch->y);
  if (gd_numel(e->output[0]) != *n)
    return GD_FAIL(GD_ERR_SHAPE, "%lld outputs for %lld targets", (long long)gd_numel(e->output[0]),
                   (long long)*n);
  GD_TRY(gd_evaluated_values(e, e->output[0], p));
  return gd_evaluated_values(e, e->batch->y, y);
}

static gd_status add_absolute(const gd_evaluated *e, double *to) {
  const double *p, *y;
  int64_t n;
  GD_TRY(values(e, &p, &y, &n));
  for (int64_t i = 0; i < n; i++) to[0] += fabs(p[i] - y[i]);
  to[1] += (double)n;
  return GD_OK;
}

static gd_status add_squares(const gd_evaluated *e, double *to) {
  const double *p, *y;
  int64_t n;
  GD_TRY(values(e, &p, &y, &n));
  for (int64_t i = 0; i < n; i++) to[0] += (p[i] - y[i]) * (p[i] - y[i]);
  to[1] += (double)n;
  return GD_OK;
}

static double root(const gd_metric_of *of, const double *total, int64_t n) {
  (void)of, (void)n;
  return sqrt(total[0] / total[1]);
}

const gd_metric gdi_metric_mae = {
    .name = "mae", .about = "mean absolute error", .target = GD_NUMBERS, .count = add_absolute};
const gd_metric gdi_metric_rmse = {.name = "rmse",
                                   .about = "root of the mean squared error",
                                   .target = GD_NUMBERS,
                                   .count = add_squares,
                                   .value = root};

/*
 * R2 = 1 - sum (p - y)^2 / sum (y - mean)^2 for each output, mean over outputs. The sum about the mean is merged as
 * Chan, Golub and LeVeque (1983) do, so that targets far from zero lose nothing.
 */
enum { N, MEAN, SPREAD, ERROR, PARTS };

static int64_t four_each(const gd_metric_of *of) {
  return PARTS * of->outputs;
}

static gd_status add_moments(const gd_evaluated *e, double *to) {
  const double *p, *y;
  const int64_t O = e->of->outputs;
  int64_t n;
  GD_TRY(values(e, &p, &y, &n));
  for (int64_t i = 0; i < n; i++) {
    double *t = to + PARTS * (i % O);
    const double d = y[i] - t[MEAN];
    t[N]++;
    t[MEAN] += d / t[N];
    t[SPREAD] += d * (y[i] - t[MEAN]);
    t[ERROR] += (p[i] - y[i]) * (p[i] - y[i]);
  }
  return GD_OK;
}

static void merge_moments(const gd_metric_of *of, double *a, const double *b) {
  for (int64_t o = 0; o < of->outputs; o++, a += PARTS, b += PARTS) {
    const double n = a[N] + b[N], d = b[MEAN] - a[MEAN];
    if (b[N] == 0) continue;
    a[SPREAD] += b[SPREAD] + d * d * a[N] * b[N] / n;
    a[MEAN] += d * b[N] / n;
    a[N] = n;
    a[ERROR] += b[ERROR];
  }
}

static double r2(const gd_metric_of *of, const double *total, int64_t n) {
  double sum = 0;
  (void)n;
  for (int64_t o = 0; o < of->outputs; o++) sum += 1 - total[PARTS * o + ERROR] / total[PARTS * o + SPREAD];
  return sum / (double)of->outputs;
}

const gd_metric gdi_metric_r2 = {.name = "r2",
                                 .about = "1 - squared error / spread of the targets, mean over outputs",
                                 .target = GD_NUMBERS,
                                 .larger_is_better = true,
                                 .numbers = four_each,
                                 .count = add_moments,
                                 .merge = merge_moments,
                                 .value = r2};
