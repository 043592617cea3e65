/* gd_vary(): the folder of a study of varied settings, its runs, the results. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gd/log.h"
#include "study/share.h"
#include "study/vary.h"
#include "train/fit.h"
#include "train/run_log.h"

/* ---- one run ---- */

typedef struct reader {
  gdi_curve *curve;
  int64_t n;
} reader;

static gd_status see(void *user, const gd_row *row) {
  const reader *r = user;
  if (isnan(row->val.loss)) return GD_OK;
  return gdi_curve_add(r->curve, &(gdi_point){.updates = row->step,
                                              .epochs = row->epoch,
                                              .samples = row->epoch * (double)r->n,
                                              .seconds = row->seconds,
                                              .train_loss = row->loss,
                                              .loss = row->val.loss,
                                              .measure = row->val.n ? row->val.measure[0].value : NAN,
                                              .noise_scale = row->noise_scale});
}

/* The curve of a run that is over, from the rows of its folder; with it the run is complete. */
static gd_status keep(const gdi_vary *v, gdi_varied *r, const char *folder, int64_t diverged) {
  char name[128];
  reader to = {&r->curve, v->n};
  gdi_curve_clear(&r->curve);
  GD_TRY(gdi_run_log_read(folder, v->metric, see, &to));
  r->curve.diverged = diverged;
  snprintf(name, sizeof name, "%s.csv", r->id);
  return gdi_curve_write(&r->curve, v->runs_folder, name);
}

static void tell(const gdi_vary *v, const gdi_varied *r, gd_status st) {
  const char *settings = v->arm[r->arm].settings;
  char what[80];
  if (st != GD_OK)
    snprintf(what, sizeof what, "does not end");
  else if (r->curve.diverged >= 0)
    snprintf(what, sizeof what, "diverged after step %lld", (long long)r->curve.diverged);
  else
    snprintf(what, sizeof what, "%s %.4g", v->metric ? v->metric->name : "loss", gdi_vary_last(v, r));
  gd_message(GD_LOG_INFO, "%s%sseed=%lld: %s", settings, *settings ? " " : "", (long long)v->seed[r->seed],
             what);
}

static gd_status run(const void *study, gd_world *group, int number, int64_t to) {
  const gdi_vary *v = study;
  gdi_varied *r = &v->run[number];
  char folder[4200];
  (void)to;
  snprintf(folder, sizeof folder, "%s/%s", v->runs_folder, r->id);
  bool begun =
      access(folder, F_OK) == 0; /* and was stopped: the first rank's word, before it makes the folder */
  GD_TRY(gd_world_bcast(group, &begun, sizeof begun, 0));
  gd_options o = v->arm[r->arm].options;
  o.seed = v->seed[r->seed], o.out = folder, o.resume = begun ? "auto" : "";
  gd_train_result result;
  gd_status st = gdi_train_on(group, &o, v->data, NULL, &result);
  const bool diverged = st == GD_ERR_NONFINITE;
  if (diverged) gd_error_clear(), st = GD_OK;
  if (st == GD_STOPPED) st = GD_FAIL(st, "stopped on request; the same command goes on with what is left");
  if (st == GD_OK && gd_world_rank(group) == 0) st = keep(v, r, folder, diverged ? result.steps : -1);
  if (st != GD_STOPPED && gd_world_rank(group) == 0) tell(v, r, st);
  return gd_world_agree(group, st);
}

/* ---- all of them ---- */

static const char *name(const void *study, int i) {
  return ((const gdi_vary *)study)->run[i].id;
}

static int64_t width(const void *study, int i) {
  const gdi_vary *v = study;
  const gdi_batches b = gdi_study_batches_of(v->n, &v->arm[v->run[i].arm].options);
  return gdi_batches_max_micro(&b);
}

static gd_status refresh(const void *study, int i) {
  const gdi_vary *v = study;
  return gdi_curve_refresh(&v->run[i].curve, &v->run[i].stamp, v->runs_folder, v->run[i].id);
}

static int64_t todo(const void *study, int i) {
  const gdi_curve *c = &((const gdi_vary *)study)->run[i].curve;
  return c->n == 0 && c->diverged < 0;
}

