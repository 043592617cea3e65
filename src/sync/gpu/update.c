/*
 * Resident: exchange, sums, norms and update, queued. The run goes bucket by bucket, in a stream of its own,
 * while backward is still on its way: the update of a layer costs bandwidth, the products of the next one
 * arithmetic. Where the update needs norms first, a bucket goes only as far as its squares, and the rest
 * follows backward.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/update.h"
#include "sync/gpu/gpu_sync.h"

/* ---- memory ---- */

static gd_status put_segments(gd_sync *s) {
  gdi_gpu_slice *x = &s->gpu->slice;
  const gdi_segment *at = s->segments.at;
  const size_t n = (size_t)s->segments.n;
  int64_t *first = malloc((n + 1) * sizeof *first);
  int32_t *param = malloc((n + 1) * sizeof *param);
  gd_status st = first && param ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %zu blocks", n);
  for (size_t i = 0; st == GD_OK && i <= n; i++) first[i] = at[i].lo, param[i] = at[i].param;
  if (st == GD_OK) st = gdi_gpu_sync_put(s->gpu, first, (n + 1) * sizeof *first, &x->segment);
  if (st == GD_OK) st = gdi_gpu_sync_put(s->gpu, param, (n + 1) * sizeof *param, &x->param);
  free(first), free(param);
  return st;
}

/* What norms of all elements need. */
static gd_status new_norms(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  const gdi_segments *x = &s->segments;
  b->slice = (gdi_gpu_slice){.dtype = s->dtype,
                             .rule = gdi_optim_rule(&s->o.optim),
                             .elements = {0, s->params->trained},
                             .w = b->params,
                             .segments = x->n,
                             .trained = x->trained,
                             .own = {0, x->trained},
                             .norms = x->norms,
                             .kept = b->gradients};
  GD_TRY(gdi_gpu_sync_put(b, NULL, (size_t)(x->n * x->norms) * sizeof(double), &b->slice.square));
  return put_segments(s);
}

/* Which constants each parameter takes, where they differ. */
static gd_status put_settings(gd_sync *s) {
  const gd_params *p = s->params;
  _Static_assert((int)GDI_MAX_CONSTANTS == (int)GD_MAX_PARAM_SETTINGS, "a setting has its constants");
  if (p->n_settings == 1) return GD_OK;
  int32_t *setting = malloc((size_t)p->n_trained * sizeof *setting);
  if (!setting) return GD_FAIL(GD_ERR_OOM, "no memory for the settings of %d parameters", p->n_trained);
  for (int i = 0; i < p->n_trained; i++) setting[i] = p->setting_of[i];
  gd_status st =
      gdi_gpu_sync_put(s->gpu, setting, (size_t)p->n_trained * sizeof *setting, &s->gpu->slice.setting);
  free(setting);
  return st;
}

static gd_status new_update(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  GD_TRY(new_norms(s));
  b->slice.rounded = b->rounded;
  b->clip = (gdi_gpu_clip){
      .clip_norm = s->o.clip_norm, .trust = s->o.optim.trust, .skip_nonfinite = s->o.skip_nonfinite};
  for (int i = 0; i < s->n_states; i++)
    GD_TRY(gdi_gpu_sync_put(b, NULL, gd_params_bytes(s->params), &b->slice.state[i]));
  GD_TRY(put_settings(s));
  if (s->segments.norms == 1) return GD_OK;
  return gdi_gpu_sync_put(b, NULL, (size_t)s->params->n * sizeof(double), &b->slice.rate);
}

/* As gradient descent of its own: rates are momenta, and the scale is per sample. */
static gd_status new_statistics(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  const int average = gd_optim_average_state(&s->o.optim);
  b->statistics = b->slice;
  b->statistics.rule = GDI_RULE_plain;
  b->statistics.elements = (gd_range){s->params->trained, s->elements};
  b->statistics.own = (gd_range){s->segments.trained, s->segments.n};
  b->statistics.statistics = true;
  b->statistics.setting = NULL;
  memset(b->statistics.state, 0, sizeof b->statistics.state);
  if (average >= 0) b->statistics.state[0] = b->slice.state[average]; /* the rule has no states before it */
  if (s->params->trained == s->elements) return GD_OK;
  return gdi_gpu_sync_put(b, s->segments.rate, (size_t)s->params->n * sizeof(double), &b->statistics.rate);
}

