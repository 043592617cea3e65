/* One run of a study, on the ranks of its group. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "gd/log.h"
#include "study/study.h"

gd_status gdi_study_refresh(gdi_study *s, gdi_trial *t) {
  return gdi_curve_refresh(&t->curve, &t->stamp, s->runs, t->id);
}

typedef struct run {
  gdi_study *study;
  gdi_trial *trial;
  gdi_job *job;
  gdi_curve curve;
  int64_t horizon;
  double trained_s, looked_s;
  gd_step_stats interval;
} run;

static int64_t samples_after(const gdi_batches *b, int64_t updates) {
  const int64_t rest = updates % b->per_epoch * b->batch;
  return updates / b->per_epoch * b->n + (rest < b->n ? rest : b->n);
}

static gd_status measure(run *r, bool *finite) {
  gdi_job *j = r->job;
  gdi_point p = {.updates = j->step, .seconds = r->trained_s, .noise_scale = NAN};
  p.samples = (double)samples_after(&j->batches, j->step);
  p.epochs = p.samples / (double)j->batches.n;
  p.train_loss = r->interval.loss_sum / r->interval.weight;
  r->interval = (gd_step_stats){0};
  gd_metrics m;
  GD_TRY(gdi_validate(j, &m));
  p.loss = m.loss, p.measure = NAN;
  for (int i = 0; i < m.n; i++)
    if (m.measure[i].metric == r->study->metric) p.measure = m.measure[i].value;
  *finite = isfinite(p.loss);
  if (!*finite) r->curve.diverged = j->step;
  return *finite ? gdi_curve_add(&r->curve, &p) : GD_OK;
}

/* Others of this batch and seed may have reached the target meanwhile; asked now and then. */
static gd_status look_around(run *r) {
  gdi_study *s = r->study;
  gd_world *w = r->job->world;
  const gdi_trial *t = r->trial;
  if (gd_world_rank(w) == 0 && gdi_now() - r->looked_s > 0.2) {
    for (int rate = 0; rate < s->rates; rate++) {
      gdi_trial *other = gdi_study_trial(s, t->batch, rate, t->seed);
      if (other != t) GD_TRY(gdi_study_refresh(s, other));
    }
    const int64_t now = gdi_study_horizon(s, t->batch, t->seed);
    if (now < r->horizon) r->horizon = now;
    r->looked_s = gdi_now();
  }
  return gd_world_bcast(w, &r->horizon, sizeof r->horizon, 0);
}

/* Updates up to number `to`. *finite false: the run has diverged. */
static gd_status steps_to(run *r, int64_t to, bool *finite) {
  gdi_job *j = r->job;
  while (j->step < to) {
    gd_sync_result result;
    const double t0 = gdi_now();
    gd_status st = gdi_step_now(j, 0, &result);
    r->trained_s += gdi_now() - t0;
    if (st == GD_ERR_NONFINITE) {
      gd_error_clear();
      r->curve.diverged = j->step;
      *finite = false;
      return GD_OK;
    }
    GD_TRY(st);
    r->interval.loss_sum += result.total.loss_sum;
    r->interval.weight += result.total.weight;
  }
  return GD_OK;
}

/* Measure; at the target the noise scale too, where gradients can be squared. */
static gd_status measure_all(run *r, bool *finite) {
  const gdi_study *s = r->study;
  GD_TRY(measure(r, finite));
  if (!*finite) return GD_OK;
  gdi_point *p = &r->curve.point[r->curve.n - 1];
  if (!gdi_target_met(&s->target, p) || strcmp(s->base.sync, "ordered") != 0) return GD_OK;
  return gdi_study_noise(r->job, &p->noise_scale);
}

static gd_status follow(run *r) {
  const gdi_study *s = r->study;
  const int64_t limit = s->limit[r->trial->batch];
  bool finite = true;
  GD_TRY(measure_all(r, &finite));
  while (finite && !gdi_target_met(&s->target, &r->curve.point[r->curve.n - 1])) {
    const int64_t next = gdi_study_next(r->job->step, s->what.resolution, limit);
    GD_TRY(look_around(r));
    if (next > r->horizon) break;
    GD_TRY(steps_to(r, next, &finite));
    if (finite) GD_TRY(measure_all(r, &finite));
  }
  return GD_OK;
}

gd_status gdi_study_run(gdi_study *s, gd_world *w, const gdi_job *data, gdi_trial *t, int64_t horizon) {
  gdi_job job = {0};
  run r = {.study = s,
           .trial = t,
           .job = &job,
           .horizon = horizon,
           .curve = {.measure = s->metric->name, .diverged = -1}};
  const gd_options o = gdi_study_options(s, t->batch, t->rate, t->seed);
  gd_status st = gdi_job_open_on(&job, w, &o, data, NULL);
  if (st == GD_OK) st = follow(&r);
  gdi_job_close(&job);
  if (st == GD_OK && gd_world_rank(w) == 0) {
    char name[128];
    snprintf(name, sizeof name, "%s.csv", t->id);
    st = gdi_curve_write(&r.curve, s->runs, name);
    if (st == GD_OK) st = gdi_study_refresh(s, t);
  }
  gdi_curve_clear(&r.curve);
  return gd_world_agree(w, st);
}

gd_status gdi_study_time(gdi_study *s, gd_world *w, const gdi_job *data, const gdi_trial *t, int64_t updates,
                         gdi_curve *out) {
  gdi_job job = {0};
  run r = {.study = s, .job = &job};
  bool finite = true;
  const gd_options o = gdi_study_options(s, t->batch, t->rate, t->seed);
  gd_status st = gdi_job_open_on(&job, w, &o, data, NULL);
  gdi_curve_clear(out);
  while (st == GD_OK && finite) {
    st = gdi_curve_add(out, &(gdi_point){.updates = job.step, .seconds = r.trained_s});
    const int64_t next = gdi_study_next(job.step, s->what.resolution, s->limit[t->batch]);
    if (st != GD_OK || next > updates) break;
    st = steps_to(&r, next, &finite);
  }
  gdi_job_close(&job);
  return gd_world_agree(w, st);
}
