/* From settings to updates: batches, rates, the sync. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "device/device.h"
#include "train/job_open.h"

void gdi_resolve_batches(gdi_job *j) {
  bool follows_ranks;
  const int ranks = gd_world_size(j->world);
  j->batches = gdi_batches_plan(j->train_order.n, j->opt.batch_size, j->opt.micro_batch, ranks,
                                j->device->gpu != NULL, &follows_ranks);
  if (follows_ranks && gd_world_rank(j->world) == 0)
    gdi_message_once(
        GD_LOG_INFO,
        "micro_batch: auto chose %lld so that all %d ranks have work; set it to keep the bits on "
        "other numbers of ranks",
        (long long)j->batches.micro, ranks);
  j->opt.micro_batch = j->batches.micro;
  j->total_steps = j->opt.steps ? j->opt.steps : j->opt.epochs * j->batches.per_epoch;
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
                        .trust = o->trust};
  GD_TRY(gd_optim_check(&j->optim));

  double factor = (double)j->batches.batch / (double)o->lr_batch, lr = o->lr;
  if (strcmp(o->lr_scale, "linear") == 0) lr *= factor;
  if (strcmp(o->lr_scale, "sqrt") == 0) lr *= sqrt(factor);
  const double epochs = (double)j->total_steps / (double)j->batches.per_epoch;
  gd_schedule_kind schedule;
  GD_TRY(gd_schedule_parse(&schedule, o->schedule));
  if (j->opt.t0 == 0) j->opt.t0 = epochs > o->warmup ? epochs - o->warmup : epochs;
  if (j->opt.total == 0) j->opt.total = j->opt.t0;
  j->schedule = gd_schedule_defaults(schedule, lr);
  j->schedule.eta_min = o->eta_min, j->schedule.t0 = o->t0, j->schedule.t_mult = (int)o->t_mult;
  j->schedule.every = o->lr_every, j->schedule.gamma = o->gamma, j->schedule.total = o->total;
  j->schedule.warmup = o->warmup;
  return gd_schedule_check(&j->schedule);
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
