/* Sums, norms and updates queued on the GPU; the host learns every few steps what they found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/update.h"
#include "sync/board.h"

static gd_status put(gdi_board *b, const void *from, size_t bytes, void *out) {
  void *memory = gd_arena_alloc(b->memory, bytes ? bytes : 1);
  memcpy(out, &memory, sizeof memory);
  if (!memory) return GD_ERR_OOM;
  return from ? b->device->upload(b->device, memory, from, bytes) : b->device->zero(b->device, memory, bytes);
}

static gd_status put_segments(gd_sync *s) {
  gdi_gpu_slice *x = &s->board->slice;
  const size_t n = (size_t)s->segments;
  int64_t *first = malloc((n + 1) * sizeof *first);
  int32_t *param = malloc((n + 1) * sizeof *param);
  gd_status st = first && param ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %zu blocks", n);
  for (size_t i = 0; st == GD_OK && i <= n; i++) first[i] = s->segment[i].lo, param[i] = s->segment[i].param;
  if (st == GD_OK) st = put(s->board, first, (n + 1) * sizeof *first, &x->segment);
  if (st == GD_OK) st = put(s->board, param, (n + 1) * sizeof *param, &x->param);
  free(first), free(param);
  return st;
}

gd_status gdi_board_onboard_new(gd_sync *s) {
  gdi_board *b = s->board;
  const size_t run = gd_params_bytes(s->params), n = (size_t)s->segments;
  b->slice = (gdi_gpu_slice){.dtype = s->dtype,
                             .rule = gdi_optim_rule(&s->o.optim),
                             .elements = {0, s->elements},
                             .w = b->params,
                             .kept = b->gradients,
                             .segments = s->segments,
                             .own = {0, s->segments},
                             .norms = s->norms};
  b->clip = (gdi_gpu_clip){.clip_norm = s->o.clip_norm,
                           .trust = s->o.optim.trust,
                           .weight_decay = s->o.optim.weight_decay,
                           .skip_nonfinite = s->o.skip_nonfinite};
  for (int i = 0; i < s->n_states; i++) GD_TRY(put(b, NULL, run, &b->slice.state[i]));
  GD_TRY(put_segments(s));
  GD_TRY(put(b, NULL, n * (size_t)s->norms * sizeof(double), &b->slice.square));
  if (s->norms > 1) GD_TRY(put(b, NULL, (size_t)s->params->n * sizeof(double), &b->slice.rate));
  GD_TRY(put(b, NULL, sizeof *b->now, &b->now));
  GD_TRY(put(b, NULL, GDI_RING * sizeof *b->ring, &b->ring));
  b->found = gd_arena_alloc(b->pinned, GDI_RING * sizeof *b->found);
  if (!b->found) return GD_ERR_OOM;
  return b->gpu->mark_new(b->device, &b->fetched);
}

/* ---- a step ---- */

gd_status gdi_board_queue_update(gd_sync *s) {
  gdi_board *b = s->board;
  gdi_board_plan *p;
  GD_TRY(gdi_board_plan_for(s, &p));
  GD_TRY(
      b->gpu->totals(b->device, b->records, s->K, b->input, s->o.skip_nonfinite, b->now, b->ring, GDI_RING));
  if (!s->two_pass) return b->gpu->update(b->device, &b->slice, &p->sum, b->input, b->now);
  GD_TRY(b->gpu->sum_and_square(b->device, &b->slice, &p->sum));
  GD_TRY(b->gpu->norms(b->device, &b->slice, &b->clip, b->input, b->now, b->ring, GDI_RING));
  return b->gpu->update(b->device, &b->slice, NULL, b->input, b->now);
}

/* ---- what steps found ---- */

static gd_status tell_nonfinite(const gdi_totals *t) {
  if (!isfinite(t->record[GDI_RECORD_LOSS]) || !isfinite(t->record[GDI_RECORD_WEIGHT]))
    return GD_FAIL(GD_ERR_NONFINITE, "the loss of step %lld is not finite (sum %g, weight %g)",
                   (long long)t->step, t->record[GDI_RECORD_LOSS], t->record[GDI_RECORD_WEIGHT]);
  return GD_FAIL(GD_ERR_NONFINITE, "a gradient or parameter was not finite in the update before step %lld",
                 (long long)t->step);
}

/* Hand out the steps up to `until`, which have been fetched. */
static gd_status hand_out(gd_sync *s, int64_t until, gd_sync_result *out) {
  gdi_board *b = s->board;
  for (; b->collected < until; b->collected++) {
    const gdi_totals *t = &b->found[b->collected % GDI_RING];
    double *total = (double *)&out->total;
    out->updated = t->go;
    if (!t->go && !s->o.skip_nonfinite) {
      out->stopped_at = t->step;
      return tell_nonfinite(t);
    }
    for (int i = 0; i < GDI_RECORD; i++) total[i] += t->record[i];
    out->micro_batches = t->micro_batches;
    out->grad_norm = t->grad_norm;
  }
  return GD_OK;
}

static gd_status ask(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(b->gpu->fetch(b->device, GDI_LANE_COMPUTE, b->found, b->ring, GDI_RING * sizeof *b->ring));
  GD_TRY(b->gpu->mark(b->device, GDI_LANE_COMPUTE, b->fetched));
  b->asked = b->queued;
  return GD_OK;
}

static gd_status take_answer(gd_sync *s, gd_sync_result *out) {
  gdi_board *b = s->board;
  if (!b->started || b->asked == b->collected) return GD_OK;
  GD_TRY(b->gpu->wait_for(b->device, b->fetched));
  return hand_out(s, b->asked, out);
}

/* Every lag the answer to the last question is taken, which the GPU gave a lag ago, and the next one asked.
 */
gd_status gdi_board_queued(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) {
  gdi_board *b = s->board;
  if (!b->started) b->asked = b->collected = step->step;
  b->started = true;
  b->queued = step->step + 1;
  out->flags = step->flags;
  if (b->queued % GDI_LAG != 0) return GD_OK;
  GD_TRY(take_answer(s, out));
  return ask(s);
}

gd_status gdi_board_settle(gd_sync *s, gd_sync_result *out) {
  GD_TRY(take_answer(s, out));
  if (!s->board->started || s->board->collected == s->board->queued) return GD_OK;
  GD_TRY(ask(s));
  return take_answer(s, out);
}

/* ---- everything at once ---- */

gd_status gdi_board_gather(gd_sync *s, void *params, void *const states[]) {
  gdi_board *b = s->board;
  const size_t run = gd_params_bytes(s->params);
  GD_TRY(b->device->download(b->device, params, b->params, run));
  for (int i = 0; i < s->n_states; i++)
    GD_TRY(b->device->download(b->device, states[i], b->slice.state[i], run));
  return GD_OK;
}

gd_status gdi_board_scatter(gd_sync *s, const void *params, const void *const states[]) {
  gdi_board *b = s->board;
  const size_t run = gd_params_bytes(s->params);
  if (params) GD_TRY(b->device->upload(b->device, b->params, params, run));
  for (int i = 0; i < s->n_states; i++) {
    if (states)
      GD_TRY(b->device->upload(b->device, b->slice.state[i], states[i], run));
    else
      GD_TRY(b->device->zero(b->device, b->slice.state[i], run));
  }
  b->started = false;
  return b->device->zero(b->device, b->now, sizeof *b->now);
}

gd_status gdi_board_healthy(gd_sync *s) {
  gdi_board *b = s->board;
  gdi_totals now;
  GD_TRY(b->device->download(b->device, &now, b->now, sizeof now));
  s->sick = now.sick;
  return GD_OK;
}
