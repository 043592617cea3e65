/* The sync: opened, given micro-batches, closed. The update at the end of a step is in update.c. */
#include <stdlib.h>
#include <string.h>

#include "gd/log.h"
#include "sync/audit.h"
#include "sync/gpu/gpu_sync.h"
#include "sync/squares.h"

static gd_status check(const gd_params *p, const gd_sync_options *o) {
  GD_TRY(gd_optim_check(&o->optim));
  if (o->max_micro_batches < 1 || o->max_micro_batches > GDI_MAX_LEAVES)
    return GD_FAIL(GD_ERR_USAGE, "max_micro_batches is %lld, but must lie in 1 .. 2^30",
                   (long long)o->max_micro_batches);
  if (!(o->clip_norm >= 0) || !(o->clip_value >= 0))
    return GD_FAIL(GD_ERR_USAGE, "clipping at %g (norm) and %g (value) is negative", o->clip_norm,
                   o->clip_value);
  if (o->noise_scale && o->mode == GD_SYNC_ALLREDUCE)
    return GD_FAIL(GD_ERR_USAGE,
                   "noise_scale needs sync: ordered: all-reduce adds up micro-batches as they come");
  if (p->dtype != GD_F32 && p->dtype != GD_F64)
    return GD_FAIL(GD_ERR_DTYPE, "parameters of type %s cannot be synchronised", gd_dtype_name(p->dtype));
  return GD_OK;
}

/* Everything that may fail on one rank alone, before the first collective that trusts it. */
static gd_status build(gd_sync *s) {
  s->dtype = s->sum.dtype = s->merge.dtype = s->params->dtype;
  s->element_bytes = gd_dtype_bytes(s->dtype);
  s->elements = s->params->elements;
  s->n_states = gd_optim_states(&s->o.optim);
  s->replicated = s->o.mode == GD_SYNC_ORDERED && gd_world_groups(s->world) == 2;
  const bool squares_first = s->params->device->gpu && s->o.noise_scale; /* there is no third kernel for it */
  s->two_pass = s->o.clip_norm > 0 || s->o.optim.kind == GD_LARS || s->o.skip_nonfinite || squares_first;
  s->cpu = s->params->device;
  if (s->cpu->gpu)
    GD_TRY(
        gd_device_open(&s->cpu, &(gd_device_options){.kind = GD_CPU, .threads = gd_device_threads(s->cpu)}));
  GD_TRY(gdi_sum_reserve(&s->merge, GD_TREE_MAX_COVER + 1));
  GD_TRY(gdi_grad_ready_new(s));
  GD_TRY(gdi_segments_new(s));
  GD_TRY(gdi_records_new(s));
  return s->o.audit_every > 0 ? gdi_audit_new(s) : GD_OK;
}

gd_status gd_sync_new(gd_sync **out, gd_world *w, gd_params *p, const gd_sync_options *o) {
  gd_sync *s = *out = calloc(1, sizeof *s);
  gd_status st = s ? check(p, o) : GD_FAIL(GD_ERR_OOM, "no memory for the sync");
  if (st == GD_OK) {
    *s = (gd_sync){.world = w, .params = p, .o = *o};
    st = build(s);
  }
  GD_GOTO(st, gd_world_agree(w, st), fail);
  if (p->device->gpu) GD_GOTO(st, gd_world_agree(w, gdi_gpu_cause(p->device, gdi_gpu_sync_new(s))), fail);
  if (s->gpu && s->gpu->resident) {
    GD_GOTO(st, gd_params_bind(p, s->gpu->params, true), fail);
    GD_GOTO(st, gdi_resident_scatter(s, NULL, NULL), fail);
    return GD_OK;
  }
  GD_GOTO(st, gd_world_agree(w, gdi_memory_new(s)), fail);
  if (s->audit) GD_GOTO(st, gd_world_agree(w, gdi_audit_share(s)), fail);
  if (o->mode == GD_SYNC_ALLREDUCE)
    st = gdi_overlap_new(s);
  else if (gd_world_groups(w) > 1)
    st = gdi_exchange_new(s);
  GD_GOTO(st, gd_world_agree(w, st), fail);
  if (s->gpu)
    GD_GOTO(st, gd_world_agree(w, gdi_host_staged_new(s)), fail);
  else
    GD_GOTO(st, gd_params_bind(p, s->param_memory.data, s->param_memory.owner), fail);
  GD_GOTO(st, gd_sync_scatter(s, s->param_memory.data, NULL), fail);
  return GD_OK;
fail:
  gd_sync_free(s);
  *out = NULL;
  return st;
}

