/* The training loop: steps, and what happens between them. */
#include "train/fit.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "gd/log.h"

static volatile sig_atomic_t stop_asked;
void gd_train_stop(void) {
  stop_asked = 1;
}

static bool is_root(const gdi_fit *f) {
  return gd_world_rank(f->job->world) == 0;
}

/* ---- validation and rows ---- */

gd_status gdi_validate(gdi_job *j, gd_metrics *out) {
  const double t0 = gdi_now();
  gdi_evaluation e = {.world = j->world,
                      .model = j->model,
                      .tape = j->tape,
                      .loader = j->val_loader,
                      .set = j->val.data ? &j->val : &j->train,
                      .criterion = j->criterion,
                      .n = j->val_order.n,
                      .metrics = &j->metrics,
                      .folder = j->tables};
  const bool average =
      gd_optim_average_state(&j->optim) >= 0; /* what is used in the end is what is validated */
  gd_status st = average ? gd_sync_bind_average(j->sync, true) : GD_OK;
  if (st == GD_OK) st = gdi_evaluate(&e, out);
  if (average) {
    gd_status back = gd_sync_bind_average(j->sync, false);
    if (st == GD_OK) st = back;
  }
  j->ledger.evaluate += gdi_now() - t0;
  return st;
}

/* "Best" is measured by the first metric; without one by the loss. */
static double quality(const gdi_fit *f, const gd_metrics *m) {
  return gdi_quality(&f->job->metrics, m);
}

static bool better(const gdi_fit *f, const gd_metrics *m) {
  const double now = quality(f, m);
  if (!f->has_best) return isfinite(m->loss) && !isnan(now);
  if (now == f->best.quality)
    return m->loss < f->best.loss; /* accuracies are counts: equal ones are common */
  return gdi_quality_better(&f->job->metrics, now, f->best.quality);
}

static double epoch_of(const gdi_job *j) {
  return (double)gdi_batches_position(&j->batches, j->step) / (double)j->batches.per_epoch;
}

static gd_status write_row(gdi_fit *f, const gd_sync_result *r, const gd_metrics *val) {
  gdi_job *j = f->job;
  gd_row row = {.step = j->step,
                .epoch = epoch_of(j),
                .loss = f->interval.loss_sum / f->interval.weight,
                .lr = gdi_job_lr(j, j->step - 1),
                .grad_norm = r->grad_norm,
                .samples_per_s = f->interval.samples / f->interval_s,
                .val = *val,
                .seconds = f->earlier_s + gdi_now() - f->started,
                .noise_scale = gdi_noise_scale(&f->noise),
                .noise_s = f->noise.weight > 0 ? f->noise.mean.s : NAN,
                .noise_g2 = f->noise.weight > 0 ? f->noise.mean.g2 : NAN};
  f->interval = (gd_step_stats){0};
  f->interval_s = 0;
  gd_metrics known = f->result->last.val;
  f->result->last = row;
  if (isnan(val->loss)) f->result->last.val = known; /* the summary keeps the last validation */
  gd_status st = is_root(f) ? gdi_run_log_row(&f->record, &row) : GD_OK;
  if (f->observer->row) f->observer->row(f->observer->user, &row);
  return gd_world_agree(j->world, st);
}

/* ---- saving ---- */

static bool save_due(const gdi_fit *f, uint32_t flags) {
  return (f->save_steps && f->job->step % f->save_steps == 0) || (flags & GDI_FLAG_SAVE) ||
         gdi_snapshot_due(f->job, f->job->step);
}

static gd_status save(gdi_fit *f, bool is_best) {
  double t0 = gdi_now();
  const gd_measured m = {f->interval.loss_sum, f->interval.weight, f->interval.samples, f->interval_s,
                         f->noise.weight,      f->noise.mean.s,    f->noise.mean.g2};
  if (f->observer->after_step) gdi_control_keep(&f->control, &f->saver.c);
  if (f->job->schedule.kind == GD_REDUCE_ON_PLATEAU || f->job->opt.stop_patience > 0)
    f->saver.c.watched = gdi_watch_stored(&f->watch);
  gd_status st = gdi_checkpointer_save(&f->saver, is_best, f->has_best ? &f->best : NULL, &m);
  f->last_save = gdi_now();
  f->job->ledger.save += f->last_save - t0;
  return st;
}

