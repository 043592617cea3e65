/* From curves to the table: one row for every batch size, at its best rate. */
#include <math.h>
#include <stdlib.h>

#include "study/study.h"

typedef struct rate_result {
  double updates[GDI_STUDY_MAX_SEEDS], crossing[GDI_STUDY_MAX_SEEDS]; /* infinity: not reached */
  double loss[GDI_STUDY_MAX_SEEDS], epochs[GDI_STUDY_MAX_SEEDS], samples[GDI_STUDY_MAX_SEEDS];
  double noise[GDI_STUDY_MAX_SEEDS];
  int noises;
} rate_result;

static void collect(const gdi_study *s, int batch, int rate, rate_result *out) {
  out->noises = 0;
  for (int k = 0; k < s->seeds; k++) {
    const gdi_verdict v = gdi_study_judge(s, gdi_study_trial(s, batch, rate, k));
    const bool reached = v.outcome == GDI_REACHED;
    out->updates[k] = reached ? (double)v.end->updates : INFINITY;
    out->crossing[k] = v.crossing;
    out->epochs[k] = reached ? v.end->epochs : INFINITY;
    out->samples[k] = reached ? v.end->samples : INFINITY;
    out->loss[k] = v.end && v.outcome != GDI_DIVERGED ? v.end->loss : INFINITY;
    if (v.end && !isnan(v.end->noise_scale)) out->noise[out->noises++] = v.end->noise_scale;
  }
}

int gdi_study_best_rate(const gdi_study *s, int batch) {
  int best = 0;
  double updates = INFINITY, loss = INFINITY;
  for (int r = 0; r < s->rates; r++) {
    rate_result v;
    collect(s, batch, r, &v);
    const double u = gdi_median(v.updates, s->seeds), l = gdi_median(v.loss, s->seeds);
    if (u < updates || (u == updates && l < loss)) best = r, updates = u, loss = l;
  }
  return best;
}

static gd_compare_row row_of(const gdi_study *s, int b) {
  const int rate = gdi_study_best_rate(s, b);
  gd_compare_row row = {.batch = s->batch[b],
                        .full = s->batch[b] == s->n,
                        .lr = gdi_study_rate(s, b, rate),
                        .edge = s->rates > 1 && (rate == 0 || rate == s->rates - 1),
                        .runs = s->rates * s->seeds,
                        .seconds = NAN,
                        .regime = ""};
  rate_result v;
  collect(s, b, rate, &v);
  row.updates = gdi_median(v.updates, s->seeds); /* which sorts them */
  row.updates_min = v.updates[0], row.updates_max = v.updates[s->seeds - 1];
  row.crossing = gdi_median(v.crossing, s->seeds);
  row.epochs = gdi_median(v.epochs, s->seeds), row.samples = gdi_median(v.samples, s->seeds);
  row.final_loss = gdi_median(v.loss, s->seeds);
  row.noise_scale = gdi_median(v.noise, v.noises);
  for (int r = 0; r < s->rates; r++)
    for (int k = 0; k < s->seeds; k++) switch (gdi_study_judge(s, gdi_study_trial(s, b, r, k)).outcome) {
      case GDI_REACHED: row.reached++; break;
      case GDI_DIVERGED: row.diverged++; break;
      case GDI_CUT: row.cut++; break;
      default: row.never++;
      }
  return row;
}

static void slopes(gd_compare_result *r) {
  double x[GDI_STUDY_MAX_BATCHES], y[GDI_STUDY_MAX_BATCHES];
  for (int i = 0; i < r->rows; i++) x[i] = (double)r->row[i].batch, y[i] = r->row[i].crossing;
  for (int i = 0; i < r->rows; i++) {
    r->row[i].slope = gdi_local_slope(i, r->rows, x, y);
    r->row[i].regime = gdi_regime(r->row[i].slope);
  }
}

static gd_status fit(const gdi_study *s, gd_compare_result *r) {
  double batch[GDI_STUDY_MAX_BATCHES], crossing[GDI_STUDY_MAX_BATCHES];
  double *each = malloc((size_t)s->seeds * (size_t)s->batches * sizeof *each);
  if (!each) return GD_FAIL(GD_ERR_OOM, "no memory for the fit");
  for (int b = 0; b < s->batches; b++) {
    rate_result v;
    collect(s, b, gdi_study_best_rate(s, b), &v);
    for (int k = 0; k < s->seeds; k++) each[k * s->batches + b] = v.crossing[k];
    batch[b] = (double)s->batch[b], crossing[b] = r->row[b].crossing;
  }
  gd_status st = GD_OK;
  if (gd_hyperbola_fit(&r->fit, s->batches, batch, crossing) == GD_OK)
    st = gdi_hyperbola_bootstrap(&r->fit, s->batches, s->seeds, batch, each);
  else
    r->fit = (gd_hyperbola){0}, gd_error_clear();
  free(each);
  return st;
}

gd_status gdi_study_table(const gdi_study *s, gd_compare_result *out) {
  double noise[GDI_STUDY_MAX_BATCHES];
  int noises = 0;
  out->row = calloc((size_t)s->batches, sizeof *out->row);
  if (!out->row) return GD_FAIL(GD_ERR_OOM, "no memory for the table");
  out->rows = s->batches;
  for (int b = 0; b < s->batches; b++) {
    out->row[b] = row_of(s, b);
    if (!isnan(out->row[b].noise_scale)) noise[noises++] = out->row[b].noise_scale;
  }
  out->b_simple = gdi_median(noise, noises);
  slopes(out);
  return fit(s, out);
}

void gd_compare_free(gd_compare_result *r) {
  free(r->row);
  r->row = NULL, r->rows = 0;
}
