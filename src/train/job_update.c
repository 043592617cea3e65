/* From settings to updates: batches, rates, the sync. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "device/device.h"
#include "train/job_open.h"

/* Statistics are those of micro-batches: how they are cut must not depend on ranks, and none may be of one sample. */
static gd_status cut_for_statistics(gdi_job *j) {
  enum { FEW = 16 };
  gdi_batches *b = &j->batches;
  gdi_batches_for_statistics(b, j->opt.micro_batch == 0);
  const int64_t least = gdi_batches_least(b);
  if (least < 2)
    return GD_FAIL(
        GD_ERR_USAGE,
        "the model has statistics, but a batch of %lld samples in micro-batches of at most %lld leaves one "
        "of a single sample, which has no variance: choose another batch_size or micro_batch",
        (long long)(b->n % b->batch ? b->n % b->batch : b->batch), (long long)b->micro);
  if (least < FEW && gd_world_rank(j->world) == 0)
    gdi_message_once(GD_LOG_WARN,
                     "statistics of the model are taken over micro-batches, of only %lld samples: a larger "
                     "--micro-batch makes them less noisy",
                     (long long)least);
  return GD_OK;
}

/* The samples stay, not the steps: a run that goes on with other batches leaves none out. */
static void continue_batches(gdi_job *j, const gd_checkpoint *from) {
  const gdi_batches *b = &j->batches;
  int64_t rows = from->rows >= 0 ? from->rows : from->samples - from->epoch * b->n;
  if (rows < 0) rows = 0;
  if (rows > b->n) rows = b->n; /* of other data */
  gdi_batches_continue(&j->batches, from->step, from->epoch, rows);
}

gd_status gdi_resolve_batches(gdi_job *j, const gd_checkpoint *from) {
  const bool statistics = gd_module_statistics(j->model, NULL, 0) > 0;
  bool follows_ranks;
  const int ranks = gd_world_size(j->world);
  j->batches = gdi_batches_plan(j->train_order.n, j->opt.batch_size, j->opt.micro_batch, j->opt.drop_last,
                                ranks, j->device->gpu != NULL, &follows_ranks);
  if (statistics) GD_TRY(cut_for_statistics(j));
  if (follows_ranks && !statistics && gd_world_rank(j->world) == 0)
    gdi_message_once(
        GD_LOG_INFO,
        "micro_batch: auto chose %lld so that all %d ranks have work; set it to keep the bits on "
        "other numbers of ranks",
        (long long)j->batches.micro, ranks);
  j->opt.micro_batch = j->batches.micro;
  if (from) continue_batches(j, from);
  const double steps = fmin(fmax(round(j->opt.epochs * (double)j->batches.per_epoch), 1), 0x1p62);
  j->total_steps = j->opt.steps ? j->opt.steps : (int64_t)steps + j->batches.offset;
  return GD_OK;
}

gd_status gdi_usual_rates(gd_options *o) {
  gd_optimizer kind;
  GD_TRY(gd_optim_parse(&kind, o->optimizer));
  const gd_optim usual = gd_optim_defaults(kind);
  if (isnan(o->momentum)) o->momentum = usual.momentum;
  if (isnan(o->weight_decay)) o->weight_decay = usual.weight_decay;
  if (isnan(o->lr)) o->lr = kind == GD_SGD || kind == GD_LARS ? 0.1 : kind == GD_RMSPROP ? 0.01 : 0.001;
  return GD_OK;
}

static double in_epochs(const gdi_job *j, gd_length l) {
  const double each = (double)j->batches.per_epoch;
  return l.unit == GD_IN_EPOCHS ? l.n
                                : (l.unit == GD_IN_STEPS ? l.n : l.n * (double)j->opt.schedule_run) / each;
}

/* A fraction of the run stays the same place when the run is continued for longer: the first length is kept. */
static double place_in_epochs(gdi_job *j, gd_length l) {
  if (l.unit == GD_OF_RUN && j->opt.schedule_run == 0)
    j->opt.schedule_run = gdi_batches_position(&j->batches, j->total_steps);
  return in_epochs(j, l);
}

