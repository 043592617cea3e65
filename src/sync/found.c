/* What steps on board found: fetched every few steps, and looked at once it is here, so that nobody waits. */
#include <math.h>

#include "sync/board.h"

gd_status gdi_found_new(gdi_board *b) {
  gdi_found *f = &b->found;
  GD_TRY(gdi_board_put(b, NULL, GDI_RING * sizeof *f->ring, &f->ring));
  GD_TRY(gdi_board_pinned(b, GDI_RING * sizeof *f->here, &f->here));
  return b->gpu->mark_new(b->device, &f->fetched);
}

static gd_status tell_nonfinite(const gdi_totals *t) {
  if (!isfinite(t->record[GDI_RECORD_LOSS]) || !isfinite(t->record[GDI_RECORD_WEIGHT]))
    return GD_FAIL(GD_ERR_NONFINITE, "the loss of step %lld is not finite (sum %g, weight %g)",
                   (long long)t->step, t->record[GDI_RECORD_LOSS], t->record[GDI_RECORD_WEIGHT]);
  if (isnan(t->grad_norm) || isinf(t->grad_norm))
    return GD_FAIL(GD_ERR_NONFINITE, "a gradient or parameter was not finite in the update before step %lld",
                   (long long)t->step);
  return GD_FAIL(GD_ERR_NONFINITE, "a parameter was not finite after the update before step %lld",
                 (long long)t->step);
}

/* The steps up to `until`, which have been fetched. */
static gd_status collect(gd_sync *s, int64_t until, gd_sync_result *out) {
  gdi_found *f = &s->board->found;
  for (; f->collected < until; f->collected++) {
    const gdi_totals *t = &f->here[f->collected % GDI_RING];
    if (t->sick || (!t->go && !s->o.skip_nonfinite)) {
      out->updated = false;
      out->stopped_at = t->step;
      return tell_nonfinite(t);
    }
    f->told[f->n_told++] = (gd_sync_result){.total = {.loss_sum = t->record[GDI_RECORD_LOSS],
                                                      .weight = t->record[GDI_RECORD_WEIGHT],
                                                      .samples = t->record[GDI_RECORD_SAMPLES],
                                                      .grad_sq = t->record[GDI_RECORD_SQUARE]},
                                            .micro_batches = t->micro_batches,
                                            .grad_norm = t->grad_norm,
                                            .updated = t->go};
  }
  return GD_OK;
}

bool gdi_board_told(gd_sync *s, gd_sync_result *out) {
  gdi_found *f = &s->board->found;
  if (f->taken == f->n_told) return false;
  *out = f->told[f->taken++];
  return true;
}

gd_status gdi_board_drain(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(b->gpu->mark(b->device, GDI_LANE_COMPUTE, b->ready)); /* which every other lane has joined */
  return b->gpu->wait_for(b->device, b->ready);
}

static gd_status ask(gd_sync *s) {
  gdi_board *b = s->board;
  gdi_found *f = &b->found;
  GD_TRY(gdi_onboard_audit_ask(s));
  GD_TRY(b->gpu->fetch(b->device, GDI_LANE_COMPUTE, f->here, f->ring, GDI_RING * sizeof *f->ring));
  GD_TRY(b->gpu->mark(b->device, GDI_LANE_COMPUTE, f->fetched));
  f->asked = f->queued;
  return GD_OK;
}

static gd_status take_answer(gd_sync *s, gd_sync_result *out) {
  const gdi_board *b = s->board;
  const gdi_found *f = &b->found;
  if (!f->started || f->asked == f->collected) return GD_OK;
  GD_TRY(b->gpu->wait_for(b->device, f->fetched));
  return collect(s, f->asked, out);
}

/* Ranks stop together: what one requests or finds sick, and a difference between copies, concern all. */
static gd_status agree(gd_sync *s, gd_status mine, gd_sync_result *out) {
  enum { BITS = 8, STEP = BITS, MOST, LEAST, FIELDS };
  double v[FIELDS];
  if (gd_world_size(s->world) == 1) return mine;
  for (int i = 0; i < BITS; i++) v[i] = out->flags >> i & 1;
  v[STEP] = mine == GD_ERR_NONFINITE ? (double)out->stopped_at : -1;
  GD_TRY(mine == GD_ERR_NONFINITE ? GD_OK : mine);
  v[MOST] = gdi_onboard_audit_total(s), v[LEAST] = -v[MOST];
  GD_TRY(gd_world_allreduce_f64(s->world, v, FIELDS, GD_MAX));
  for (int i = 0; i < BITS; i++) out->flags |= v[i] > 0 ? 1u << i : 0;
  if (mine == GD_OK && v[STEP] >= 0) {
    out->stopped_at = (int64_t)v[STEP];
    return GD_FAIL(GD_ERR_NONFINITE, "another rank met a value that is not finite before step %lld",
                   (long long)out->stopped_at);
  }
  return mine == GD_OK && v[MOST] != -v[LEAST] ? gdi_onboard_audit_find(s) : mine;
}

/* Every GDI_LAG steps: take the answer to the last question, which has long arrived, and ask the next one. */
gd_status gdi_board_queued(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) {
  gdi_found *f = &s->board->found;
  const bool alone = gd_world_size(s->world) == 1;
  if (!f->started) f->asked = f->collected = step->step;
  f->started = true;
  f->n_told = f->taken = 0;
  f->queued = step->step + 1;
  GD_TRY(gdi_onboard_audit_step(s, step->step));
  out->flags = alone || f->queued % GDI_LAG == 0 ? step->flags : 0;
  if (f->queued % GDI_LAG != 0) return GD_OK;
  GD_TRY(agree(s, take_answer(s, out), out));
  return ask(s);
}

gd_status gdi_board_settle(gd_sync *s, gd_sync_result *out) {
  gdi_found *f = &s->board->found;
  f->n_told = f->taken = 0;
  gd_status st = take_answer(s, out);
  if (st == GD_OK && f->started && f->collected < f->queued) {
    st = ask(s);
    if (st == GD_OK) st = take_answer(s, out);
  }
  return agree(s, st, out);
}

gd_status gdi_board_healthy(gd_sync *s) {
  gdi_board *b = s->board;
  gdi_totals now;
  GD_TRY(b->device->download(b->device, &now, b->now, sizeof now));
  s->sick = now.sick;
  return GD_OK;
}
