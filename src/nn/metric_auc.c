/*
 * Two classes: the area under the ROC curve, and accuracy of logits of one output each.
 *
 * The area is the share of pairs (a positive, a negative) in which the positive has the larger score; a tie is half
 * a pair. By ranks: (R - p (p + 1) / 2) / (p q), with R the sum of the ranks of the p positives among p + q.
 */
#include <math.h>
#include <stdlib.h>

#include "nn/metrics.h"

typedef struct scored {
  double score;
  double positive; /* 1, 0; NaN: does not count */
} scored;

static bool has_two_classes(const gd_metric_of *of) {
  return of->labels ? of->outputs == 2 && of->targets == 1 : of->outputs == 1;
}

static int64_t two(const gd_metric_of *of) {
  (void)of;
  return sizeof(scored) / sizeof(double);
}

static gd_status score(const gd_evaluated *e, double *to) {
  const double *x, *y;
  const int64_t n = e->batch->y->shape[0];
  GD_TRY(gd_evaluated_values(e, e->output[0], &x));
  GD_TRY(gd_evaluated_values(e, e->batch->y, &y));
  for (int64_t i = 0; i < n; i++) {
    to[2 * i] = e->of->labels ? x[2 * i + 1] - x[2 * i] : x[i];
    to[2 * i + 1] = e->of->labels && y[i] == GD_IGNORED ? NAN : y[i] > 0.5;
  }
  return GD_OK;
}

static int by_score(const void *a, const void *b) {
  const scored *p = a, *q = b;
  return (p->score > q->score) - (p->score < q->score);
}

static double area(const gd_metric_of *of, const double *total, int64_t n) {
  const scored *all = (const scored *)total;
  scored *s = malloc((size_t)(n + 1) * sizeof *s);
  double p = 0, ranks = 0;
  int64_t m = 0;
  (void)of;
  for (int64_t i = 0; s && i < n; i++)
    if (!isnan(all[i].positive) && !isnan(all[i].score)) s[m++] = all[i];
  if (s) qsort(s, (size_t)m, sizeof *s, by_score);
  for (int64_t lo = 0, hi; s && lo < m; lo = hi) {
    double positives = 0;
    for (hi = lo; hi < m && s[hi].score == s[lo].score; hi++) positives += s[hi].positive;
    ranks +=
        positives * ((double)(lo + 1 + hi) / 2); /* those of equal scores share their ranks lo + 1 .. hi */
    p += positives;
  }
  free(s);
  return s ? (ranks - p * (p + 1) / 2) / (p * ((double)m - p)) : NAN; /* 0 / 0 without one of the classes */
}

const gd_metric gdi_metric_auc = {.name = "auc",
                                  .about = "area under the ROC curve, of two classes",
                                  .target = GD_LABELS | GD_NUMBERS,
                                  .larger_is_better = true,
                                  .kind = GD_METRIC_SAMPLES,
                                  .fits = has_two_classes,
                                  .numbers = two,
                                  .count = score,
                                  .value = area};

static gd_status count_sides(const gd_evaluated *e, double *to) {
  const double *x, *y;
  const int64_t n = gd_numel(e->batch->y);
  GD_TRY(gd_evaluated_values(e, e->output[0], &x));
  GD_TRY(gd_evaluated_values(e, e->batch->y, &y));
  for (int64_t i = 0; i < n; i++) to[0] += (x[i] > 0) == (y[i] > 0.5), to[1]++;
  return GD_OK;
}

const gd_metric gdi_metric_binary_accuracy = {
    .name = "binary_accuracy",
    .about = "share of outputs on the right side of a probability of 1/2",
    .target = GD_NUMBERS,
    .larger_is_better = true,
    .percent = true,
    .kind = GD_METRIC_COUNTS,
    .count = count_sides};