/* As they are listed: all of the first seed first, so that a study that is stopped has whole comparisons. */
static bool before(const void *study, int a, int64_t to_a, int b, int64_t to_b) {
  (void)study, (void)to_a, (void)to_b;
  return a < b;
}

/* What all runs share; the settings that are varied are in their names. */
static gd_status identify(const gdi_vary *v, char *buf, size_t bytes) {
  gd_options usual, shared = *v->base;
  GD_TRY(gd_options_new(&usual));
  shared.seed = usual.seed;
  char settings[2048];
  gd_options_differ(&usual, &shared, settings, sizeof settings);
  snprintf(buf, bytes,
           "data %s\nvalidation %s\nmetrics %s\nlength %g epochs, %lld steps, early stop %lld "
           "%g\nmicro-batch %lld\nsettings %s\n",
           v->data->data_digest, v->data->val_digest, shared.metrics, shared.epochs, (long long)shared.steps,
           (long long)shared.stop_patience, shared.stop_delta, (long long)v->micro, settings);
  gd_options_free(&usual);
  return GD_OK;
}

static gd_status open_folder(gdi_vary *v, int *guard) {
  char about[3000];
  GD_TRY(identify(v, about, sizeof about));
  return gdi_study_folder(v->folder, v->runs_folder, v->base->out, about, guard);
}

static gd_status results(const gdi_vary *v, gd_vary_result *out) {
  for (int i = 0; i < v->runs; i++) GD_TRY(refresh(v, i));
  int *arm = gd_arena_alloc(v->arena, (size_t)v->arms * sizeof *arm);
  if (!arm) return GD_ERR_OOM;
  GD_TRY(gdi_vary_table(v, out, arm));
  snprintf(out->folder, sizeof out->folder, "%s", v->folder);
  return gdi_vary_write(v, out, arm);
}

static gd_status plan(gdi_vary *v, const gd_vary_options *o) {
  gd_order train = gd_order_all(gd_dataset_info(v->data->train.data)->n, 0), val;
  if (v->base->val_fraction > 0) GD_TRY(gd_order_split(train.n, v->base->val_fraction, 0, &train, &val));
  v->n = train.n;
  GD_TRY(gdi_vary_plan(v, o));
  return gdi_vary_micro_batches(v);
}

static gd_status study(gdi_vary *v, gd_world *w, const gd_vary_options *o, gd_vary_result *out) {
  const bool root = gd_world_rank(w) == 0;
  int guard = -1;
  GD_TRY(gd_world_agree(w, plan(v, o)));
  if (v->micro && root) gdi_tell_micro_batch(v->micro, "runs");
  gd_status st = gd_world_agree(w, root ? open_folder(v, &guard) : GD_OK);
  if (st == GD_OK) st = gd_world_bcast(w, v->folder, sizeof v->folder, 0);
  if (st == GD_OK) st = gd_world_bcast(w, v->runs_folder, sizeof v->runs_folder, 0);
  const gdi_share share = {.study = v,
                           .runs = v->runs,
                           .folder = v->runs_folder,
                           .ranks_per_run = o->ranks_per_run,
                           .name = name,
                           .width = width,
                           .refresh = refresh,
                           .todo = todo,
                           .before = before,
                           .run = run};
  if (st == GD_OK) st = gdi_share_out(&share, w);
  if (st == GD_OK) st = gd_world_agree(w, root ? results(v, out) : GD_OK);
  if (guard >= 0) close(guard);
  return st;
}

gd_status gd_vary(gd_world *w, const gd_options *o, const gd_vary_options *vary, gd_vary_result *out) {
  memset(out, 0, sizeof *out);
  gdi_job data = {0};
  gdi_vary *v = calloc(1, sizeof *v);
  gd_status st = v ? gd_arena_new(&out->arena, "a study") : GD_FAIL(GD_ERR_OOM, "no memory for a study");
  st = gd_world_agree(w, st);
  if (st == GD_OK) st = gdi_job_open_data(&data, w, o);
  if (st == GD_OK) {
    v->base = o, v->data = &data, v->arena = out->arena;
    st = study(v, w, vary, out);
    for (int i = 0; v->run && i < v->runs; i++) gdi_curve_clear(&v->run[i].curve);
  }
  free(v);
  gdi_job_close(&data);
  return st;
}