/* ---- what is due after a step ---- */

static bool is_last(const gdi_fit *f, const gd_sync_result *r) {
  return f->control.stop || f->over || f->job->step == f->job->total_steps || (r->flags & GDI_FLAG_STOP);
}

static bool is_at(const gdi_fit *f, int64_t every) {
  return f->job->step % every == 0;
}

/* Every so many steps, or at the end of an epoch. */
static bool validation_due(const gdi_fit *f) {
  const gdi_job *j = f->job;
  if (!j->validates) return false;
  if (j->opt.eval_every) return is_at(f, j->opt.eval_every);
  return gdi_batches_position(&j->batches, j->step) % j->batches.per_epoch == 0;
}

/* Where updates may be left out, each must be known before the next one: optimizers count them. */
static bool must_know(const gdi_fit *f) {
  return strcmp(f->job->opt.on_nan, "skip") == 0;
}

static bool anything_due(const gdi_fit *f, const gd_sync_result *r) {
  return is_last(f, r) || validation_due(f) || is_at(f, f->log_every) || save_due(f, r->flags) ||
         must_know(f) || f->observer->after_step;
}

/* ---- the loop ---- */

/* This rank's requests; time is rank 0's to judge. */
static uint32_t requests(const gdi_fit *f) {
  uint32_t flags = stop_asked ? GDI_FLAG_STOP : 0;
  if (f->save_seconds > 0 && is_root(f) && gdi_now() - f->last_save >= f->save_seconds)
    flags |= GDI_FLAG_SAVE;
  if (f->most_s > 0 && is_root(f) && gdi_now() - f->entered >= f->most_s)
    flags |= GDI_FLAG_STOP | GDI_FLAG_TIME;
  return flags;
}

/* `number`: of the step at fault, counted from 1 as in metrics.csv. */
static gd_status explain(const gdi_fit *f, gd_status st, int64_t number) {
  if (st != GD_ERR_NONFINITE) return st;
  const char *kept = f->saver.saved_step > 0 ? f->saver.path : "none in this run";
  char cause[500];
  gdi_nonfinite_cause(f->job, number - 1, cause, sizeof cause);
  return GD_FAIL(
      st, "loss or gradient is not finite at step %lld (learning rate %g): %s; last good checkpoint: %.200s",
      (long long)number, gdi_job_lr(f->job, number - 1), cause, kept);
}

/* on_nan: skip. The first is told at once: a run may go on for days with no update after it. */
static void count_skipped(gdi_fit *f, const gd_sync_result *r) {
  if (r->updated || r->total.samples == 0 || r->total.weight == 0) return;
  if (f->skipped++ > 0 || !is_root(f)) return;
  char cause[500];
  gdi_nonfinite_cause(f->job, f->job->step - 1, cause, sizeof cause);
  gd_message(GD_LOG_WARN, "an update by step %lld is not finite: left out, as all such from now on; %s",
             (long long)f->job->step, cause);
}

static void tell_skipped(const gdi_fit *f) {
  if (f->skipped > 0 && is_root(f))
    gd_message(GD_LOG_WARN, "%lld updates were not finite and left out%s", (long long)f->skipped,
               isfinite(f->loss) ? "" : ", the last too: this run has diverged; try a lower rate");
}

/* What a step found; zeros when it is known later. */
static void add(gdi_fit *f, const gd_sync_result *r) {
  count_skipped(f, r);
  f->interval.loss_sum += r->total.loss_sum, f->interval.weight += r->total.weight;
  f->interval.samples += r->total.samples;
  f->trained_samples += (int64_t)r->total.samples;
  if (f->job->opt.noise_scale) gdi_noise_add(&f->noise, r);
  if (r->total.weight > 0) f->loss = r->total.loss_sum / r->total.weight;
}

static void add_results(gdi_fit *f, gd_sync_result *last) {
  const uint32_t asked = last->flags;
  for (; gdi_next_result(f->job, last); last->flags = asked) add(f, last);
}

static void show_progress(const gdi_fit *f) {
  if (!f->observer->progress) return;
  const gdi_job *j = f->job;
  gd_train_progress p = {
      j->step,    j->total_steps, j->batches.per_epoch, f->loss, (double)f->trained_samples / f->trained_s,
      epoch_of(j)};
  f->observer->progress(f->observer->user, &p);
}

