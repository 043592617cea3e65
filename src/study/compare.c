/* gd_compare(): the folder of a study, its runs, the timing of the best, the results. */
#include "gd/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "gd/log.h"
#include "train/run_log.h"
#include "study/study.h"

/* ---- the folder: one study, one process at a time */

/* Everything that runs of this study share; batch, rate and seed are in the name of the run. */
static gd_status identify(const gdi_study *s, const char *data_digest, char *buf, size_t bytes) {
  gd_options usual, shared = s->base;
  GD_TRY(gd_options_new(&usual));
  shared.batch_size = usual.batch_size, shared.lr = usual.lr, shared.seed = usual.seed;
  shared.lr_scale = usual.lr_scale, shared.lr_batch = usual.lr_batch, shared.on_nan = usual.on_nan;
  char settings[2048];
  gd_options_differ(&usual, &shared, settings, sizeof settings);
  int n = snprintf(buf, bytes, "data %s\nresolution %g\nsettings %s\n", data_digest, s->what.resolution,
                   settings);
  if (strcmp(s->base.schedule, "constant") != 0) /* its shape depends on the length of the runs */
    snprintf(buf + n, bytes - (size_t)n, "budget %lld epochs, %lld updates\n", (long long)s->what.max_epochs,
             (long long)s->what.max_updates);
  gd_options_free(&usual);
  return GD_OK;
}

static gd_status open_folder(gdi_study *s, const char *wanted, const char *data_digest, int *guard) {
  char about[3000];
  GD_TRY(identify(s, data_digest, about, sizeof about));
  return gdi_study_folder(s->folder, s->runs, wanted, about, guard);
}

/* ---- timing: each best run again, by itself, on all ranks that have work in it */

static const double forever_s = 1e8;

typedef struct winner {
  int32_t trial, ranks;
  int64_t updates;
} winner;

/* The first seed that reached the target at the row's rate. */
static winner winner_of(const gdi_study *s, int batch, int size) {
  const int64_t width = gdi_study_width(s, batch);
  winner w = {.trial = -1, .ranks = (int)(width < size ? width : size)};
  const int rate = gdi_study_best_rate(s, batch);
  for (int k = 0; k < s->seeds && w.trial < 0; k++) {
    const gdi_trial *t = gdi_study_trial(s, batch, rate, k);
    const gdi_verdict v = gdi_study_judge(s, t);
    if (v.outcome == GDI_REACHED) w.trial = (int32_t)(t - s->trial), w.updates = v.end->updates;
  }
  return w;
}

static void timed_name(char name[160], const gdi_study *s, const winner *w) {
  snprintf(name, 160, "%s-alone-%d.csv", s->trial[w->trial].id, w->ranks);
}

static gd_status is_timed(const gdi_study *s, const winner *w, gdi_curve *c) {
  char name[160], path[4300];
  timed_name(name, s, w);
  snprintf(path, sizeof path, "%s/%s", s->runs, name);
  GD_TRY(gdi_curve_read(c, path));
  if (c->n && c->point[c->n - 1].updates < w->updates) gdi_curve_clear(c);
  return GD_OK;
}

static gd_status time_on(gdi_study *s, gd_world *w, const gdi_job *data, const winner *what, gdi_curve *c) {
  gd_world *part;
  const bool takes_part = gd_world_rank(w) < what->ranks;
  GD_TRY(gd_world_split(&part, w, !takes_part));
  gd_status st = takes_part ? gdi_study_time(s, part, data, &s->trial[what->trial], what->updates, c) : GD_OK;
  gd_world_finish(part);
  if (st == GD_OK && gd_world_rank(w) == 0) {
    char name[160];
    timed_name(name, s, what);
    st = gdi_curve_write(c, s->runs, name);
  }
  const double usual = gd_world_set_deadline(w, forever_s);
  st = gd_world_agree(w, st);
  gd_world_set_deadline(w, usual);
  return st;
}

static double seconds_at(const gdi_curve *c, double updates) {
  for (int i = 0; i < c->n; i++)
    if ((double)c->point[i].updates >= updates) return c->point[i].seconds;
  return c->n ? c->point[c->n - 1].seconds / (double)c->point[c->n - 1].updates * updates : NAN;
}

/* Points of the best run of a row, for the figure: two blank lines end a row. */
static void print_figure_row(FILE *f, const gdi_study *s, const gd_compare_row *row, const winner *w,
                             const gdi_curve *timed) {
  int b = 0;
  while (s->batch[b] != row->batch) b++;
  const gdi_trial *t =
      w->trial >= 0 ? &s->trial[w->trial] : gdi_study_trial(s, b, gdi_study_best_rate(s, b), 0);
  const gdi_point *end = gdi_study_judge(s, t).end;
  fprintf(f, "# batch %lld, rate %g: updates epochs samples seconds loss %s\n", (long long)row->batch,
          row->lr, s->metric->name);
  for (int i = 0; end && i < t->curve.n && &t->curve.point[i] <= end; i++) {
    const gdi_point *p = &t->curve.point[i];
    fprintf(f, "%lld %.8g %.10g %.6f %.8g %.8g\n", (long long)p->updates, p->epochs, p->samples,
            timed->n ? seconds_at(timed, (double)p->updates) : NAN, p->loss, p->measure);
  }
  if (!end) fputs("nan nan nan nan nan nan\n", f); /* the row keeps its number */
  fputs("\n\n", f);
}