/* The plain mean: in steps, because samples are counted. */
static gd_status resolve_swa(gdi_job *j) {
  const double each = (double)j->batches.per_epoch;
  if (j->opt.swa_every.n == 0) return GD_OK;
  const double every = round(in_epochs(j, j->opt.swa_every) * each),
               start = round(place_in_epochs(j, j->opt.swa_start) * each);
  const double first = start + (double)j->batches.offset;
  if (first > (double)j->total_steps)
    return GD_FAIL(GD_ERR_USAGE,
                   "swa.start: the first sample would be taken after step %.0f, but the run ends at %lld",
                   first, (long long)j->total_steps);
  j->optim.swa_every = every < 1 ? 1 : (int64_t)fmin(every, 0x1p62);
  j->optim.swa_start = first < 1 ? 1 : (int64_t)first;
  return GD_OK;
}

static gd_status read_milestones(gdi_job *j) {
  gd_schedule *s = &j->schedule;
  for (const char *text = j->opt.milestones; text[strspn(text, " ,")];) {
    gd_length l;
    if (s->milestones == GD_MAX_MILESTONES)
      return GD_FAIL(GD_ERR_USAGE, "schedule.milestones: there can be %d", GD_MAX_MILESTONES);
    GD_TRY(gd_length_parse(text + strspn(text, " ,"), true, &l, &text));
    s->milestone[s->milestones++] = place_in_epochs(j, l);
  }
  return GD_OK;
}

/* A schedule and a run that do not end together are a mistake more often than not. */
static void warn_of_lengths(const gdi_job *j, double epochs) {
  const gd_schedule *s = &j->schedule;
  const bool ends = s->kind == GD_COSINE || s->kind == GD_ONE_CYCLE;
  if (s->warmup >= epochs)
    gdi_message_once(GD_LOG_WARN, "the warm-up takes %g epochs and the run %g: the rate does not reach %g",
                     s->warmup, epochs, s->lr);
  else if (ends && round((s->warmup + s->total) * (double)j->batches.per_epoch) <
                       round(epochs * (double)j->batches.per_epoch))
    gdi_message_once(
        GD_LOG_WARN,
        "schedule %s ends after %g epochs and the run after %g: from then on the rate stays at %g",
        j->opt.schedule, s->warmup + s->total, epochs, gdi_job_lr(j, j->total_steps - 1));
}

/* What does not fit the schedule is refused: else it would be silently without effect. */
static gd_status resolve_schedule(gdi_job *j, double lr) {
  gd_options *o = &j->opt;
  gd_schedule_kind kind;
  GD_TRY(gd_schedule_parse(&kind, o->schedule));
  const double epochs =
                   (double)gdi_batches_position(&j->batches, j->total_steps) / (double)j->batches.per_epoch,
               warmup = in_epochs(j, o->warmup);
  const gd_length rest = {epochs > warmup ? epochs - warmup : epochs, GD_IN_EPOCHS};
  if (kind == GD_SGDR && o->t0.n == 0) o->t0 = rest;
  if ((kind == GD_COSINE || kind == GD_ONE_CYCLE) && o->total.n == 0) o->total = rest;
  gd_schedule *s = &j->schedule;
  *s = gd_schedule_defaults(kind, lr);
  s->eta_min = o->eta_min, s->t0 = in_epochs(j, o->t0), s->t_mult = (int)o->t_mult;
  s->every = in_epochs(j, o->lr_every), s->gamma = o->gamma, s->total = in_epochs(j, o->total);
  s->warmup = warmup;
  s->pct_start = o->pct_start, s->div_factor = o->div_factor, s->final_div_factor = o->final_div_factor;
  s->cycle_momentum = o->cycle_momentum, s->base_momentum = o->base_momentum,
  s->max_momentum = o->max_momentum;
  s->factor = o->factor, s->patience = o->lr_patience, s->threshold = o->threshold;
  s->cooldown = o->cooldown, s->min_lr = o->min_lr;
  GD_TRY(read_milestones(j));
  if (s->milestones > 0 && kind != GD_MULTISTEP)
    return GD_FAIL(GD_ERR_USAGE, "schedule.milestones belong to schedule multistep, not to %s", o->schedule);
  const bool adam = j->optim.kind == GD_ADAM || j->optim.kind == GD_ADAMW;
  if (s->cycle_momentum && !adam && j->optim.momentum == 0)
    return GD_FAIL(
        GD_ERR_USAGE,
        "cycle_momentum needs an optimizer with momentum: adam, adamw, or optimizer.momentum above 0");
  GD_TRY(gd_schedule_check(s));
  if (gd_world_rank(j->world) == 0) warn_of_lengths(j, epochs);
  return GD_OK;
}