void gd_sync_free(gd_sync *s) {
  if (!s) return;
  if (s->params) gdi_grad_ready_free(s);
  const bool bound = s->params && s->params->data == (s->gpu ? s->gpu->params : s->param_memory.data);
  if (bound && gd_params_bind(s->params, NULL, true) != GD_OK)
    gd_message(GD_LOG_WARN, "%s", gd_error_last()->message);
  gdi_exchange_free(s);
  gdi_overlap_free(s->overlap);
  gdi_audit_free(s);
  gdi_gpu_sync_free(s);
  gdi_memory_free(s);
  gdi_average_free(s);
  gdi_sum_free(&s->sum);
  gdi_sum_free(&s->merge);
  gdi_segments_free(&s->segments);
  gdi_records_free(s);
  if (s->params && s->cpu != s->params->device) gd_device_close(s->cpu);
  free(s);
}

gd_range gd_sync_begin(gd_sync *s, int64_t K) {
  if (s->begun && s->K == K)
    return s->run; /* a step on a GPU is begun before it is known whether it is replayed */
  s->K = K >= 1 && K <= s->o.max_micro_batches ? K : 0;
  s->run = s->K ? gd_share(K, gd_world_size(s->world), gd_world_rank(s->world)) : (gd_range){0, 0};
  s->early.travelling = s->K > 0;
  s->failed = GD_OK;
  if (s->gpu && s->gpu->resident) {
    s->gpu->totalled = false; /* reset here, because a recording may have failed half-way */
    s->gpu->passed = 0;
    return s->run;
  }
  s->begun = true;
  if (s->K > 0 && !s->overlap) s->failed = s->exchange ? gdi_exchange_begin(s) : gdi_operands(s);
  return s->run;
}

void gd_sync_micro_batch(gd_sync *s, int64_t k) {
  if (s->gpu) {
    gdi_gpu_sync_micro_batch(s, k);
    return;
  }
  gdi_grad_ready_micro_batch(s, k);
  if (s->overlap) {
    if (k == s->run.lo) gd_params_bind_grads(s->params, s->gradient_memory.data); /* later ones add to it */
    return;
  }
  gd_params_bind_grads(s->params, gdi_buffer(s, gd_world_rank(s->world), gdi_micro_batch_buffer(s, k)));
}

/* Micro-batch k is there: add what it completes, in one go, into the buffer of the leftmost node. */
static void merge(gd_sync *s, int64_t k) {
  char *own = gdi_buffer(s, gd_world_rank(s->world), 0);
  const int into = gdi_merge_operands(s, k, own);
  if (into < 0) return;
  gdi_sum_store(&s->merge, s->cpu, (gd_range){0, s->elements},
                own + (size_t)into * gd_params_bytes(s->params));
}

/* |sum of the gradients of micro-batch k|^2; the squares of segments are free until the update. */
static double leaf_squared(gd_sync *s, int64_t k) {
  const char *gradient = gdi_buffer(s, gd_world_rank(s->world), gdi_micro_batch_buffer(s, k));
  return gdi_squares_of(s->cpu, s->dtype, gradient, s->params->trained, s->segments.square);
}

gd_status gd_sync_micro_batch_loss(gd_sync *s, int64_t k, const gd_loss *loss, int64_t samples) {
  if (s->gpu) return gdi_gpu_sync_loss(s, k, loss, samples);
  const gd_step_stats r = {
      .loss_sum = gd_item(loss->sum), .weight = gd_item(loss->weight), .samples = (double)samples};
  memcpy(s->record + k * GDI_RECORD, &r, sizeof r);
  return GD_OK;
}

gd_status gd_sync_micro_batch_done(gd_sync *s, int64_t k, const gd_step_stats *r) {
  if (s->gpu) return gdi_gpu_sync_micro_batch_done(s, k);
  GD_TRY(gd_params_finish_grads(s->params));
  gd_step_stats *record = (gd_step_stats *)(void *)(s->record + k * GDI_RECORD);
  if (r) *record = *r;
  record->grad_sq = s->o.noise_scale && record->weight > 0 ? leaf_squared(s, k) / record->weight : 0;
  s->early.last_micro_batch = false;
  if (!s->overlap && k + 1 < s->run.hi) merge(s, k);
  if (s->exchange) gdi_grad_ready_micro_batch_done(s, k);
  return GD_OK;
}

int64_t gd_sync_updates(const gd_sync *s) {
  return s->updates;
}

void gd_sync_set_updates(gd_sync *s, int64_t updates) {
  s->updates = updates;
}

gd_status gd_sync_healthy(gd_sync *s) {
  if (s->gpu && s->gpu->resident) GD_TRY(gd_world_agree(s->world, gdi_gpu_sync_healthy(s)));
  double nonfinite = s->nonfinite;
  GD_TRY(gd_world_allreduce_f64(s->world, &nonfinite, 1, GD_MAX));
  if (nonfinite == 0) return GD_OK;
  return GD_FAIL(GD_ERR_NONFINITE, "a gradient or parameter was not finite in the last update");
}
