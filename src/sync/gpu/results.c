/* What resident steps found: fetched every few steps, and looked at once it is here, so that nobody waits. */
#include <math.h>

#include "sync/gpu/gpu_sync.h"

gd_status gdi_step_results_new(gdi_gpu_sync *b) {
  gdi_step_results *f = &b->results;
  GD_TRY(gdi_gpu_sync_put(b, NULL, GDI_RING * sizeof *f->ring, &f->ring));
  GD_TRY(gdi_gpu_sync_pinned(b, GDI_RING * sizeof *f->here, &f->here));
  return b->gpu->event_new(b->device, &f->fetched);
}

/* The totals of the first step that is known to be at fault, or to come after one that is. */
static gd_status tell_nonfinite(const gd_sync *s, const gdi_totals *t, int64_t *stopped_at) {
  *stopped_at = t->step;
  if (!isfinite(t->record[GDI_RECORD_LOSS]) || !isfinite(t->record[GDI_RECORD_WEIGHT]))
    return GD_FAIL(GD_ERR_NONFINITE, "the loss of step %lld is not finite (sum %g, weight %g)",
                   (long long)t->step + 1, t->record[GDI_RECORD_LOSS], t->record[GDI_RECORD_WEIGHT]);
  if (s->two_pass && !isfinite(t->grad_norm))
    return GD_FAIL(GD_ERR_NONFINITE, "the gradient of step %lld is not finite (norm %g)",
                   (long long)t->step + 1, t->grad_norm);
  *stopped_at = t->step - 1; /* its update saw it, after the totals of its own step were told */
  return GD_FAIL(GD_ERR_NONFINITE, "a gradient or parameter was not finite in the update of step %lld",
                 (long long)t->step);
}

/* The steps up to `until`, which have been fetched. */
static gd_status collect(gd_sync *s, int64_t until, gd_sync_result *out) {
  gdi_step_results *f = &s->gpu->results;
  for (; f->collected < until; f->collected++) {
    const gdi_totals *t = &f->here[f->collected % GDI_RING];
    if (t->nonfinite || (!t->go && !s->o.skip_nonfinite)) {
      out->updated = false;
      return tell_nonfinite(s, t, &out->stopped_at);
    }
    f->known[f->n_known++] = (gd_sync_result){.total = {.loss_sum = t->record[GDI_RECORD_LOSS],
                                                        .weight = t->record[GDI_RECORD_WEIGHT],
                                                        .samples = t->record[GDI_RECORD_SAMPLES],
                                                        .grad_sq = t->record[GDI_RECORD_SQUARE]},
                                              .micro_batches = t->micro_batches,
                                              .grad_norm = t->grad_norm,
                                              .updated = t->go};
    s->updates += t->go != 0;
  }
  return GD_OK;
}

int64_t gdi_gpu_sync_updates(const gd_sync *s) {
  const gdi_step_results *f = &s->gpu->results;
  return s->updates + (f->started ? f->queued - f->collected : 0);
}

bool gdi_gpu_sync_next_result(gd_sync *s, gd_sync_result *out) {
  gdi_step_results *f = &s->gpu->results;
  if (f->taken == f->n_known) return false;
  *out = f->known[f->taken++];
  return true;
}

gd_status gdi_gpu_sync_drain(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_COMPUTE,
                              b->ready)); /* which every other stream has joined */
  return b->gpu->wait_for(b->device, b->ready);
}

static gd_status ask(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  gdi_step_results *f = &b->results;
  GD_TRY(gdi_resident_audit_ask(s));
  GD_TRY(b->gpu->fetch(b->device, GDI_STREAM_COMPUTE, f->here, f->ring, GDI_RING * sizeof *f->ring));
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_COMPUTE, f->fetched));
  f->asked = f->queued;
  return GD_OK;
}

static gd_status take_answer(gd_sync *s, gd_sync_result *out) {
  const gdi_gpu_sync *b = s->gpu;
  const gdi_step_results *f = &b->results;
  if (!f->started || f->asked == f->collected) return GD_OK;
  GD_TRY(b->gpu->wait_for(b->device, f->fetched));
  return collect(s, f->asked, out);
}

/* Ranks stop together: what one requests or finds nonfinite, and a difference between copies, concern all. */
static gd_status agree(gd_sync *s, gd_status mine, gd_sync_result *out) {
  enum { BITS = 8, STEP = BITS, MOST, LEAST, FIELDS };
  double v[FIELDS];
  if (gd_world_size(s->world) == 1) return mine;
  for (int i = 0; i < BITS; i++) v[i] = out->flags >> i & 1;
  v[STEP] = mine == GD_ERR_NONFINITE ? (double)out->stopped_at : -1;
  GD_TRY(mine == GD_ERR_NONFINITE ? GD_OK : mine);
  v[MOST] = gdi_resident_audit_total(s), v[LEAST] = -v[MOST];
  GD_TRY(gd_world_allreduce_f64(s->world, v, FIELDS, GD_MAX));
  for (int i = 0; i < BITS; i++) out->flags |= v[i] > 0 ? 1u << i : 0;
  if (mine == GD_OK && v[STEP] >= 0) {
    out->stopped_at = (int64_t)v[STEP];
    return GD_FAIL(GD_ERR_NONFINITE, "another rank met a value that is not finite in step %lld",
                   (long long)out->stopped_at + 1);
  }
  return mine == GD_OK && v[MOST] != -v[LEAST] ? gdi_resident_audit_find(s) : mine;
}

/* Every GDI_POLL_STEPS steps: take the answer to the last question, which has long arrived, and ask the next one. */
gd_status gdi_gpu_sync_queued(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) {
  gdi_step_results *f = &s->gpu->results;
  const bool alone = gd_world_size(s->world) == 1;
  if (!f->started) f->asked = f->collected = step->step;
  f->started = true;
  f->n_known = f->taken = 0;
  f->queued = step->step + 1;
  GD_TRY(gdi_resident_audit_step(s, step->step));
  out->flags = alone || f->queued % GDI_POLL_STEPS == 0 ? step->flags : 0;
  if (f->queued % GDI_POLL_STEPS != 0) return GD_OK;
  GD_TRY(agree(s, take_answer(s, out), out));
  return ask(s);
}

gd_status gdi_gpu_sync_wait(gd_sync *s, gd_sync_result *out) {
  gdi_step_results *f = &s->gpu->results;
  f->n_known = f->taken = 0;
  gd_status st = take_answer(s, out);
  if (st == GD_OK && f->started && f->collected < f->queued) {
    st = ask(s);
    if (st == GD_OK) st = take_answer(s, out);
  }
  return agree(s, st, out);
}

gd_status gdi_gpu_sync_healthy(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  gdi_totals now;
  GD_TRY(b->device->download(b->device, &now, b->now, sizeof now));
  s->nonfinite = now.nonfinite;
  return GD_OK;
}
