/* Gradients on a GPU: where micro-batches are computed, and what is added when they are there. */
#include "sync/gpu/gpu_sync.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "optim/update.h"

gdi_gpu_sync *gdi_gpu_sync_of(const gd_sync *s) {
  return s->gpu;
}

gd_status gdi_gpu_sync_put(gdi_gpu_sync *b, const void *from, size_t bytes, void *out) {
  void *memory = gd_arena_alloc(b->memory, bytes);
  memcpy(out, &memory, sizeof memory);
  if (!memory) return GD_ERR_OOM;
  return from ? b->device->upload(b->device, memory, from, bytes) : b->device->zero(b->device, memory, bytes);
}

gd_status gdi_gpu_sync_pinned(gdi_gpu_sync *b, size_t bytes, void *out) {
  void *memory = gd_arena_alloc(b->pinned, bytes);
  memcpy(out, &memory, sizeof memory);
  return memory ? GD_OK : GD_ERR_OOM;
}

/* ---- streams ---- */

gd_status gdi_gpu_sync_follow(gdi_gpu_sync *b) {
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_COMPUTE, b->ready));
  GD_TRY(b->gpu->after(b->device, GDI_STREAM_EXCHANGE, b->ready));
  return b->gpu->gradients(b->device, GDI_STREAM_EXCHANGE);
}

gd_status gdi_gpu_sync_join(gdi_gpu_sync *b) {
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_EXCHANGE, b->joined));
  return b->gpu->after(b->device, GDI_STREAM_COMPUTE, b->joined);
}

/* ---- micro-batches ---- */

void gdi_gpu_sync_micro_batch(gd_sync *s, int64_t k) {
  gdi_grad_ready_micro_batch(s, k);
  if (k == s->run.lo) gdi_host_staged_begin(s); /* here, because a recording may have failed half-way */
  if (s->o.mode == GD_SYNC_ALLREDUCE && k != s->run.lo) return; /* later ones add to the first */
  gd_params_bind_grads(s->params, gdi_gpu_sync_buffer(s, gdi_micro_batch_buffer(s, k)));
}

gd_status gdi_gpu_sync_loss(gd_sync *s, int64_t k, const gd_loss *loss, int64_t samples) {
  gdi_gpu_sync *b = s->gpu;
  if (b->nccl && k == s->run.lo) /* the others' records are added to zeros */
    GD_TRY(b->device->zero(b->device, b->records, (size_t)s->K * sizeof(gd_step_stats)));
  const bool only = s->K == 1 && b->resident && !b->nccl && !b->single;
  if (only) return gdi_resident_single(s, loss, samples);
  GD_TRY(b->gpu->record(b->device, b->records + k * GDI_RECORD, loss->sum, loss->weight, (double)samples));
  return b->resident && b->early && s->early.last_micro_batch ? gdi_resident_total(s) : GD_OK;
}

gd_status gdi_gpu_sync_micro_batch_done(gd_sync *s, int64_t k) {
  gdi_gpu_sync *b = s->gpu;
  gdi_gpu_plan *p;
  s->early.last_micro_batch = false;
  GD_TRY(gd_params_finish_grads(s->params));
  GD_TRY(gdi_gpu_plan_for(s, &p));
  if (b->single) GD_TRY(gdi_resident_square(s, k));
  const gdi_gpu_sum *merge = &p->merge[k - s->run.lo];
  if (merge->n_operands == 0) return GD_OK;
  return b->gpu->tree_sum(b->device, s->dtype, merge, (gd_range){0, s->elements},
                          gdi_gpu_sync_buffer(s, p->into[k - s->run.lo]));
}

gd_status gdi_gpu_sync_input(gd_sync *s, const gd_sync_step *step, const gdi_batch_input *batch) {
  gdi_gpu_sync *b = s->gpu;
  gdi_step_input *in = &b->inputs[step->step % GDI_RING];
  gd_update u = {.lr = step->lr,
                 .step = gdi_gpu_sync_updates(s),
                 .grad_scale = 1,
                 .clip_value = s->o.clip_value,
                 .local_rate = 1,
                 .cycles = step->cycles,
                 .momentum = step->momentum};
  in->step = step->step;
  in->batch = batch ? *batch : (gdi_batch_input){0};
  for (int k = 0; k < s->params->n_settings; k++) {
    u.lr = step->lr * s->params->setting[k].rate;
    in->constants[k] = gdi_optim_constants(&s->segments.optim[k], &u);
  }
  const size_t bytes =
      offsetof(gdi_step_input, constants) + (size_t)s->params->n_settings * sizeof *in->constants;
  return b->gpu->send(b->device, GDI_STREAM_COMPUTE, b->input, in, bytes);
}