static gd_status new_singles(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  b->single = calloc((size_t)b->buffers + 1, sizeof *b->single);
  if (!b->single) return GD_FAIL(GD_ERR_OOM, "no memory for %lld buffers", (long long)b->buffers);
  for (int64_t i = 0; i < b->buffers; i++) GD_TRY(gdi_gpu_sync_put_single(s, i, &b->single[i]));
  return GD_OK;
}

gd_status gdi_resident_squares_new(gd_sync *s) {
  GD_TRY(new_norms(s));
  return new_singles(s);
}

gd_status gdi_resident_new(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  GD_TRY(new_update(s));
  GD_TRY(new_statistics(s));
  if (s->o.noise_scale) GD_TRY(new_singles(s));
  GD_TRY(gdi_gpu_sync_put(b, NULL, sizeof *b->now, &b->now));
  GD_TRY(gdi_step_results_new(b));
  GD_TRY(gdi_resident_audit_new(s));
  GD_TRY(gdi_buckets_cut(s, &b->bucket, &b->buckets));
  b->early = b->buckets > 1 && !s->o.no_overlap && !b->single; /* those square a whole gradient first */
  return GD_OK;
}

/* ---- a step ---- */

gd_status gdi_resident_square(gd_sync *s, int64_t k) {
  gdi_gpu_sync *b = s->gpu;
  const int buffer = gdi_micro_batch_buffer(s, k);
  gdi_gpu_slice leaf = b->slice;
  leaf.kept = gdi_gpu_sync_buffer(s, buffer);
  GD_TRY(b->gpu->sum_and_square(b->device, &leaf, &b->single[buffer]));
  return b->gpu->record_square(b->device, &leaf, b->records + k * GDI_RECORD);
}

gd_status gdi_resident_total(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  b->totalled = true;
  GD_TRY(gdi_gpu_sync_follow(b));
  GD_TRY(gdi_peers_sum(s, b->records, s->K * GDI_RECORD, GD_F64, GDI_STREAM_EXCHANGE));
  b->gpu->use(b->device, GDI_STREAM_EXCHANGE);
  gd_status st = b->gpu->totals(b->device, b->records, s->K, b->input, s->o.skip_nonfinite, b->now,
                                b->results.ring, GDI_RING);
  b->gpu->use(b->device, GDI_STREAM_COMPUTE);
  return st;
}

gd_status gdi_resident_single(gd_sync *s, const gd_loss *loss, int64_t samples) {
  gdi_gpu_sync *b = s->gpu;
  b->totalled = true;
  GD_TRY(gdi_gpu_sync_follow(b));
  b->gpu->use(b->device, GDI_STREAM_EXCHANGE);
  gd_status st = b->gpu->record_only(b->device, b->records, loss->sum, loss->weight, (double)samples,
                                     b->input, s->o.skip_nonfinite, b->now, b->results.ring, GDI_RING);
  b->gpu->use(b->device, GDI_STREAM_COMPUTE);
  return st;
}

/* How many segments are complete when all elements before this one are. */
static int64_t segments_before(const gd_sync *s, int64_t element) {
  return gdi_segments_in(s->segments.at, s->segments.n + 1, (gd_range){0, element + 1}).hi - 1;
}