static gd_status time_rows(gdi_study *s, gd_world *w, const gdi_job *data, gd_compare_result *r,
                           FILE *figure) {
  const bool root = gd_world_rank(w) == 0;
  for (int b = 0; b < s->batches; b++) {
    winner best = root ? winner_of(s, b, gd_world_size(w)) : (winner){0};
    gdi_curve c = {.measure = s->metric->name, .diverged = -1};
    gd_status st = root && best.trial >= 0 ? is_timed(s, &best, &c) : GD_OK;
    const bool missing = best.trial >= 0 && c.n == 0;
    winner todo = missing ? best : (winner){.trial = -1};
    st = gd_world_agree(w, st);
    if (st == GD_OK) st = gd_world_bcast(w, &todo, sizeof todo, 0);
    if (st == GD_OK && todo.trial >= 0) st = time_on(s, w, data, &todo, &c);
    if (st == GD_OK && root) {
      gd_compare_row *row = &r->row[b];
      if (best.trial >= 0) {
        row->ranks = best.ranks;
        row->seconds = seconds_at(&c, (double)best.updates) * row->updates / (double)best.updates;
      }
      print_figure_row(figure, s, row, &best, &c);
    }
    gdi_curve_clear(&c);
    GD_TRY(st);
  }
  return GD_OK;
}

/* ---- the whole */

typedef struct text {
  char *bytes;
  size_t n;
} text;

static void print_text(FILE *f, const void *bytes) {
  fputs(bytes, f);
}

static gd_status results(gdi_study *s, gd_world *w, const gdi_job *data, gd_compare_result *out) {
  const bool root = gd_world_rank(w) == 0;
  text curves = {0};
  FILE *figure = NULL;
  gd_status st = GD_OK;
  if (root) {
    for (int i = 0; st == GD_OK && i < s->trials; i++) st = gdi_study_refresh(s, &s->trial[i]);
    if (st == GD_OK) st = gdi_study_table(s, out);
    figure = open_memstream(&curves.bytes, &curves.n);
    if (!figure && st == GD_OK) st = GD_FAIL(GD_ERR_OOM, "no memory for the curves of the figure");
  }
  st = gd_world_agree(w, st);
  if (st == GD_OK) st = time_rows(s, w, data, out, figure);
  if (figure) fclose(figure);
  if (st == GD_OK && root) {
    snprintf(out->folder, sizeof out->folder, "%s", s->folder);
    st = gdi_study_write(s, out);
    if (st == GD_OK) st = gdi_file_write(s->folder, "curves.dat", print_text, curves.bytes);
  }
  free(curves.bytes);
  return gd_world_agree(w, st);
}

static gd_status study(gdi_study *s, gd_world *w, const gdi_job *data, const gd_options *o,
                       const gd_compare_options *c, gd_compare_result *out) {
  gd_order train = gd_order_all(gd_dataset_info(data->train.data)->n, 0), val;
  if (o->val_fraction > 0)
    GD_TRY(gd_world_agree(w, gd_order_split(train.n, o->val_fraction, 0, &train, &val)));
  GD_TRY(gd_world_agree(w, gdi_study_plan(s, o, c, train.n)));
  bool counts;
  GD_TRY(gd_world_agree(w, gdi_micro_batch_counts(data, &data->opt, &counts)));
  if (counts) gdi_study_hold_micro_batch(s);
  if (counts && gd_world_rank(w) == 0) gdi_tell_micro_batch(s->base.micro_batch, "batch sizes");
  int guard = -1;
  const bool root = gd_world_rank(w) == 0;
  gd_status st = gd_world_agree(w, root ? open_folder(s, o->out, data->data_digest, &guard) : GD_OK);
  if (st == GD_OK) st = gd_world_bcast(w, s->folder, sizeof s->folder, 0);
  if (st == GD_OK) st = gd_world_bcast(w, s->runs, sizeof s->runs, 0);
  if (st == GD_OK) st = gdi_study_run_all(s, w, data);
  if (st == GD_OK) st = results(s, w, data, out);
  if (guard >= 0) close(guard);
  return st;
}

gd_status gd_compare(gd_world *w, const gd_options *o, const gd_compare_options *c, gd_compare_result *out) {
  memset(out, 0, sizeof *out);
  gdi_job data = {0};
  gdi_study *s = calloc(1, sizeof *s);
  gd_status st = gd_world_agree(w, s ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a study"));
  if (st == GD_OK) st = gdi_job_open_data(&data, w, o);
  if (st == GD_OK) st = study(s, w, &data, o, c, out);
  if (s) gdi_study_free(s);
  free(s);
  gdi_job_close(&data);
  return st;
}
