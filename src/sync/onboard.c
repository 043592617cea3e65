/*
 * On board: exchange, sums, norms and update, queued. Where nothing needs norms first, the run goes bucket by
 * bucket, in a lane of its own, while backward is still on its way: the update of a layer costs bandwidth,
 * the products of the next one arithmetic.
 */
#include <math.h>
#include <stdlib.h>

#include "optim/update.h"
#include "sync/board.h"

/* ---- memory ---- */

static gd_status put_segments(gd_sync *s) {
  gdi_gpu_slice *x = &s->board->slice;
  const size_t n = (size_t)s->segments;
  int64_t *first = malloc((n + 1) * sizeof *first);
  int32_t *param = malloc((n + 1) * sizeof *param);
  gd_status st = first && param ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %zu blocks", n);
  for (size_t i = 0; st == GD_OK && i <= n; i++) first[i] = s->segment[i].lo, param[i] = s->segment[i].param;
  if (st == GD_OK) st = gdi_board_put(s->board, first, (n + 1) * sizeof *first, &x->segment);
  if (st == GD_OK) st = gdi_board_put(s->board, param, (n + 1) * sizeof *param, &x->param);
  free(first), free(param);
  return st;
}

/* What norms of all elements need. */
static gd_status new_norms(gd_sync *s) {
  gdi_board *b = s->board;
  b->slice = (gdi_gpu_slice){.dtype = s->dtype,
                             .rule = gdi_optim_rule(&s->o.optim),
                             .elements = {0, s->elements},
                             .w = b->params,
                             .segments = s->segments,
                             .own = {0, s->segments},
                             .norms = s->norms};
  GD_TRY(gdi_board_put(b, NULL, (size_t)(s->segments * s->norms) * sizeof(double), &b->slice.square));
  return put_segments(s);
}

static gd_status new_slice(gd_sync *s) {
  gdi_board *b = s->board;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const gd_range all = {0, s->elements};
  s->slice = s->o.mode == GD_SYNC_ORDERED ? gd_share_blocks(s->elements, size, rank) : all;
  GD_TRY(new_norms(s));
  b->slice.elements = s->slice, b->slice.state_first = s->slice.lo;
  b->slice.own = gdi_segments_of(s, s->slice);
  b->slice.rounded = b->rounded;
  b->clip = (gdi_gpu_clip){.clip_norm = s->o.clip_norm,
                           .trust = s->o.optim.trust,
                           .weight_decay = s->o.optim.weight_decay,
                           .skip_nonfinite = s->o.skip_nonfinite};
  const size_t bytes = (size_t)(s->slice.hi - s->slice.lo) * s->element_bytes;
  for (int i = 0; i < s->n_states; i++) GD_TRY(gdi_board_put(b, NULL, bytes, &b->slice.state[i]));
  if (s->norms == 1) return GD_OK;
  return gdi_board_put(b, NULL, (size_t)s->params->n * sizeof(double), &b->slice.rate);
}

static gd_status new_singles(gd_sync *s) {
  gdi_board *b = s->board;
  b->single = calloc((size_t)b->buffers + 1, sizeof *b->single);
  if (!b->single) return GD_FAIL(GD_ERR_OOM, "no memory for %lld buffers", (long long)b->buffers);
  for (int64_t i = 0; i < b->buffers; i++) GD_TRY(gdi_board_put_single(s, i, &b->single[i]));
  return GD_OK;
}

gd_status gdi_onboard_squares_new(gd_sync *s) {
  GD_TRY(new_norms(s));
  return new_singles(s);
}

gd_status gdi_onboard_new(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(new_slice(s));
  if (s->o.noise_scale) GD_TRY(new_singles(s));
  GD_TRY(gdi_board_put(b, NULL, sizeof *b->now, &b->now));
  GD_TRY(gdi_board_put(b, NULL, GDI_RING * sizeof *b->ring, &b->ring));
  GD_TRY(gdi_buckets_cut(s, &b->bucket, &b->buckets));
  const bool whole = s->o.mode == GD_SYNC_ALLREDUCE || gd_world_size(s->world) == 1;
  b->early = whole && b->buckets > 1 && !s->o.no_overlap && (b->nccl || !s->two_pass);
  GD_TRY(b->gpu->mark_new(b->device, &b->fetched));
  GD_TRY(b->gpu->mark_new(b->device, &b->ready));
  return b->gpu->mark_new(b->device, &b->joined);
}

/* ---- a step ---- */

/* What follows gradients runs here; the compute lane joins it in the end. */
static gdi_lane lane_of(const gdi_board *b) {
  return b->early ? GDI_LANE_EXCHANGE : GDI_LANE_COMPUTE;
}

/* The exchange lane goes on when what the compute lane has queued so far is done, and the gradients beside
 * it. */
static gd_status follow_compute(gdi_board *b) {
  if (!b->early) return GD_OK;
  GD_TRY(b->gpu->mark(b->device, GDI_LANE_COMPUTE, b->ready));
  GD_TRY(b->gpu->after(b->device, GDI_LANE_EXCHANGE, b->ready));
  return b->gpu->gradients(b->device, GDI_LANE_EXCHANGE);
}

gd_status gdi_onboard_square(gd_sync *s, int64_t k, int held) {
  gdi_board *b = s->board;
  gdi_gpu_slice whole = b->slice;
  whole.elements = (gd_range){0, s->elements}, whole.own = (gd_range){0, s->segments};
  whole.kept = gdi_board_buffer(s, held);
  GD_TRY(b->gpu->sum_and_square(b->device, &whole, &b->single[held]));
  return b->gpu->record_square(b->device, &whole, b->records + k * GDI_RECORD);
}

