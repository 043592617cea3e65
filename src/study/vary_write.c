/* The files of a study of varied settings: vary.csv, runs.csv, vary.h5, and curves.dat for the figure. */
#include <math.h>

#include "base/files.h"
#include "study/vary.h"

typedef struct tables {
  const gdi_vary *study;
  const gd_vary_result *result;
  const int *arm;
} tables;

static void print_text_cell(FILE *f, const char *text) {
  fputc('"', f);
  for (; *text; text++) fprintf(f, *text == '"' ? "\"\"" : "%c", *text);
  fputc('"', f);
}

/* What there is not is an empty cell. */
static void cell(FILE *f, double v) {
  if (isfinite(v))
    fprintf(f, ",%.10g", v);
  else
    fputc(',', f);
}

/* A column for each setting that is varied. */
static void print_keys(FILE *f, const gdi_vary *v) {
  for (int i = 0; i < v->axes; i++) fprintf(f, "%s,", *v->axis[i]->key ? v->axis[i]->key : "settings");
}

static void print_values(FILE *f, const gdi_vary *v, int arm) {
  for (int i = 0; i < v->axes; i++) print_text_cell(f, v->arm[arm].value[i]), fputc(',', f);
}

static void print_rows(FILE *f, const void *what) {
  const tables *t = what;
  const char *m = t->result->measure;
  print_keys(f, t->study);
  fprintf(f, "seeds,diverged,%s,%s_min,%s_max,%s_best,epochs,seconds,difference,low,high,differs\n", m, m, m,
          m);
  for (int i = 0; i < t->result->rows; i++) {
    const gd_vary_row *r = &t->result->row[i];
    print_values(f, t->study, t->arm[i]);
    fprintf(f, "%d,%d", r->seeds, r->diverged);
    const double v[] = {r->last, r->min, r->max, r->best, r->epochs, r->seconds, r->difference, r->lo, r->hi};
    for (size_t k = 0; k < sizeof v / sizeof *v; k++) cell(f, v[k]);
    fprintf(f, ",%d\n", r->differs);
  }
}

static void print_runs(FILE *f, const void *what) {
  const tables *t = what;
  const gdi_vary *v = t->study;
  const char *m = t->result->measure;
  print_keys(f, v);
  fprintf(f, "seed,%s,%s_best,updates,epochs,seconds,diverged,folder\n", m, m);
  for (int i = 0; i < t->result->rows; i++)
    for (int k = 0; k < v->seeds; k++) {
      const gdi_varied *r = gdi_vary_run(v, t->arm[i], k);
      const gdi_point *end = r->curve.n ? &r->curve.point[r->curve.n - 1] : &(gdi_point){0};
      print_values(f, v, t->arm[i]);
      fprintf(f, "%lld", (long long)v->seed[k]);
      cell(f, gdi_vary_last(v, r)), cell(f, gdi_vary_best(v, r));
      fprintf(f, ",%lld", (long long)end->updates);
      cell(f, end->epochs), cell(f, end->seconds);
      fprintf(f, ",%d,runs/%s\n", r->curve.diverged >= 0, r->id);
    }
}

/* ---- for the figure: of every row its curve, then where its seeds ended; two blank lines end a block ---- */

static double value_at(const gdi_vary *v, const gdi_varied *r, int64_t updates) {
  const gdi_curve *c = &r->curve;
  for (int i = 0; i < c->n; i++)
    if (c->point[i].updates == updates) return v->metric ? c->point[i].measure : c->point[i].loss;
  return NAN;
}

/* Median and range over the seeds that were measured then. */
static void print_band(FILE *f, const gdi_vary *v, int arm, const gdi_point *p) {
  double value[GDI_VARY_VALUES];
  int n = 0;
  for (int k = 0; k < v->seeds; k++) {
    const double x = value_at(v, gdi_vary_run(v, arm, k), p->updates);
    if (isfinite(x)) value[n++] = x;
  }
  const double median = gdi_median(value, n);
  if (n) fprintf(f, "%.8g %.8g %.8g %.8g\n", p->epochs, median, value[0], value[n - 1]);
}

/* The seed that went furthest has the places where the others were measured. */
static const gdi_curve *longest(const gdi_vary *v, int arm) {
  const gdi_curve *c = &gdi_vary_run(v, arm, 0)->curve;
  for (int k = 1; k < v->seeds; k++)
    if (gdi_vary_run(v, arm, k)->curve.n > c->n) c = &gdi_vary_run(v, arm, k)->curve;
  return c;
}

static void print_figure(FILE *f, const void *what) {
  const tables *t = what;
  const gdi_vary *v = t->study;
  for (int i = 0; i < t->result->rows; i++) {
    const gdi_curve *c = longest(v, t->arm[i]);
    fprintf(f, "# %s: epochs, %s: median min max\n", v->arm[t->arm[i]].settings, t->result->measure);
    for (int k = 0; k < c->n; k++) print_band(f, v, t->arm[i], &c->point[k]);
    if (c->n == 0) fputs("nan nan nan nan\n", f);
    fputs("\n\n# row, last\n", f);
    for (int k = 0; k < v->seeds; k++) {
      const double last = gdi_vary_last(v, gdi_vary_run(v, t->arm[i], k));
      fprintf(f, "%d %.8g\n", i + 1, isfinite(last) ? last : NAN);
    }
    fputs("\n\n", f);
  }
}

/* ---- all curves ---- */

static gd_status put_run(gdi_h5_writer *h, const gdi_vary *v, const gdi_varied *r) {
  char group[128];
  snprintf(group, sizeof group, "/runs/%s", r->id);
  GD_TRY(gdi_h5_put_group(h, group));
  GD_TRY(gdi_h5_put_attr_text(h, group, "settings", v->arm[r->arm].settings));
  GD_TRY(gdi_h5_put_attr_i64(h, group, "seed", v->seed[r->seed]));
  GD_TRY(gdi_h5_put_attr_i64(h, group, "diverged", r->curve.diverged >= 0));
  return gdi_curve_put(&r->curve, h, group);
}

static gd_status put_all(gdi_h5_writer *h, const gdi_vary *v) {
  GD_TRY(gdi_h5_put_group(h, "/runs"));
  for (int i = 0; i < v->runs; i++) GD_TRY(put_run(h, v, &v->run[i]));
  GD_TRY(gdi_h5_finish(h));
  return gdi_h5_publish(h);
}

gd_status gdi_vary_write(const gdi_vary *v, const gd_vary_result *r, const int arm[]) {
  const tables t = {v, r, arm};
  GD_TRY(gdi_file_write(v->folder, "vary.csv", print_rows, &t));
  GD_TRY(gdi_file_write(v->folder, "runs.csv", print_runs, &t));
  GD_TRY(gdi_file_write(v->folder, "curves.dat", print_figure, &t));
  char path[4200];
  snprintf(path, sizeof path, "%s/vary.h5", v->folder);
  gdi_h5_writer h;
  GD_TRY(gdi_h5_create(&h, path));
  gd_status st = put_all(&h, v);
  if (st != GD_OK) gdi_h5_abandon(&h);
  return st;
}
