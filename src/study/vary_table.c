/*
 * From curves to rows, and whether they differ. Runs of one seed share initial values, order and split, so what the seeds
 * make of them cancels in their difference: it is the spread of differences that the mean difference is held against.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/vary.h"

gdi_varied *gdi_vary_run(const gdi_vary *v, int arm, int seed) {
  return &v->run[seed * v->arms + arm];
}

static bool larger_is_better(const gdi_vary *v) {
  return v->metric && v->metric->larger_is_better;
}

static double worst(const gdi_vary *v) {
  return larger_is_better(v) ? -INFINITY : INFINITY;
}

static bool better(const gdi_vary *v, double a, double b) {
  return larger_is_better(v) ? a > b : a < b;
}

static double value(const gdi_vary *v, const gdi_point *p) {
  return v->metric ? p->measure : p->loss;
}

double gdi_vary_last(const gdi_vary *v, const gdi_varied *r) {
  const gdi_curve *c = &r->curve;
  return c->n && c->diverged < 0 ? value(v, &c->point[c->n - 1]) : worst(v);
}

double gdi_vary_best(const gdi_vary *v, const gdi_varied *r) {
  double best = worst(v);
  for (int i = 0; i < r->curve.n; i++) {
    const double x = value(v, &r->curve.point[i]);
    if (better(v, x, best)) best = x;
  }
  return best;
}

/* ---- rows ---- */

typedef struct column {
  double last[GDI_VARY_VALUES], best[GDI_VARY_VALUES], epochs[GDI_VARY_VALUES], seconds[GDI_VARY_VALUES];
} column;

static gd_vary_row row_of(const gdi_vary *v, int arm, column *c) {
  gd_vary_row row = {
      .settings = v->arm[arm].settings, .seeds = v->seeds, .difference = NAN, .lo = NAN, .hi = NAN};
  for (int k = 0; k < v->seeds; k++) {
    const gdi_varied *r = gdi_vary_run(v, arm, k);
    const gdi_point *end = r->curve.n ? &r->curve.point[r->curve.n - 1] : &(gdi_point){0};
    c->last[k] = gdi_vary_last(v, r), c->best[k] = gdi_vary_best(v, r);
    c->epochs[k] = end->epochs, c->seconds[k] = end->seconds;
    row.diverged += r->curve.diverged >= 0;
  }
  row.last = gdi_median(c->last, v->seeds); /* which sorts them */
  row.min = c->last[0], row.max = c->last[v->seeds - 1];
  row.best = gdi_median(c->best, v->seeds);
  row.epochs = gdi_median(c->epochs, v->seeds), row.seconds = gdi_median(c->seconds, v->seeds);
  return row;
}

/* Best median first; equal ones in the order in which they were given. There are few. */
static void sort(const gdi_vary *v, gd_vary_row *row, int *arm) {
  for (int i = 1; i < v->arms; i++)
    for (int k = i; k > 0 && better(v, row[k].last, row[k - 1].last); k--) {
      const gd_vary_row r = row[k];
      const int a = arm[k];
      row[k] = row[k - 1], arm[k] = arm[k - 1];
      row[k - 1] = r, arm[k - 1] = a;
    }
}

/* ---- whether they differ ---- */

/* The first row's less this one's: mean over seeds, and its interval by Student's t. */
static void compare(const gdi_vary *v, gd_vary_row *row, int first, int arm, double bound) {
  double mean = 0, squares = 0;
  const int n = v->seeds;
  for (int k = 0; k < n; k++)
    mean += gdi_vary_last(v, gdi_vary_run(v, first, k)) - gdi_vary_last(v, gdi_vary_run(v, arm, k));
  mean /= n;
  for (int k = 0; k < n; k++) {
    const double d = gdi_vary_last(v, gdi_vary_run(v, first, k)) - gdi_vary_last(v, gdi_vary_run(v, arm, k));
    squares += (d - mean) * (d - mean);
  }
  row->difference = mean;
  if (n < 2 || !isfinite(mean)) return;
  const double half = bound * sqrt(squares / (n - 1) / n);
  row->lo = mean - half, row->hi = mean + half;
  row->differs = row->lo > 0 || row->hi < 0;
}

gd_status gdi_vary_table(const gdi_vary *v, gd_vary_result *out, int arm[]) {
  column *c = malloc(sizeof *c);
  out->row = gd_arena_alloc(v->arena, (size_t)v->arms * sizeof *out->row);
  if (!c || !out->row) {
    free(c);
    return GD_FAIL(GD_ERR_OOM, "no memory for the table of a study");
  }
  out->rows = v->arms;
  out->measure = v->metric ? v->metric->name : "loss";
  out->percent = v->metric && v->metric->percent;
  out->larger_is_better = larger_is_better(v);
  out->pairs = v->arms * (v->arms - 1) / 2;
  for (int i = 0; i < v->arms; i++) out->row[i] = row_of(v, arm[i] = i, c);
  free(c);
  sort(v, out->row, arm);
  const double bound = gdi_t_bound(1 - 0.05 / out->pairs, v->seeds - 1);
  for (int i = 1; i < v->arms; i++) compare(v, &out->row[i], arm[0], arm[i], bound);
  return GD_OK;
}

void gd_vary_free(gd_vary_result *r) {
  gd_arena_free(r->arena);
  *r = (gd_vary_result){0};
}
