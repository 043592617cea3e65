/* gd_verify(): which trials, in which order. */

#include "verify/verify.h"

enum { MOST_SAMPLES = 2048 }; /* of a batch: a minute must do */

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Settings of training without what a few steps do not need. The trials compare more than an audit does. */
static gd_options trial_options(const gd_options *o) {
  gd_options t = *o;
  t.steps = GDI_ALL_STEPS;
  t.data_val = t.resume = t.trace = "";
  t.resume_changed = false;
  t.audit_every = 0;
  t.on_nan = "stop";
  return t;
}

/* A trial's epoch: two whole batches and a short one. */
static void choose_samples(gdi_verify *v, const gdi_job *j) {
  const int64_t half = j->batches.n > 2 ? (j->batches.n - 1) / 2 : 1;
  const int64_t batch = v->opt.batch_size = least(least(j->batches.batch, MOST_SAMPLES), half);
  v->n = least(j->batches.n, 2 * batch + (batch > 2 ? batch / 2 + 1 : 1));
}

/* Opened twice: the number of samples is known only after the first time. */
static gd_status open_jobs(gdi_verify *v) {
  const gd_options asked = v->opt;
  GD_TRY(gdi_trial_open(v, &v->job, v->world, &asked));
  choose_samples(v, &v->job);
  v->whole = v->job.batches;
  gdi_job_close(&v->job);
  v->job = (gdi_job){.world = v->world};
  GD_TRY(gdi_trial_open(v, &v->job, v->world, &v->opt));
  v->opt = v->job.opt;
  if (gd_world_rank(v->world) != 0) return gd_world_agree(v->world, GD_OK);
  gd_options alone = v->opt;
  alone.threads = 1;
  gd_status st = gd_world_init(&v->self, &(gd_world_options){.transport = GD_TRANSPORT_SELF});
  if (st == GD_OK) st = gdi_trial_open(v, &v->alone, v->self, &alone);
  return gd_world_agree(v->world, st);
}

static gd_status open_values(gdi_verify *v) {
  gd_status st = gdi_values_new(&v->job, &v->start);
  if (st == GD_OK) st = gdi_values_new(&v->job, &v->ours);
  if (st == GD_OK) st = gdi_values_new(&v->job, &v->theirs);
  GD_TRY(gd_world_agree(v->world, st));
  return gdi_values_take(&v->job, &v->start);
}

static gd_status check_all(gdi_verify *v) {
  GD_TRY(open_jobs(v));
  GD_TRY(open_values(v));
  GD_TRY(gdi_check_gradients(v));
  GD_TRY(gdi_check_micro_batches(v));
  GD_TRY(gdi_check_runs(v));
  return gdi_check_transport(v);
}

static void close_all(gdi_verify *v) {
  if (v->self) gdi_job_close(&v->alone);
  gd_world_finish(v->self);
  gdi_job_close(&v->job);
  gdi_values_free(&v->start), gdi_values_free(&v->ours), gdi_values_free(&v->theirs);
}

gd_status gd_verify(gd_world *w, const gd_options *o, gd_check_done done, void *user) {
  gdi_verify v = {.world = w, .opt = trial_options(o), .job = {.world = w}, .done = done, .user = user};
  gd_status st = check_all(&v);
  close_all(&v);
  if (st == GD_OK && v.failed[0]) return GD_FAIL(GD_ERR_REPLICA, "promises broken: %s", v.failed);
  return st;
}
