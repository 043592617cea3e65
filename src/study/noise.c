/*
 * The gradient noise scale where a run met its target: the parameters stand still (rate 0) while a second job
 * squares the gradients of many small micro-batches. So it is measured for every batch size alike, one sample
 * included, and does not slow the run.
 */
#include <math.h>
#include <stdlib.h>

#include "train/noise.h"
#include "study/study.h"

enum { SAMPLES = 16384, UPDATE = 4096, MICRO = 16 };

static gd_options frozen(const gd_options *run, int64_t n) {
  gd_options o = *run;
  o.batch_size = n < UPDATE ? n : UPDATE;
  o.micro_batch = n < 2 * MICRO ? (n + 1) / 2 : MICRO;
  o.steps = n < SAMPLES ? 1 : SAMPLES / UPDATE;
  o.lr = 0, o.schedule = "constant", o.milestones = "", o.cycle_momentum = false, o.warmup.n = 0,
  o.clip_norm = 0, o.clip_value = 0;
  o.noise_scale = true;
  return o;
}

static gd_status move_parameters(gdi_job *to, gdi_job *from) {
  void *buffer = malloc((size_t)from->params->elements * gd_dtype_bytes(from->dtype));
  void *state[GD_OPTIM_MAX_STATES] = {NULL};
  gd_status st = buffer ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a copy of the parameters");
  const int states = gd_optim_states(&from->optim);
  for (int i = 0; i < states; i++) {
    state[i] = malloc((size_t)from->params->elements * gd_dtype_bytes(from->dtype));
    if (!state[i]) st = GD_FAIL(GD_ERR_OOM, "no memory for a copy of the optimizer's state");
  }
  st = gd_world_agree(from->world, st);
  if (st == GD_OK) st = gd_sync_gather(from->sync, buffer, state);
  if (st == GD_OK) st = gd_sync_scatter(to->sync, buffer, NULL);
  free(buffer);
  for (int i = 0; i < states; i++) free(state[i]);
  return st;
}

gd_status gdi_study_noise(gdi_job *run, double *out) {
  gdi_job job = {0};
  gdi_noise noise = {.decay = 1};
  const gd_options o = frozen(&run->opt, run->train_order.n);
  *out = NAN;
  gd_status st = gdi_job_open_on(&job, run->world, &o, run, NULL);
  if (st == GD_OK) st = move_parameters(&job, run);
  while (st == GD_OK && job.step < job.total_steps) {
    gd_sync_result r;
    st = gdi_step_now(&job, 0, &r);
    if (st == GD_OK) gdi_noise_add(&noise, &r);
  }
  gdi_job_close(&job);
  if (st == GD_ERR_NONFINITE) {
    gd_error_clear();
    return GD_OK;
  }
  if (st == GD_OK) *out = gdi_noise_scale(&noise);
  return st;
}