/* The elements of a slice that lie in r: what of the sums can follow at once. */
static gd_status pass_part(gd_sync *s, const gdi_gpu_plan *p, const gdi_gpu_slice *slice, gd_range r,
                           bool beside) {
  gdi_gpu_sync *b = s->gpu;
  gdi_gpu_slice part = *slice;
  if (part.elements.lo < r.lo) part.elements.lo = r.lo;
  if (part.elements.hi > r.hi) part.elements.hi = r.hi;
  if (part.elements.lo >= part.elements.hi) return GD_OK;
  part.own = (gd_range){segments_before(s, part.elements.lo), segments_before(s, part.elements.hi)};
  part.beside = beside;
  return s->two_pass ? b->gpu->sum_and_square(b->device, &part, &p->sum)
                     : b->gpu->update(b->device, &part, &p->sum, b->input, b->now);
}

/*
 * In the stream: a bucket's sums, and what can follow at once: its update, or its squares where norms come first.
 * `beside`: products of backward go on meanwhile.
 */
static gd_status pass_bucket(gd_sync *s, const gdi_gpu_plan *p, int bucket, bool beside) {
  gdi_gpu_sync *b = s->gpu;
  const gd_range r = b->bucket[bucket].elements;
  GD_TRY(gdi_peers_bucket(s, p, bucket, GDI_STREAM_EXCHANGE));
  GD_TRY(pass_part(s, p, &b->slice, r, beside));
  return pass_part(s, p, &b->statistics, r, beside);
}

/* Buckets that the first `params` parameters of the run complete. */
static gd_status pass_buckets(gd_sync *s, int params, bool beside) {
  gdi_gpu_sync *b = s->gpu;
  gdi_gpu_plan *p;
  if (b->passed == b->buckets || b->bucket[b->passed].params > params) return GD_OK;
  GD_TRY(gdi_gpu_plan_for(s, &p));
  GD_TRY(gdi_gpu_sync_follow(b));
  b->gpu->use(b->device, GDI_STREAM_EXCHANGE);
  gd_status st = GD_OK;
  for (; st == GD_OK && b->passed < b->buckets && b->bucket[b->passed].params <= params; b->passed++)
    st = pass_bucket(s, p, b->passed, beside);
  b->gpu->use(b->device, GDI_STREAM_COMPUTE);
  return st;
}

/* A gradient on a GPU is announced only when all work of its kernel is queued, so what reads this layer's
 * weights in backward is queued too, and the exchange stream, which may update them, comes after it. */
void gdi_resident_ready(void *sync, gd_tensor *leaf) {
  gd_sync *s = sync;
  if (!s->early.last_micro_batch || !s->gpu->totalled) return;
  gdi_grad_ready_finish(s, leaf);
  gd_status st = pass_buckets(s, s->early.front, s->early.front < s->params->n);
  if (s->failed == GD_OK) s->failed = st;
}

/* The rest where norms come first: all segments are squared. */
static gd_status update_in_two_passes(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  b->gpu->use(b->device, GDI_STREAM_EXCHANGE);
  gd_status st = b->gpu->norms(b->device, &b->slice, &b->clip, b->input, b->now, b->results.ring, GDI_RING);
  if (st == GD_OK) st = b->gpu->update(b->device, &b->slice, NULL, b->input, b->now);
  if (st == GD_OK && b->statistics.elements.lo < b->statistics.elements.hi)
    st = b->gpu->update(b->device, &b->statistics, NULL, b->input, b->now);
  b->gpu->use(b->device, GDI_STREAM_COMPUTE);
  return st;
}

/* A rank without micro-batches takes part with zeros. */
static gd_status bring_nothing(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  GD_TRY(b->device->zero(b->device, b->records, (size_t)s->K * sizeof(gd_step_stats)));
  return s->o.mode == GD_SYNC_ALLREDUCE ? b->device->zero(b->device, b->gradients, gd_params_bytes(s->params))
                                        : GD_OK;
}

gd_status gdi_resident_update(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  GD_TRY(s->failed);
  if (s->run.lo == s->run.hi) GD_TRY(bring_nothing(s));
  if (!b->totalled) GD_TRY(gdi_resident_total(s));
  GD_TRY(pass_buckets(s, s->params->n, false));
  if (s->two_pass) GD_TRY(update_in_two_passes(s));
  return gdi_gpu_sync_join(b);
}