gd_status gdi_resolve_rates(gdi_job *j) {
  const gd_options *o = &j->opt;
  gd_optimizer kind;
  GD_TRY(gdi_usual_rates(&j->opt));
  GD_TRY(gd_optim_parse(&kind, o->optimizer));
  j->optim = (gd_optim){.kind = kind,
                        .momentum = o->momentum,
                        .dampening = o->dampening,
                        .nesterov = o->nesterov,
                        .weight_decay = o->weight_decay,
                        .beta1 = o->beta1,
                        .beta2 = o->beta2,
                        .amsgrad = o->amsgrad,
                        .eps = o->eps,
                        .alpha = o->alpha,
                        .centered = o->centered,
                        .trust = o->trust,
                        .ema = o->ema};
  GD_TRY(resolve_swa(j));
  GD_TRY(gd_optim_check(&j->optim));

  double factor = (double)j->batches.batch / (double)o->lr_batch, lr = o->lr;
  if (strcmp(o->lr_scale, "none") != 0 && o->batch_size > j->batches.batch && gd_world_rank(j->world) == 0)
    gdi_message_once(GD_LOG_WARN,
                     "lr_scale: the rate is scaled by the %lld samples there are, not by batch_size %lld",
                     (long long)j->batches.batch, (long long)o->batch_size);
  if (strcmp(o->lr_scale, "linear") == 0) lr *= factor;
  if (strcmp(o->lr_scale, "sqrt") == 0) lr *= sqrt(factor);
  return resolve_schedule(j, lr);
}

gd_status gdi_open_update(gdi_job *j) {
  const bool only_nccl = strcmp(j->opt.transport, "nccl") == 0;
  if (only_nccl && !j->device->gpu) return GD_FAIL(GD_ERR_USAGE, "transport: nccl is for GPUs: see --device");
  gd_sync_options s = {.nccl = only_nccl                               ? GD_NCCL_ALWAYS
                               : strcmp(j->opt.transport, "auto") == 0 ? GD_NCCL_AUTO
                                                                       : GD_NCCL_NEVER,
                       .mode = strcmp(j->opt.sync, "allreduce") == 0 ? GD_SYNC_ALLREDUCE : GD_SYNC_ORDERED,
                       .optim = j->optim,
                       .max_micro_batches = gdi_batches_max_micro(&j->batches),
                       .clip_norm = j->opt.clip_norm,
                       .clip_value = j->opt.clip_value,
                       .skip_nonfinite = strcmp(j->opt.on_nan, "skip") == 0,
                       .noise_scale = j->opt.noise_scale,
                       .audit_every = j->opt.audit_every,
                       .bucket_bytes = isnan(j->opt.bucket_mb) ? 0 : (size_t)(j->opt.bucket_mb * 0x1p20),
                       .no_overlap = !j->opt.overlap};
  GD_TRY(gd_sync_new(&j->sync, j->world, j->params, &s));
  gd_sync_attach(j->sync, j->tape);
  return GD_OK;
}