/* ---- life ---- */

/* Memory that NCCL reads in place, where it has such memory. */
static gd_status new_gradients(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  b->buffers = s->o.mode == GD_SYNC_ALLREDUCE ? 1 : gdi_buffers_needed(s->o.max_micro_batches, size, rank);
  const size_t run = gd_params_bytes(s->params), bytes = run * (size_t)(b->buffers ? b->buffers : 1);
  if (b->nccl && s->o.mode == GD_SYNC_ALLREDUCE) {
    void *memory;
    GD_TRY(gdi_nccl_memory(b->nccl, &memory, bytes));
    b->gradients = memory;
    if (memory) return b->device->zero(b->device, memory, bytes);
  }
  return gdi_gpu_sync_put(b, NULL, bytes, &b->gradients);
}

/* Where products take bf16, the weights are rounded once, when they are updated. */
static gd_status new_rounded(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  if (b->device->matmul != GD_MATMUL_BF16 || s->dtype != GD_F32) return GD_OK;
  GD_TRY(gdi_gpu_sync_put(b, NULL, (size_t)s->elements * sizeof *b->rounded, &b->rounded));
  b->gpu->weight_copy(b->device, (const float *)(const void *)b->params, s->elements, b->rounded);
  return GD_OK;
}

static gd_status new_memory(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  const size_t records = (size_t)s->o.max_micro_batches * sizeof(gd_step_stats);
  GD_TRY(gdi_arena_new_over(&b->memory, "GPU", &b->device->memory));
  GD_TRY(gdi_arena_new_over(&b->pinned, "pinned", &b->gpu->pinned));
  GD_TRY(gdi_gpu_sync_put(b, NULL, gd_params_bytes(s->params), &b->params));
  GD_TRY(new_gradients(s));
  GD_TRY(gdi_gpu_sync_put(b, NULL, records, &b->records));
  GD_TRY(gdi_gpu_sync_put(b, NULL, sizeof *b->input, &b->input));
  GD_TRY(gdi_gpu_sync_pinned(b, GDI_RING * sizeof *b->inputs, &b->inputs));
  GD_TRY(b->gpu->event_new(b->device, &b->ready));
  GD_TRY(b->gpu->event_new(b->device, &b->joined));
  GD_TRY(new_rounded(s));
  if (b->resident) return gdi_resident_new(s);
  return s->o.noise_scale ? gdi_resident_squares_new(s) : GD_OK;
}

/* NCCL, unless it was declined, or cannot be had and was not insisted on. */
static gd_status meet_peers(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  char why[300] = "";
  if (gd_world_size(s->world) == 1 || s->o.nccl == GD_NCCL_NEVER) return GD_OK;
  GD_TRY(gdi_nccl_new(&b->nccl, s->world, b->device, why, sizeof why));
  if (b->nccl) return GD_OK;
  if (s->o.nccl == GD_NCCL_ALWAYS) return GD_FAIL(GD_ERR_ENV, "transport: nccl cannot be used: %s", why);
  if (gd_world_rank(s->world) == 0)
    gdi_message_once(GD_LOG_INFO, "gradients are exchanged over host memory, not by NCCL: %s", why);
  return GD_OK;
}

gd_status gdi_gpu_sync_new(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu = calloc(1, sizeof *b);
  if (!b) return GD_FAIL(GD_ERR_OOM, "no memory for the sync of a GPU");
  b->device = s->params->device;
  b->gpu = b->device->gpu;
  GD_TRY(meet_peers(s));
  b->resident = b->nccl || gd_world_size(s->world) == 1;
  return new_memory(s);
}

void gdi_gpu_sync_free(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  if (!b) return;
  if (b->rounded) b->gpu->weight_copy(b->device, NULL, 0, NULL);
  b->gpu->event_free(b->device, b->results.fetched);
  b->gpu->event_free(b->device, b->ready);
  b->gpu->event_free(b->device, b->joined);
  gdi_host_staged_free(s);
  for (int i = 0; i < b->plans; i++) free(b->plan[i].merge), free(b->plan[i].into), free(b->plan[i].share);
  free(b->plan), free(b->bucket), free(b->single);
  gdi_nccl_free(b->nccl);
  gd_arena_free(b->pinned);
  gd_arena_free(b->memory);
  free(b);
  s->gpu = NULL;
}
