/* The files of a study: compare.csv, runs.csv, compare.h5. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "study/study.h"

/* ---- tables */

typedef struct tables {
  const gdi_study *study;
  const gd_compare_result *result;
} tables;

/* What was not measured, or never happened, is an empty cell. */
static void cell(FILE *f, double v) {
  if (isfinite(v))
    fprintf(f, ",%.10g", v);
  else
    fputc(',', f);
}

static void print_compare(FILE *f, const void *what) {
  const gd_compare_result *r = ((const tables *)what)->result;
  fputs("batch,lr,edge,updates,updates_min,updates_max,crossing,epochs,samples,final_loss,noise_scale,"
        "slope,regime,reached,diverged,cut,never,seconds,ranks\n",
        f);
  for (int i = 0; i < r->rows; i++) {
    const gd_compare_row *w = &r->row[i];
    fprintf(f, "%lld,%g,%d", (long long)w->batch, w->lr, w->edge);
    const double v[] = {w->updates, w->updates_min, w->updates_max, w->crossing, w->epochs,
                        w->samples, w->final_loss,  w->noise_scale, w->slope};
    for (size_t k = 0; k < sizeof v / sizeof *v; k++) cell(f, v[k]);
    fprintf(f, ",%s,%d,%d,%d,%d", w->regime, w->reached, w->diverged, w->cut, w->never);
    cell(f, w->seconds);
    fprintf(f, ",%d\n", w->ranks);
  }
}

static void print_runs(FILE *f, const void *what) {
  const gdi_study *s = ((const tables *)what)->study;
  fprintf(f, "batch,lr,seed,outcome,updates,epochs,samples,loss,%s,noise_scale\n", s->metric->name);
  for (int i = 0; i < s->trials; i++) {
    const gdi_trial *t = &s->trial[i];
    const gdi_verdict v = gdi_study_judge(s, t);
    fprintf(f, "%lld,%g,%lld,%s", (long long)s->batch[t->batch], gdi_study_rate(s, t->batch, t->rate),
            (long long)(s->base.seed + t->seed), gdi_outcome_name(v.outcome));
    const gdi_point none = {.updates = 0, .loss = NAN, .measure = NAN, .noise_scale = NAN},
                    *p = v.end ? v.end : &none;
    fprintf(f, ",%lld", (long long)p->updates);
    const double w[] = {p->epochs, p->samples, p->loss, p->measure, p->noise_scale};
    for (size_t k = 0; k < sizeof w / sizeof *w; k++) cell(f, w[k]);
    fputc('\n', f);
  }
}

/* ---- all curves */

static gd_status put_column(gdi_h5_writer *h, const char *group, const char *name, const gdi_curve *c,
                            size_t offset) {
  char path[256];
  const int64_t n = c->n;
  double *v = malloc((size_t)(n ? n : 1) * sizeof *v);
  if (!v) return GD_FAIL(GD_ERR_OOM, "no memory for the curves of a study");
  for (int i = 0; i < c->n; i++) memcpy(&v[i], (const char *)&c->point[i] + offset, sizeof v[i]);
  snprintf(path, sizeof path, "%s/%s", group, name);
  gd_status st = gdi_h5_put(h, path, GD_F64, 1, &n, v);
  free(v);
  return st;
}

gd_status gdi_curve_put(const gdi_curve *c, gdi_h5_writer *h, const char *group) {
  const struct {
    const char *name;
    size_t offset;
  } column[] = {{"epochs", offsetof(gdi_point, epochs)},
                {"samples", offsetof(gdi_point, samples)},
                {"seconds", offsetof(gdi_point, seconds)},
                {"train_loss", offsetof(gdi_point, train_loss)},
                {"loss", offsetof(gdi_point, loss)},
                {c->measure, offsetof(gdi_point, measure)},
                {"noise_scale", offsetof(gdi_point, noise_scale)}};
  if (c->n == 0) return GD_OK;
  for (size_t k = 0; k < sizeof column / sizeof *column; k++)
    if (column[k].name) GD_TRY(put_column(h, group, column[k].name, c, column[k].offset));
  char path[256];
  const int64_t n = c->n;
  int64_t *updates = malloc((size_t)n * sizeof *updates);
  if (!updates) return GD_FAIL(GD_ERR_OOM, "no memory for the curves of a study");
  for (int i = 0; i < c->n; i++) updates[i] = c->point[i].updates;
  snprintf(path, sizeof path, "%s/updates", group);
  gd_status st = gdi_h5_put(h, path, GD_I64, 1, &n, updates);
  free(updates);
  return st;
}

static gd_status put_run(gdi_h5_writer *h, const gdi_study *s, const gdi_trial *t) {
  char group[128];
  snprintf(group, sizeof group, "/runs/%s", t->id);
  GD_TRY(gdi_h5_put_group(h, group));
  GD_TRY(gdi_h5_put_attr_i64(h, group, "batch", s->batch[t->batch]));
  GD_TRY(gdi_h5_put_attr_f64(h, group, "lr", gdi_study_rate(s, t->batch, t->rate)));
  GD_TRY(gdi_h5_put_attr_i64(h, group, "seed", s->base.seed + t->seed));
  GD_TRY(gdi_h5_put_attr_text(h, group, "outcome", gdi_outcome_name(gdi_study_judge(s, t).outcome)));
  return gdi_curve_put(&t->curve, h, group);
}

static gd_status put_all(gdi_h5_writer *h, const gdi_study *s, const gd_compare_result *r) {
  GD_TRY(gdi_h5_put_group(h, "/runs"));
  for (int i = 0; i < s->trials; i++) GD_TRY(put_run(h, s, &s->trial[i]));
  if (r->fit.points) {
    GD_TRY(gdi_h5_put_group(h, "/fit"));
    GD_TRY(gdi_h5_put_attr_f64(h, "/fit", "s_min", r->fit.s_min));
    GD_TRY(gdi_h5_put_attr_f64(h, "/fit", "e_min", r->fit.e_min));
    GD_TRY(gdi_h5_put_attr_f64(h, "/fit", "b_crit", r->fit.b_crit));
    GD_TRY(gdi_h5_put_attr_f64(h, "/fit", "deviation", r->fit.deviation));
    GD_TRY(gdi_h5_put_attr_f64(h, "/fit", "b_simple", r->b_simple));
  }
  GD_TRY(gdi_h5_finish(h));
  return gdi_h5_publish(h);
}

gd_status gdi_study_write(const gdi_study *s, const gd_compare_result *r) {
  const tables t = {s, r};
  GD_TRY(gdi_file_write(s->folder, "compare.csv", print_compare, &t));
  GD_TRY(gdi_file_write(s->folder, "runs.csv", print_runs, &t));
  char path[4200];
  snprintf(path, sizeof path, "%s/compare.h5", s->folder);
  gdi_h5_writer h;
  GD_TRY(gdi_h5_create(&h, path));
  gd_status st = put_all(&h, s, r);
  if (st != GD_OK) gdi_h5_abandon(&h);
  return st;
}