gd_status gdi_onboard_total(gd_sync *s) {
  gdi_board *b = s->board;
  b->totalled = true;
  GD_TRY(follow_compute(b));
  GD_TRY(gdi_peers_sum(s, b->records, s->K * GDI_RECORD, GD_F64, lane_of(b)));
  b->gpu->use(b->device, lane_of(b));
  gd_status st =
      b->gpu->totals(b->device, b->records, s->K, b->input, s->o.skip_nonfinite, b->now, b->ring, GDI_RING);
  b->gpu->use(b->device, GDI_LANE_COMPUTE);
  return st;
}

gd_status gdi_onboard_only(gd_sync *s, const gd_loss *loss, int64_t samples) {
  gdi_board *b = s->board;
  b->totalled = true;
  return b->gpu->record_only(b->device, b->records, loss->sum, loss->weight, (double)samples, b->input,
                             s->o.skip_nonfinite, b->now, b->ring, GDI_RING);
}

/* Elements of the slice, in the lane: all that there is to do when no norms are needed. */
static gd_status update(gd_sync *s, const gdi_board_plan *p, gd_range r) {
  gdi_board *b = s->board;
  gdi_gpu_slice part = b->slice;
  part.elements = r;
  part.kept = p->kept;
  b->gpu->use(b->device, lane_of(b));
  gd_status st = b->gpu->update(b->device, &part, s->two_pass ? NULL : &p->sum, b->input, b->now);
  b->gpu->use(b->device, GDI_LANE_COMPUTE);
  return st;
}

/* Buckets that the first `params` parameters of the run complete. */
static gd_status pass_buckets(gd_sync *s, int params) {
  gdi_board *b = s->board;
  gdi_board_plan *p;
  if (b->done == b->buckets || b->bucket[b->done].params > params) return GD_OK;
  GD_TRY(gdi_board_plan_for(s, &p));
  GD_TRY(follow_compute(b));
  for (; b->done < b->buckets && b->bucket[b->done].params <= params; b->done++) {
    const gd_range r = b->bucket[b->done].elements;
    char *gradients = b->gradients + (size_t)r.lo * s->element_bytes;
    if (s->o.mode == GD_SYNC_ALLREDUCE)
      GD_TRY(gdi_peers_sum(s, gradients, r.hi - r.lo, s->dtype, lane_of(b)));
    if (!s->two_pass) GD_TRY(update(s, p, r));
  }
  return GD_OK;
}

/* A layer's weights may still be read by the products that follow in its backward: one hook late is soon
 * enough. */
void gdi_onboard_ready(void *sync, gd_tensor *leaf) {
  gd_sync *s = sync;
  if (!s->last_leaf || !s->board->totalled) return;
  const int safe = s->front;
  gdi_early_finish(s, leaf);
  gd_status st = pass_buckets(s, safe);
  if (s->failed == GD_OK) s->failed = st;
}

/* Norms of the slice, then of all of them, then the update. */
static gd_status update_in_two_passes(gd_sync *s, const gdi_board_plan *p) {
  gdi_board *b = s->board;
  gdi_gpu_slice slice = b->slice;
  slice.kept = p->kept;
  b->gpu->use(b->device, lane_of(b));
  gd_status st = GD_OK;
  const bool shared = b->nccl && s->o.mode == GD_SYNC_ORDERED;
  if (shared)
    st = b->device->zero(b->device, slice.square, (size_t)(s->segments * s->norms) * sizeof(double));
  if (st == GD_OK) st = b->gpu->sum_and_square(b->device, &slice, &p->sum);
  if (st == GD_OK && shared) st = gdi_peers_sum(s, slice.square, s->segments * s->norms, GD_F64, lane_of(b));
  if (st == GD_OK) st = b->gpu->norms(b->device, &slice, &b->clip, b->input, b->now, b->ring, GDI_RING);
  b->gpu->use(b->device, GDI_LANE_COMPUTE);
  return st == GD_OK ? update(s, p, s->slice) : st;
}

/* A rank without micro-batches takes part with zeros. */
static gd_status bring_nothing(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(b->device->zero(b->device, b->records, (size_t)s->K * sizeof(gd_record)));
  return s->o.mode == GD_SYNC_ALLREDUCE ? b->device->zero(b->device, b->gradients, gd_params_bytes(s->params))
                                        : GD_OK;
}

gd_status gdi_onboard_update(gd_sync *s) {
  gdi_board *b = s->board;
  gdi_board_plan *p;
  GD_TRY(s->failed);
  GD_TRY(gdi_board_plan_for(s, &p));
  if (s->run.lo == s->run.hi) GD_TRY(bring_nothing(s));
  if (!b->totalled) GD_TRY(gdi_onboard_total(s));
  const bool whole = s->o.mode == GD_SYNC_ALLREDUCE || gd_world_size(s->world) == 1;
  if (whole) {
    GD_TRY(pass_buckets(s, s->params->n));
  } else {
    GD_TRY(gdi_peers_nodes(s, p, lane_of(b)));
  }
  if (s->two_pass)
    GD_TRY(update_in_two_passes(s, p));
  else if (!whole)
    GD_TRY(update(s, p, s->slice));
  if (!whole) GD_TRY(gdi_peers_params(s, lane_of(b)));
  if (!b->early) return GD_OK;
  GD_TRY(b->gpu->mark(b->device, GDI_LANE_EXCHANGE, b->joined));
  return b->gpu->after(b->device, GDI_LANE_COMPUTE, b->joined);
}