/* A step of the job; and when something is due after it, what is still queued. */
static gd_status step(gdi_fit *f, gd_sync_result *r) {
  gdi_job *j = f->job;
  const double t0 = gdi_now();
  GD_TRY(gdi_step(j, requests(f), r));
  add(f, r);
  add_results(f, r);
  if (anything_due(f, r)) {
    GD_TRY(gdi_synchronize(j));
    add_results(f, r);
  }
  const double seconds = gdi_now() - t0;
  f->interval_s += seconds, f->trained_s += seconds;
  show_progress(f);
  return GD_OK;
}

/* Rank 0's decision becomes everybody's. A program that decides by validations sees this one if it is due. */
static gd_status decide(gdi_fit *f, const gd_metrics *val) {
  const gdi_job *j = f->job;
  if (!f->observer->after_step) return GD_OK;
  const gd_after_step at = {.step = j->step,
                            .total_steps = j->total_steps,
                            .epoch = epoch_of(j),
                            .loss = f->loss,
                            .lr = gdi_job_lr(j, j->step - 1),
                            .val = isnan(val->loss) ? NULL : val};
  if (is_root(f)) f->observer->after_step(f->observer->user, &at, &f->control);
  return gd_world_bcast(j->world, &f->control, sizeof f->control, 0);
}

static gd_status validate(gdi_fit *f, gd_metrics *val, bool *improved) {
  GD_TRY(gdi_validate(f->job, val));
  if (!better(f, val)) return GD_OK;
  *improved = true;
  f->has_best = true, f->best = (gdi_best){quality(f, val), val->loss};
  f->result->best = (gd_row){.step = f->job->step, .val = *val};
  return GD_OK;
}

static void follow_plateau(gdi_fit *f) {
  if (f->job->schedule.kind == GD_REDUCE_ON_PLATEAU) f->job->schedule.lr = f->watch.plateau.lr;
}

/* What is due after a step: validation, a row, a checkpoint. */
static gd_status between_steps(gdi_fit *f, const gd_sync_result *r) {
  gdi_job *j = f->job;
  bool improved = false;
  gd_metrics val = gdi_no_metrics();
  if (j->validates && (is_last(f, r) || validation_due(f))) GD_TRY(validate(f, &val, &improved));
  if (validation_due(f)) f->over = gdi_watch_validation(&f->watch, j, &val);
  GD_TRY(decide(f, &val));
  const bool last = is_last(f, r);
  if (j->validates && last && isnan(val.loss)) GD_TRY(validate(f, &val, &improved));
  if (last || !isnan(val.loss) || is_at(f, f->log_every)) GD_TRY(write_row(f, r, &val));
  j->lr_factor = f->control.lr_factor; /* after the row of the step that had the old one */
  follow_plateau(f);
  improved &= j->opt.checkpoint_best;
  if (last || improved || save_due(f, r->flags)) GD_TRY(save(f, improved));
  return GD_OK;
}

gd_status gdi_fit_run(gdi_fit *f) {
  gdi_job *j = f->job;
  gd_sync_result r = {0};
  f->started = f->last_save = gdi_now();
  if (j->step >= j->total_steps && j->validates) GD_TRY(gdi_validate(j, &f->result->last.val));
  while (j->step < j->total_steps && !(r.flags & GDI_FLAG_STOP) && !f->control.stop && !f->over) {
    gd_status st = step(f, &r);
    if (st != GD_OK) return explain(f, st, j->step + 1);
    st = between_steps(f, &r);
    if (st != GD_OK) return explain(f, st, j->step);
  }
  GD_TRY(gdi_checkpointer_wait(&f->saver));
  tell_skipped(f);
  f->out_of_time = r.flags & GDI_FLAG_TIME;
  f->result->samples_per_s = f->trained_s > 0 ? (double)f->trained_samples / f->trained_s : NAN;
  gd_ledger *l = &j->ledger;
  l->total = gdi_now() - f->started;
  l->other = l->total - l->data - l->forward - l->backward - l->sum - l->exchange - l->update - l->wait -
             l->evaluate - l->save;
  const bool asked = r.flags & GDI_FLAG_STOP && !f->control.stop && !f->over;
  return asked && j->step < j->total_steps ? GD_STOPPED : GD_OK;
}
