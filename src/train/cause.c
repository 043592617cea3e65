/* Why a loss is not finite: the samples of the step are looked at, before the rate is blamed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/convert.h"
#include "data/dataset.h"
#include "train/fit.h"

/* The value farthest from zero, as the model gets it. */
typedef struct largest {
  double seen, stored; /* standardised, if that is asked for; as in the file */
  int64_t sample, column;
} largest;

static void look(largest *l, const double *row, int64_t n, const gd_standardize *s, int64_t sample) {
  for (int64_t k = 0; k < n; k++) {
    const double v = s->features ? fabs((row[k] - s->mean[k]) / s->std[k]) : fabs(row[k]);
    if (v > l->seen) *l = (largest){v, row[k], sample, k};
  }
}

/* Samples of the step that failed, of a set that is held: files belong to the thread that reads them. */
static gd_status look_at_step(const gdi_job *j, int64_t step, largest *x, largest *y) {
  const gd_dataset *d = j->train.data;
  const gdi_step_plan plan = gdi_batches_step(&j->batches, step);
  gdi_convert c = {0};
  if (!d->loaded_x) return GD_OK;
  double *row = malloc((size_t)d->features * sizeof *row + 1);
  gd_status st = row ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to look at a sample");
  if (st == GD_OK) st = gdi_convert_make(&c, d->info.x_type, GD_F64, d->features, d->info.x_scale, NULL);
  for (int64_t i = plan.rows.lo; st == GD_OK && i < plan.rows.hi; i++) {
    const int64_t sample = gd_order_at(&j->train_order, plan.epoch, i);
    gdi_convert_row(&c, d->loaded_x + (size_t)sample * d->x_row, row);
    look(x, row, d->features, &j->standardize, sample);
    const char *target = d->loaded_y + (size_t)sample * d->y_row;
    if (!d->info.labels)
      look(y, (const double *)(const void *)target, d->info.targets, &j->standardize_targets, sample);
  }
  gdi_convert_free(&c);
  free(row);
  return st;
}

static int name_value(const gdi_job *j, const largest *l, bool target, char *buf, size_t bytes) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  const char *name =
      target ? (i->names.n_y ? i->names.y[l->column] : NULL) : (i->names.n_x ? i->names.x[l->column] : NULL);
  return snprintf(buf, bytes, "%s of sample %lld of %.120s is %.6g in column %lld%s%.60s%s",
                  target ? i->y_name : i->x_name, (long long)l->sample, i->path, l->stored,
                  (long long)l->column, name ? " (" : "", name ? name : "", name ? ")" : "");
}

void gdi_nonfinite_cause(const gdi_job *j, int64_t step, char *buf, size_t bytes) {
  enum { LARGE = 30 }; /* far from what initial weights and usual rates are made for */
  const double most = j->dtype == GD_F64 ? 1e154 : 1e19; /* their squares are numbers still */
  largest x = {0}, y = {0};
  if (look_at_step(j, step, &x, &y) != GD_OK) gd_error_clear();
  const bool target = y.seen > x.seen, on = target ? j->opt.standardize_targets : j->opt.standardize;
  const largest *l = target ? &y : &x;
  if (l->seen < LARGE) {
    snprintf(buf, bytes, "try a lower rate, warm-up or clip_norm");
    return;
  }
  const size_t n = (size_t)name_value(j, l, target, buf, bytes);
  if (n >= bytes) return;
  if (l->seen > most)
    snprintf(buf + n, bytes - n, ", more than %s can be computed with: correct or leave out that value%s",
             j->opt.precision, j->dtype == GD_F64 ? "" : ", or --precision fp64");
  else
    snprintf(buf + n, bytes - n, ": %s%s, or try a lower rate, warm-up or clip_norm",
             on       ? "far from all others even standardised"
             : target ? "--standardize-targets"
                      : "--standardize",
             on ? "" : " brings such values near 1");
}
