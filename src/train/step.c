/* One update, from samples to parameters: the whole path on one screen. */
#include "base/clock.h"
#include "infer/model.h"
#include "train/gpu_step.h"

double gdi_job_lr(const gdi_job *j, int64_t step) {
  return j->lr_factor *
         gd_schedule_lr(&j->schedule, gdi_batches_position(&j->batches, step), j->batches.per_epoch);
}

/* "step,epoch,sample" for every sample of a micro-batch, whole lines at once. */
static void trace(const gdi_job *j, const gdi_step_plan *plan, gd_range rows) {
  for (int64_t i = rows.lo; i < rows.hi; i++)
    fprintf(j->trace, "%lld,%lld,%lld\n", (long long)j->step, (long long)plan->epoch,
            (long long)gd_order_at(&j->train_order, plan->epoch, i));
  fflush(j->trace);
}

/* Forward and backward of micro-batch k, the samples at `rows`: gradients of the sum of their losses. */
static gd_status micro_batch(gdi_job *j, const gdi_step_plan *plan, int64_t k, gd_range rows) {
  double t0 = gdi_now();
  gd_batch batch;
  GD_TRY(gd_loader_get(j->loader, plan->epoch, rows, &batch));
  if (j->trace) trace(j, plan, rows);
  double t1 = gdi_now();
  gd_tape_reset(j->tape);
  gd_tape_draws(j->tape, (uint64_t)j->opt.seed, j->step, rows.lo - plan->rows.lo, rows.hi - rows.lo);
  gd_tensor *output[GD_MAX_FIELDS];
  const int outputs = gdi_forward(j->model, j->tape, &batch, output);
  gd_loss loss = gd_criterion_forward(j->criterion, j->tape, output, outputs, &batch);
  const double factor = gdi_injected_factor(j, plan, rows);
  if (factor != 1) loss.sum = gd_mul_scalar(j->tape, loss.sum, factor);
  GD_TRY(gd_tape_status(j->tape));
  GD_TRY(gd_sync_micro_batch_loss(j->sync, k, &loss, rows.hi - rows.lo));
  double t2 = gdi_now();
  GD_TRY(gd_backward(j->tape, loss.sum, NULL));
  double t3 = gdi_now();
  gd_status st = gd_sync_micro_batch_done(j->sync, k, NULL);
  j->ledger.data += t1 - t0, j->ledger.forward += t2 - t1, j->ledger.backward += t3 - t2;
  j->ledger.sum += gdi_now() - t3;
  return st;
}

gd_status gdi_compute(gdi_job *j, const gdi_step_plan *plan) {
  const gd_range run = gd_sync_begin(j->sync, plan->K);
  gd_status mine = GD_OK;
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_sync_micro_batch(j->sync, k);
    if (mine == GD_OK) mine = micro_batch(j, plan, k, gdi_batches_micro(&j->batches, plan, k));
    if (mine == GD_OK && k + 1 < run.hi)
      gd_loader_hint(j->loader, plan->epoch, gdi_batches_micro(&j->batches, plan, k + 1));
  }
  return mine;
}

gd_range gdi_rank_rows(const gdi_job *j, const gdi_step_plan *plan, bool all) {
  const gd_range run = gd_share(plan->K, gd_world_size(j->world), gd_world_rank(j->world));
  if (run.lo == run.hi) return (gd_range){0, 0};
  return (gd_range){gdi_batches_micro(&j->batches, plan, run.lo).lo,
                    gdi_batches_micro(&j->batches, plan, all ? run.hi - 1 : run.lo).hi};
}

void gdi_hint_next_step(gdi_job *j) {
  if (j->step + 1 >= j->total_steps) return;
  const gdi_step_plan next = gdi_batches_step(&j->batches, j->step + 1);
  gd_loader_hint(j->loader, next.epoch, gdi_rank_rows(j, &next, j->on_gpu && j->on_gpu->follows));
}

gd_status gdi_step(gdi_job *j, uint32_t flags, gd_sync_result *out) {
  const gdi_step_plan plan = gdi_batches_step(&j->batches, j->step);
  gd_sync_step step = {.lr = gdi_job_lr(j, j->step), .step = j->step, .flags = flags};
  if (j->schedule.cycle_momentum)
    step.cycles = true,
    step.momentum =
        gd_schedule_momentum(&j->schedule, gdi_batches_position(&j->batches, j->step), j->batches.per_epoch);
  if (j->on_gpu && j->on_gpu->resident) return gdi_step_resident(j, &plan, &step, out);
  gd_status mine = j->on_gpu ? gdi_compute_on_gpu(j, &plan, &step) : gdi_compute(j, &plan);
  if (!j->on_gpu) gdi_hint_next_step(j);

  /* A rank that failed still joins the exchange, where all learn of it, instead of leaving them to wait. */
  if (mine != GD_OK) step.flags |= GDI_FLAG_FAILED;
  gd_status st = gd_sync_update(j->sync, &step, out);
  j->ledger.exchange += out->exchange_s, j->ledger.update += out->update_s, j->ledger.wait += out->wait_s;
  if (out->flags & GDI_FLAG_FAILED) return gd_world_agree(j->world, mine);
  if (st == GD_ERR_NONFINITE) j->step = out->stopped_at;
  if (st == GD_ERR_GPU)
    return gd_world_fail_alone(j->world, st); /* this rank's GPU did not get the new parameters */
  GD_TRY(st);
  j->step++;
  return GD_OK;
}

gd_status gdi_step_now(gdi_job *j, uint32_t flags, gd_sync_result *out) {
  GD_TRY(gdi_step(j, flags, out));
  GD_TRY(gdi_synchronize(j));
  const uint32_t asked = out->flags;
  while (gdi_next_result(j, out)) out->flags = asked;
  return GD_OK;
}
