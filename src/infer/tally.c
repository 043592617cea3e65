/*
 * What an evaluation adds up. A micro-batch has a record of real numbers (its loss and weight, and what SUMS count);
 * records are added in the tree over all micro-batches, so the bits do not depend on ranks. COUNTS are whole
 * numbers, which any order adds up exactly: a rank keeps one set. SAMPLES stay in the order of the data.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "infer/metrics.h"

enum { LOSS, WEIGHT, HEAD };

static int64_t numbers(const gdi_metric_list *l, int i) {
  return l->metric[i]->numbers ? l->metric[i]->numbers(&l->of) : 2;
}

static double *zeros(int64_t n) {
  return calloc((size_t)(n ? n : 1), sizeof(double));
}

gd_status gdi_tally_new(gdi_tally *t, const gdi_metric_list *l, int64_t n, int64_t rows) {
  *t = (gdi_tally){.list = l, .K = (n + rows - 1) / rows, .rows = rows, .n = n, .width = HEAD};
  bool ok = true;
  for (int i = 0; i < l->n; i++) {
    switch (l->metric[i]->kind) {
    case GD_METRIC_SUMS: t->at[i] = t->width, t->width += numbers(l, i); break;
    case GD_METRIC_COUNTS: t->at[i] = t->counts, t->counts += numbers(l, i); break;
    case GD_METRIC_SAMPLES: ok &= (t->sample[i] = zeros(n * numbers(l, i))) != NULL; break;
    }
  }
  t->record = zeros(t->K * t->width);
  t->count = zeros(t->counts);
  if (ok && t->record && t->count) return GD_OK;
  gdi_tally_free(t);
  return GD_FAIL(GD_ERR_OOM, "no memory to evaluate %lld samples", (long long)n);
}

void gdi_tally_free(gdi_tally *t) {
  for (int i = 0; i < GD_MAX_METRICS; i++) free(t->sample[i]);
  free(t->record), free(t->count);
  gdi_host_values_free(&t->host);
  *t = (gdi_tally){0};
}

gd_status gdi_tally_add(gdi_tally *t, int64_t k, double loss, double weight, gd_evaluated *e) {
  const gdi_metric_list *l = t->list;
  double *record = t->record + k * t->width;
  record[LOSS] = loss, record[WEIGHT] = weight;
  e->of = &l->of;
  e->host = &t->host;
  gdi_host_values_reset(&t->host);
  for (int i = 0; i < l->n; i++) {
    const gd_metric_kind kind = l->metric[i]->kind;
    double *to = kind == GD_METRIC_SUMS     ? record + t->at[i]
                 : kind == GD_METRIC_COUNTS ? t->count + t->at[i]
                                            : t->sample[i] + k * t->rows * numbers(l, i);
    GD_TRY(l->metric[i]->count(e, to));
  }
  return GD_OK;
}

/* ---- everybody's */

/* Part r of a table is what rank r filled in: its micro-batches, of `width` numbers each; `most` numbers in all. */
static gd_status gather(gd_world *w, double *table, int64_t K, int64_t width, int64_t most) {
  const int size = gd_world_size(w);
  gd_range *part = malloc((size_t)size * sizeof *part);
  if (!part) return GD_FAIL(GD_ERR_OOM, "no memory to evaluate");
  for (int r = 0; r < size; r++) {
    const gd_range run = gd_share(K, size, r);
    const int64_t lo = run.lo * width, hi = run.hi * width;
    part[r] = (gd_range){(lo < most ? lo : most) * (int64_t)sizeof *table,
                         (hi < most ? hi : most) * (int64_t)sizeof *table};
  }
  gd_status st = gd_world_allgatherv(w, table, part);
  free(part);
  return st;
}

gd_status gdi_tally_exchange(gdi_tally *t, gd_world *w) {
  enum { PART = 1 << 20 };
  GD_TRY(gather(w, t->record, t->K, t->width, t->K * t->width));
  for (int64_t at = 0; at < t->counts; at += PART)
    GD_TRY(gd_world_allreduce_f64(w, t->count + at, (int)(t->counts - at < PART ? t->counts - at : PART),
                                  GD_SUM));
  for (int i = 0; i < t->list->n; i++) {
    const int64_t width = numbers(t->list, i);
    if (t->sample[i]) GD_TRY(gather(w, t->sample[i], t->K, t->rows * width, t->n * width));
  }
  return GD_OK;
}

/* ---- totals */

/* The records of lo .. hi-1 come together in that of lo, in the order of the tree. */
static void merge(const gdi_tally *t, int i, int64_t lo, int64_t hi) {
  if (hi - lo < 2) return;
  const int64_t mid = gd_tree_mid(lo, hi);
  merge(t, i, lo, mid);
  merge(t, i, mid, hi);
  t->list->metric[i]->merge(&t->list->of, t->record + lo * t->width + t->at[i],
                            t->record + mid * t->width + t->at[i]);
}

static const double *total(gdi_tally *t, int i) {
  const gd_metric *m = t->list->metric[i];
  double *first = t->record + t->at[i];
  if (m->kind == GD_METRIC_SAMPLES) return t->sample[i];
  if (m->kind == GD_METRIC_COUNTS) return t->count + t->at[i];
  if (m->merge) {
    merge(t, i, 0, t->K);
    return first;
  }
  for (int64_t k = numbers(t->list, i) - 1; k >= 0; k--) first[k] = gd_tree_sum(first + k, t->K, t->width);
  return first;
}

typedef struct table {
  const gd_metric *metric;
  const gd_metric_of *of;
  const double *total;
} table;

static void print_table(FILE *f, const void *what) {
  const table *t = what;
  t->metric->write(t->of, t->total, f);
}

static gd_status write_table(const table *t, const char *folder, FILE *text) {
  char name[64];
  snprintf(name, sizeof name, "%s.csv", t->metric->name);
  if (text && t->metric->print) t->metric->print(t->of, t->total, text);
  return folder ? gdi_file_write(folder, name, print_table, t) : GD_OK;
}

gd_status gdi_tally_finish(gdi_tally *t, const char *folder, FILE *text, gd_metrics *out) {
  const gdi_metric_list *l = t->list;
  *out = (gd_metrics){.loss = gd_tree_sum(t->record + LOSS, t->K, t->width) /
                              gd_tree_sum(t->record + WEIGHT, t->K, t->width),
                      .accuracy = NAN,
                      .samples = t->n}; /* 0 / 0: NaN is what not measured looks like */
  for (int i = 0; i < l->n; i++) {
    const gd_metric *m = l->metric[i];
    const double *all = total(t, i);
    if (m->table) {
      GD_TRY(write_table(&(table){m, &l->of, all}, folder, text));
      continue;
    }
    const double value = m->value ? m->value(&l->of, all, t->n) : all[0] / all[1];
    out->measure[out->n++] = (gd_measure){m, value};
    if (m == &gdi_metric_accuracy) out->accuracy = value;
  }
  return GD_OK;
}
