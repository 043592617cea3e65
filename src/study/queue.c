/*
 * The order of runs, longest batch size first. Which rates will reach the target is not known beforehand, and a run that
 * never does would cost the whole budget: so all rates of a batch size go a 64th of it first, then a 16th, a quarter, and
 * all of it. The first that reaches the target limits the others to twice its updates.
 */
#include "gd/log.h"
#include "study/share.h"
#include "study/study.h"

typedef struct sharing {
  gdi_study *study;
  const gdi_job *data;
} sharing;

static gdi_study *study_of(const void *what) {
  return ((const sharing *)what)->study;
}

static gdi_trial *trial_of(const void *what, int run) {
  return &study_of(what)->trial[run];
}

static const char *name(const void *what, int run) {
  return trial_of(what, run)->id;
}

static int64_t width(const void *what, int run) {
  return gdi_study_width(study_of(what), trial_of(what, run)->batch);
}

static gd_status refresh(const void *what, int run) {
  return gdi_study_refresh(study_of(what), trial_of(what, run));
}

/* ---- what next ---- */

static int64_t reach_of(const gdi_study *s, const gdi_trial *t) {
  const gdi_curve *c = &t->curve;
  if (c->n == 0) return 0;
  return gdi_study_next(c->point[c->n - 1].updates, s->what.resolution, s->limit[t->batch]);
}

static int64_t next_horizon(const void *what, int run) {
  const gdi_study *s = study_of(what);
  const gdi_trial *t = trial_of(what, run);
  if (gdi_study_judge(s, t).outcome != GDI_INCOMPLETE) return 0;
  const int64_t limit = s->limit[t->batch], best = gdi_study_horizon(s, t->batch, t->seed);
  const int64_t reach = reach_of(s, t);
  if (best < limit) return best;
  for (int64_t part = 64; part > 1; part /= 4)
    if (limit / part > 0 && limit / part >= reach) return limit / part;
  return limit;
}

static double cost(const gdi_study *s, int batch) {
  enum { OVERHEAD = 64 }; /* an update costs as much as some samples even when it has none */
  return (double)s->limit[batch] * (double)(s->batch[batch] + OVERHEAD);
}

/* Longest batch size first; in it, what has to go least far. */
static bool before(const void *what, int a, int64_t to_a, int b, int64_t to_b) {
  const int batch_a = trial_of(what, a)->batch, batch_b = trial_of(what, b)->batch;
  if (batch_a != batch_b) return cost(study_of(what), batch_a) > cost(study_of(what), batch_b);
  return to_a < to_b;
}

/* ---- running ---- */

static void tell(const gdi_study *s, const gdi_trial *t) {
  const gdi_verdict v = gdi_study_judge(s, t);
  if (v.outcome == GDI_INCOMPLETE) return;
  if (v.outcome == GDI_REACHED)
    gd_message(GD_LOG_INFO, "batch %lld, rate %g, seed %lld: target reached after %lld updates",
               (long long)s->batch[t->batch], gdi_study_rate(s, t->batch, t->rate),
               (long long)(s->base.seed + t->seed), (long long)v.end->updates);
  else
    gd_message(GD_LOG_INFO, "batch %lld, rate %g, seed %lld: %s, loss %.4g", (long long)s->batch[t->batch],
               gdi_study_rate(s, t->batch, t->rate), (long long)(s->base.seed + t->seed),
               v.outcome == GDI_CUT ? "cut at twice the best" : gdi_outcome_name(v.outcome),
               v.end ? v.end->loss : 0);
}

static gd_status run(const void *what, gd_world *group, int number, int64_t horizon) {
  gdi_study *s = study_of(what);
  gdi_trial *t = trial_of(what, number);
  GD_TRY(gdi_study_run(s, group, ((const sharing *)what)->data, t, horizon));
  if (gd_world_rank(group) == 0) tell(s, t);
  return GD_OK;
}

gd_status gdi_study_run_all(gdi_study *s, gd_world *w, const gdi_job *data) {
  sharing all = {s, data};
  const gdi_share share = {.study = &all,
                           .runs = s->trials,
                           .folder = s->runs,
                           .ranks_per_run = s->what.ranks_per_run,
                           .name = name,
                           .width = width,
                           .refresh = refresh,
                           .todo = next_horizon,
                           .before = before,
                           .run = run};
  return gdi_share_out(&share, w);
}
