/* gd_train(): from options to a run folder. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "gd/log.h"
#include "store/apply.h"
#include "train/fit.h"
#include "infer/task.h"
#include "infer/trained.h"
#include "train/resume.h"
#include "train/run_folder.h"

static bool is_root(gd_world *w) {
  return gd_world_rank(w) == 0;
}

/* ---- where the run lives and what it continues ---- */

typedef struct place {
  char folder[4096];     /* run folder */
  char checkpoint[4096]; /* to resume from; "" for a fresh start */
} place;

/* Two runs in one folder would mix their metrics and remove each other's checkpoints. */
static gd_status take_folder(place *p, int *hold, const gd_options *o) {
  const bool resumes = o->resume[0] != 0;
  char folder[sizeof p->folder];
  GD_TRY(gdi_record_folder(folder, sizeof folder, o->out, resumes));
  GD_TRY(gdi_folder_lock(hold, folder, "another run is writing to this folder"));
  return gdi_record_folder_name(p->folder, sizeof p->folder, folder, resumes); /* which may have been it */
}

static bool is_folder(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static gd_status find_place(place *p, int *hold, const gd_options *o) {
  const bool automatic = strcmp(o->resume, "auto") == 0;
  if (automatic && !o->out[0])
    return GD_FAIL(GD_ERR_USAGE, "--resume auto needs --out, the folder of the run to continue");
  if (is_folder(o->resume))
    return GD_FAIL(GD_ERR_USAGE,
                   "resume: %s is a folder: name one of its checkpoints, or continue the run in it with "
                   "--resume auto --out %s",
                   o->resume, o->resume);
  GD_TRY(take_folder(p, hold, o));
  if (!automatic) {
    if (strlen(o->resume) >= sizeof p->checkpoint)
      return GD_FAIL(GD_ERR_USAGE, "resume: the name is too long");
    strcpy(p->checkpoint, o->resume);
    return GD_OK;
  }
  char checkpoints[4200];
  snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", p->folder);
  GD_TRY(gd_checkpoint_latest(checkpoints, p->checkpoint, sizeof p->checkpoint));
  if (!p->checkpoint[0]) gd_message(GD_LOG_INFO, "%s holds no checkpoint: a fresh start", p->folder);
  return GD_OK;
}

static gd_status agree_on_place(place *p, int *hold, gd_world *w, const gd_options *o) {
  memset(p, 0, sizeof *p);
  GD_TRY(gd_world_agree(w, is_root(w) ? find_place(p, hold, o) : GD_OK));
  return gd_world_bcast(w, p, sizeof *p, 0);
}

/* ---- who does what ---- */

void gdi_job_layout(const gdi_job *j, char *buf, size_t bytes) {
  gd_world *w = j->world;
  const gd_data_info *i = gd_dataset_info(j->train.data);
  const gdi_batches *b = &j->batches;
  const int64_t K = gdi_batches_max_micro(b);
  const int ranks = gd_world_size(w);
  snprintf(buf, bytes,
           "ranks      %d on %d host%s (%s), %d thread%s each\n"
           "device     %s\n"
           "data       %.200s: %lld samples%s%s%s%s\n"
           "model      %.200s: %lld parameters, %s\n"
           "batch      %lld = %lld micro-batch%s of %lld%s, at most %lld a rank; %lld step%s an epoch, %lld "
           "in all\n"
           "update     %s, rate %g %s, sync %s",
           ranks, gd_world_hosts(w), gd_world_hosts(w) > 1 ? "s" : "", gd_world_transport(w),
           gd_device_threads(j->device), gd_device_threads(j->device) > 1 ? "s" : "",
           gd_device_describe(j->device), i->path, (long long)j->train_order.n,
           i->from_images                       ? ", decoded as they are needed"
           : gd_dataset_streamed(j->train.data) ? ", streamed"
                                                : ", in memory once per host",
           i->w_name[0] ? ", weighted by " : "", i->w_name, j->validates ? "" : ", no validation",
           j->opt.model->text, (long long)j->params->trainable, j->opt.precision, (long long)b->batch,
           (long long)K, K > 1 ? "es" : "", (long long)b->micro,
           b->even ? " with statistics of their own" : "", (long long)((K + ranks - 1) / ranks),
           (long long)b->per_epoch, b->per_epoch > 1 ? "s" : "", (long long)j->total_steps, j->opt.optimizer,
           j->schedule.lr, j->opt.schedule, j->opt.sync);
}

static void announce(const gdi_fit *f, const place *p) {
  const gdi_job *j = f->job;
  char layout[2048];
  gdi_job_layout(j, layout, sizeof layout);
  if (f->observer->started) f->observer->started(f->observer->user, layout, p->folder);
  if (!is_root(j->world)) return;
  if (j->opt.batch_size > j->batches.n)
    gd_message(GD_LOG_WARN, "batch_size %lld is more than the %lld samples there are: batch gradient descent",
               (long long)j->opt.batch_size, (long long)j->batches.n);
  const int64_t K = gdi_batches_max_micro(&j->batches);
  if (K < gd_world_size(j->world))
    gd_message(GD_LOG_WARN, "%lld micro-batch%s for %d ranks: %lld idle; a %s gives them work", (long long)K,
               K > 1 ? "es" : "", gd_world_size(j->world), (long long)(gd_world_size(j->world) - K),
               j->batches.micro > 1 ? "smaller --micro-batch" : "larger --batch-size");
  if (K < 2 && j->opt.noise_scale)
    gd_message(
        GD_LOG_WARN,
        "noise_scale needs at least 2 micro-batches a step, but this is one of %lld: nothing is measured; "
        "a smaller --micro-batch gives them",
        (long long)j->batches.batch);
  if (p->checkpoint[0])
    gd_message(GD_LOG_INFO, "resumed from %s at step %lld%s", p->checkpoint, (long long)j->step,
               f->over                    ? ": early_stop ended it; more --early-stop.patience continues it"
               : j->step < j->total_steps ? ""
                                          : ": nothing is left to do; more --epochs or --steps continue it");
}

/* ---- the run ---- */

static int64_t automatic_log_every(const gdi_job *j) {
  int64_t every = j->total_steps / 200; /* about 200 points make a plot */
  return every > 0 ? every : 1;
}

static gd_status open_fit(gdi_fit *f, gdi_job *j, const place *p) {
  f->job = j;
  f->noise.decay = j->opt.noise_decay;
  f->log_every = j->opt.log_every ? j->opt.log_every : automatic_log_every(j);
  if (is_root(j->world)) j->tables = p->folder;
  f->watch = gdi_watch_new(j);
  GD_TRY(gd_interval_parse("checkpoint.every", j->opt.checkpoint_every, &f->save_steps, &f->save_seconds));
  GD_TRY(gd_interval_parse("max_time", j->opt.max_time, NULL, &f->most_s));
  GD_TRY(gdi_checkpointer_open(&f->saver, j, p->folder));
  GD_TRY(gd_world_agree(j->world,
                        is_root(j->world) ? gdi_record_open(&f->record, p->folder, j, f->result) : GD_OK));
  f->earlier_s = f->result->last.seconds;
  return GD_OK;
}

/* Also when the early stop was just then: it has nothing left to do, unless it is given more patience. Losses of other
 * data, or another metric, are nothing to compare with: then only the rate stays. */
static void continue_watching(gdi_fit *f, const gd_watched *w, bool same_judge) {
  const double lr = w->kept ? w->lr : f->job->schedule.lr;
  if (same_judge) f->watch = gdi_watch_continued(f->job, w);
  f->watch.plateau.lr = lr;
  if (f->job->schedule.kind == GD_REDUCE_ON_PLATEAU) f->job->schedule.lr = lr;
  f->over = f->job->opt.stop_patience > 0 && f->watch.bad >= f->job->opt.stop_patience;
}

static void continue_measuring(gdi_fit *f, const gd_measured *m) {
  f->interval = (gd_step_stats){.loss_sum = m->loss_sum, .weight = m->weight, .samples = m->samples};
  f->interval_s = m->seconds;
  if (!f->job->opt.noise_scale) return;
  f->noise.weight = m->noise_weight, f->noise.mean = (gdi_noise_estimate){m->noise_s, m->noise_g2};
}

/* Did the earlier parts of the run judge by the same metric, of the same data? */
static bool same_judge(const gdi_job *j, const gd_checkpoint *c) {
  if (*c->val_digest && strcmp(c->val_digest, j->val_digest) != 0) return false;
  gd_options saved;
  gdi_metric_list theirs = {0};
  gd_status st = gdi_saved_options(&saved, c);
  if (st == GD_OK) {
    st = gdi_metrics_choose(&theirs, saved.metrics, j->criterion, gd_dataset_info(j->train.data), c->classes,
                            NULL, j->outputs);
    gd_options_free(&saved);
  }
  const bool same = st == GD_OK && gdi_metrics_first(&theirs) == gdi_metrics_first(&j->metrics);
  gdi_metrics_free(&theirs);
  gd_error_clear();
  return same;
}

/* The best validation of a run's earlier parts. A checkpoint keeps the one measure that decides, and the loss. */
static void recall_best(gdi_fit *f, const gdi_job *j, const gd_checkpoint *c) {
  gd_metrics *val = &f->result->best.val;
  const gd_metric *judge = gdi_metrics_first(&j->metrics);
  f->has_best = true, f->best = (gdi_best){c->best, c->best_loss};
  f->result->best.step = c->best_step;
  if (judge) val->n = 1, val->measure[0] = (gd_measure){judge, c->best};
  if (judge == &gdi_metric_accuracy) val->accuracy = c->best;
  if (!judge) val->loss = c->best;
}

/* The folder tells the story of the checkpoint; the best so far is recalled where it is comparable and still there. */
static gd_status settle(gdi_fit *f, gdi_job *j, const place *p, const gd_checkpoint *c, bool same) {
  gd_status st = GD_OK;
  bool best = c && c->has_best && same;
  if (is_root(j->world)) {
    if (c && c->has_best && !same)
      gd_message(
          GD_LOG_WARN,
          "validation is on other data, or by another metric, than up to step %lld: the best begins anew",
          (long long)c->step);
    bool file = best && j->opt.checkpoint_best;
    st = gdi_run_folder_settle(p->folder, p->checkpoint, c, &file);
    best = best && (file || !j->opt.checkpoint_best);
  }
  GD_TRY(gd_world_agree(j->world, st));
  GD_TRY(gd_world_bcast(j->world, &best, sizeof best, 0));
  if (best) recall_best(f, j, c);
  return GD_OK;
}

static gd_status run(gdi_fit *f, gdi_job *j, const place *p, const gd_checkpoint *resumed) {
  const bool same = resumed && same_judge(j, resumed);
  if (resumed) GD_TRY(gdi_resume_apply(j, resumed, p->checkpoint));
  if (j->opt.resume[0]) GD_TRY(settle(f, j, p, resumed, same));
  GD_TRY(open_fit(f, j, p));
  f->control = gdi_control_of(f->observer->after_step ? resumed : NULL);
  j->lr_factor = f->control.lr_factor;
  if (resumed) continue_measuring(f, &resumed->measured);
  if (resumed) continue_watching(f, &resumed->watched, same);
  if (resumed) gdi_checkpointer_continue(&f->saver, resumed);
  announce(f, p);
  gd_status ended = gdi_fit_run(f);
  gd_train_result *r = f->result;
  r->steps = j->step, r->parameters = j->params->trainable, r->ledger = j->ledger;
  snprintf(r->folder, sizeof r->folder, "%s", p->folder);
  snprintf(r->checkpoint, sizeof r->checkpoint, "%.4095s", f->saver.path);
  if (ended != GD_OK && ended != GD_STOPPED) return ended;
  gd_status st = is_root(j->world) ? gd_params_digest(j->params, &r->digest) : GD_OK;
  if (st == GD_OK && is_root(j->world)) st = gdi_record_summary(&f->record, r, ended);
  GD_TRY(gd_world_agree(j->world, st));
  return ended == GD_STOPPED
             ? GD_FAIL(GD_STOPPED, "stopped %s after step %lld; continue with --resume auto --out %.300s",
                       f->out_of_time ? "by max_time" : "on request", (long long)j->step, p->folder)
             : GD_OK;
}

/* The run in its place, which is taken. `data`: a job whose sets it uses, or NULL. */
static gd_status run_there(gd_world *w, const gd_options *o, const gdi_job *data, const place *p,
                           const gd_observer *observer, gd_train_result *out) {
  gd_options options = *o;
  gd_checkpoint resumed = {0};
  const bool resumes = p->checkpoint[0] != 0;
  char found_out[GDI_FOUND_OUT];
  gdi_options_found_out(o, found_out);
  gd_status st = resumes ? gdi_resume_read(&resumed, w, p->checkpoint) : GD_OK;
  if (st == GD_OK && resumes) st = gd_world_agree(w, gdi_resume_options(&options, &resumed, found_out));
  gdi_job job = {0};
  gdi_fit fit = {.observer = observer, .result = out, .entered = gdi_now()};
  if (st == GD_OK) {
    const gdi_known known = {.data = resumes ? gdi_use_of(&resumed) : (gdi_set_use){.part = GD_PART_ANY},
                             .standardize = resumed.standardize,
                             .standardize_targets = resumed.standardize_targets,
                             .class_weights = {resumed.n_class_weights, resumed.class_weight},
                             .from = resumes ? &resumed : NULL};
    st = data ? gdi_job_open_on(&job, w, &options, data, &known) : gdi_job_open(&job, w, &options, &known);
    job.found_out = found_out;
    if (st == GD_OK) st = run(&fit, &job, p, resumes ? &resumed : NULL);
    gdi_record_close(&fit.record);
    gdi_checkpointer_close(&fit.saver);
    gdi_job_close(&job);
  }
  if (resumes) gd_checkpoint_free(&resumed);
  if (st != GD_OK && is_root(w)) gdi_record_abandon(p->folder);
  return st;
}

gd_status gdi_train_on(gd_world *w, const gd_options *o, const gdi_job *data, const gd_observer *observer,
                       gd_train_result *out) {
  static const gd_observer nobody = {0};
  memset(out, 0, sizeof *out);
  out->last.loss = out->last.noise_scale = out->last.noise_s = out->last.noise_g2 = NAN;
  out->last.val = out->best.val = gdi_no_metrics();
  place p;
  int hold = -1; /* rank 0's, on the run folder */
  gd_status st = agree_on_place(&p, &hold, w, o);
  if (st == GD_OK) st = run_there(w, o, data, &p, observer ? observer : &nobody, out);
  if (hold >= 0) close(hold);
  return st;
}

gd_status gd_train(gd_world *w, const gd_options *o, const gd_observer *observer, gd_train_result *out) {
  return gdi_train_on(w, o, NULL, observer, out);
}

gd_status gd_train_task(gd_world *w, const gd_options *o, const gd_task *task, const gd_observer *observer,
                        gd_train_result *out) {
  gd_options own = *o; /* its texts go where o's are */
  GD_TRY(gd_world_agree(w, gdi_task_options(&own, task)));
  return gdi_train_on(w, &own, NULL, observer, out);
}
