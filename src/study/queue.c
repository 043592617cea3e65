/*
 * Sharing out the runs. Groups of ranks take runs from the folder by making a lock file there, longest batch
 * size first. Which rates will reach the target is not known beforehand, and a run that never does would cost
 * the whole budget: so all rates of a batch size go a 64th of it first, then a 16th, a quarter, and all of
 * it. The first that reaches the target limits the others to twice its updates.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "gd/log.h"
#include "study/study.h"

static const double forever_s = 1e8; /* a group waits for others as long as their runs take */

static int64_t reach_of(const gdi_study *s, const gdi_trial *t) {
  const gdi_curve *c = &t->curve;
  if (c->n == 0) return 0;
  return gdi_study_next(c->point[c->n - 1].updates, s->what.resolution, s->limit[t->batch]);
}

/* How far a run goes next; 0: it is complete. */
static int64_t next_horizon(const gdi_study *s, const gdi_trial *t) {
  if (gdi_study_judge(s, t).outcome != GDI_INCOMPLETE) return 0;
  const int64_t limit = s->limit[t->batch], best = gdi_study_horizon(s, t->batch, t->seed);
  const int64_t reach = reach_of(s, t);
  if (best < limit) return best;
  for (int64_t part = 64; part > 1; part /= 4)
    if (limit / part >= reach) return limit / part;
  return limit;
}

static double cost(const gdi_study *s, int batch) {
  enum { OVERHEAD = 64 }; /* an update costs as much as some samples even when it has none */
  return (double)s->limit[batch] * (double)(s->batch[batch] + OVERHEAD);
}

/* Longest batch size first; in it, what has to go least far. */
static bool before(const gdi_study *s, const gdi_trial *a, int64_t to_a, const gdi_trial *b, int64_t to_b) {
  if (a->batch != b->batch) return cost(s, a->batch) > cost(s, b->batch);
  return to_a < to_b;
}

static void lock_path(char path[4200], const gdi_study *s, const gdi_trial *t) {
  snprintf(path, 4200, "%s/%s.lock", s->runs, t->id);
}

static bool lock(const gdi_study *s, const gdi_trial *t) {
  char path[4200];
  lock_path(path, s, t);
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static void unlock(const gdi_study *s, const gdi_trial *t) {
  char path[4200];
  lock_path(path, s, t);
  unlink(path);
}

static bool is_locked(const gdi_study *s, const gdi_trial *t) {
  char path[4200];
  lock_path(path, s, t);
  return access(path, F_OK) == 0;
}

/* ---- what next */

typedef struct task {
  int32_t trial; /* -1: everything is complete */
  int32_t status;
  int64_t horizon;
} task;

/* The next run, of those with batches[i]. *missing: some run is incomplete, whether free or being run
 * elsewhere. */
static gd_status choose(gdi_study *s, const bool *batches, task *out, bool *missing) {
  *out = (task){.trial = -1};
  *missing = false;
  for (int i = 0; i < s->trials; i++) GD_TRY(gdi_study_refresh(s, &s->trial[i]));
  for (int i = 0; i < s->trials; i++) {
    const gdi_trial *t = &s->trial[i];
    const int64_t to = batches[t->batch] ? next_horizon(s, t) : 0;
    if (to == 0) continue;
    *missing = true;
    if (is_locked(s, t)) continue;
    if (out->trial < 0 || before(s, t, to, &s->trial[out->trial], out->horizon))
      *out = (task){.trial = i, .horizon = to};
  }
  return GD_OK;
}

/* Take the next run, or wait for others to finish theirs: what they reach may leave something to do. */
static gd_status take(gdi_study *s, const bool *batches, task *out) {
  for (;;) {
    bool missing;
    GD_TRY(choose(s, batches, out, &missing));
    if (!missing) return GD_OK;
    if (out->trial < 0 || !lock(s, &s->trial[out->trial])) {
      nanosleep(&(struct timespec){0, 50000000}, NULL);
      continue;
    }
    gdi_trial *t = &s->trial[out->trial]; /* it may have been finished between looking and locking */
    GD_TRY(gdi_study_refresh(s, t));
    if (next_horizon(s, t) == out->horizon) return GD_OK;
    unlock(s, t);
  }
}

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

static gd_status work(gdi_study *s, gd_world *group, const gdi_job *data, const bool *batches) {
  const bool first = gd_world_rank(group) == 0;
  for (;;) {
    task next = {.trial = -1};
    const double usual = gd_world_set_deadline(group, forever_s);
    gd_status st = gd_world_agree(group, first ? take(s, batches, &next) : GD_OK);
    if (st == GD_OK) st = gd_world_bcast(group, &next, sizeof next, 0);
    gd_world_set_deadline(group, usual);
    if (st != GD_OK || next.trial < 0) return st;
    gdi_trial *t = &s->trial[next.trial];
    st = gdi_study_run(s, group, data, t, next.horizon);
    if (first) unlock(s, t);
    if (first && st == GD_OK) tell(s, t);
    GD_TRY(st);
  }
}

/* ---- groups */

static int incomplete(gdi_study *s) {
  int n = 0;
  for (int i = 0; i < s->trials; i++) n += gdi_study_judge(s, &s->trial[i]).outcome == GDI_INCOMPLETE;
  return n;
}

/* Runs side by side need no exchange: a run gets more than one rank where ranks outnumber runs. */
static int ranks_of(const gdi_study *s, int batch, int64_t most) {
  const int64_t width = gdi_study_width(s, batch);
  return (int)(most < width ? most : width);
}

static gd_status run_with(gdi_study *s, gd_world *w, const gdi_job *data, int ranks, const bool *batches) {
  const int size = gd_world_size(w), groups = size / ranks;
  gd_world *group;
  GD_TRY(gd_world_split(&group, w, (int)gd_share_owner(size, groups, gd_world_rank(w))));
  gd_status st = work(s, group, data, batches);
  gd_world_finish(group);
  const double usual = gd_world_set_deadline(w, forever_s);
  st = gd_world_agree(w, st);
  gd_world_set_deadline(w, usual);
  return st;
}

gd_status gdi_study_run_all(gdi_study *s, gd_world *w, const gdi_job *data) {
  const int size = gd_world_size(w);
  const bool root = gd_world_rank(w) == 0;
  gd_status st = GD_OK;
  for (int i = 0; root && i < s->trials; i++) {
    unlock(s, &s->trial[i]); /* of a study that was killed */
    if (st == GD_OK) st = gdi_study_refresh(s, &s->trial[i]);
  }
  GD_TRY(gd_world_agree(w, st));
  int64_t most = s->what.ranks_per_run, left = root ? incomplete(s) : 0;
  GD_TRY(gd_world_bcast(w, &left, sizeof left, 0));
  if (left == 0) return GD_OK;
  if (root) gd_message(GD_LOG_INFO, "%lld of %d runs to do, %d ranks", (long long)left, s->trials, size);
  if (most == 0) most = size / left > 1 ? size / left : 1;
  if (most > size) most = size;
  for (int ranks = (int)most; ranks >= 1; ranks--) {
    bool batches[GDI_STUDY_MAX_BATCHES], any = false;
    for (int b = 0; b < s->batches; b++) any |= batches[b] = ranks_of(s, b, most) == ranks;
    if (any) GD_TRY(run_with(s, w, data, ranks, batches));
  }
  return GD_OK;
}
