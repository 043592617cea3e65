/* Gradients on a GPU: the buffers that leaves are computed in, and the tree's sums of them. */
#include "sync/board.h"

#include <stdlib.h>
#include <string.h>

#include "optim/update.h"

/* ---- sums as programs in device memory ---- */

static gd_status put(gdi_board *b, const void *from, size_t bytes, void **out) {
  *out = gd_arena_alloc(b->memory, bytes);
  return *out ? b->device->upload(b->device, *out, from, bytes) : GD_ERR_OOM;
}

/* What sum/sum.h calls terms, seen from element 0 of the run. */
static gd_status put_sum(gd_sync *s, const gdi_sum *from, gdi_gpu_sum *to) {
  const size_t n = (size_t)from->n_terms, ops = (size_t)from->n_ops;
  char **term = malloc(n * sizeof *term);
  uint8_t *add = malloc(ops);
  void *terms, *adds;
  gd_status st = term && add ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a sum of %zu terms", n);
  for (size_t i = 0; st == GD_OK && i < n; i++)
    term[i] = from->term[i].data - from->term[i].first * (int64_t)s->element_bytes;
  for (size_t i = 0; st == GD_OK && i < ops; i++) add[i] = from->add[i];
  if (st == GD_OK) st = put(s->board, term, n * sizeof *term, &terms);
  if (st == GD_OK) st = put(s->board, add, ops, &adds);
  if (st == GD_OK) *to = (gdi_gpu_sum){from->n_terms, from->n_ops, terms, adds};
  free(term), free(add);
  return st;
}

static char *buffer(const gd_sync *s, int64_t i) {
  return s->board->gradients + (size_t)i * gd_params_bytes(s->params);
}

static gd_status plan_merges(gd_sync *s, gdi_board_plan *p) {
  const size_t leaves = (size_t)(s->run.hi - s->run.lo) + 1;
  p->merge = calloc(leaves, sizeof *p->merge);
  p->into = calloc(leaves, sizeof *p->into);
  if (!p->merge || !p->into)
    return GD_FAIL(GD_ERR_OOM, "no memory for the sums of %zu micro-batches", leaves);
  for (int64_t k = s->run.lo; s->o.mode == GD_SYNC_ORDERED && k + 1 < s->run.hi; k++) {
    const int into = gdi_merge_terms(s, k, s->board->gradients);
    p->into[k - s->run.lo] = into;
    if (into >= 0) GD_TRY(put_sum(s, &s->merge, &p->merge[k - s->run.lo]));
  }
  return GD_OK;
}

/* The sum of the slice, over the nodes that this rank holds in the end. */
static gd_status plan_sum(gd_sync *s, gdi_board_plan *p) {
  gd_range node[GD_TREE_MAX_COVER + 1] = {{0, s->K}};
  const int n = s->o.mode == GD_SYNC_ORDERED ? gdi_rank_nodes(s->K, 1, 0, node) : 1;
  GD_TRY(gdi_sum_reserve(&s->sum, n));
  s->sum.n_terms = n;
  for (int i = 0; i < n; i++) s->sum.term[i] = (gdi_term){node[i], buffer(s, i), 0};
  gdi_sum_compile(&s->sum, (gd_range){0, s->K});
  return put_sum(s, &s->sum, &p->sum);
}

gd_status gdi_board_plan_for(gd_sync *s, gdi_board_plan **out) {
  gdi_board *b = s->board;
  for (int i = 0; i < b->plans; i++)
    if (b->plan[i].K == s->K) {
      *out = &b->plan[i];
      return GD_OK;
    }
  gdi_board_plan *plan = realloc(b->plan, (size_t)(b->plans + 1) * sizeof *plan);
  if (!plan) return GD_FAIL(GD_ERR_OOM, "no memory for a step of %lld micro-batches", (long long)s->K);
  b->plan = plan;
  gdi_board_plan *p = *out = &plan[b->plans++];
  *p = (gdi_board_plan){.K = s->K};
  GD_TRY(plan_merges(s, p));
  return b->on_board ? plan_sum(s, p) : GD_OK;
}

/* ---- leaves ---- */

void gdi_board_leaf(gd_sync *s, int64_t k) {
  gd_range node[GD_TREE_MAX_COVER];
  if (s->o.mode == GD_SYNC_ALLREDUCE) {
    if (k == s->run.lo) gd_params_bind_grads(s->params, buffer(s, 0)); /* later ones add to it */
    return;
  }
  gd_params_bind_grads(s->params, buffer(s, gd_tree_cover(s->K, (gd_range){s->run.lo, k}, node)));
}

gd_status gdi_board_leaf_done(gd_sync *s, int64_t k) {
  gdi_board *b = s->board;
  gdi_board_plan *p;
  GD_TRY(gdi_board_plan_for(s, &p));
  const gdi_gpu_sum *merge = &p->merge[k - s->run.lo];
  if (merge->n_terms == 0) return GD_OK;
  return b->gpu->tree_sum(b->device, s->dtype, merge, (gd_range){0, s->elements},
                          buffer(s, p->into[k - s->run.lo]));
}

gd_status gd_sync_leaf_queued(gd_sync *s, int64_t k, const gd_loss *loss, int64_t samples) {
  gdi_board *b = s->board;
  if (!b)
    return gd_sync_leaf_done(s, k,
                             &(gd_record){.loss_sum = gd_item(loss->sum),
                                          .weight = gd_item(loss->weight),
                                          .samples = (double)samples});
  GD_TRY(gd_params_finish_grads(s->params));
  GD_TRY(b->gpu->record(b->device, b->records + k * GDI_RECORD, loss->sum, loss->weight, (double)samples));
  return gdi_board_leaf_done(s, k);
}

gd_status gdi_board_input(gd_sync *s, const gd_sync_step *step, const gdi_batch_input *batch) {
  gdi_board *b = s->board;
  gdi_step_input *in = &b->inputs[step->step % GDI_RING];
  const gd_update u = {
      .lr = step->lr, .step = step->step, .grad_scale = 1, .clip_value = s->o.clip_value, .local_rate = 1};
  *in = (gdi_step_input){.step = step->step, .constants = gdi_optim_constants(&s->o.optim, &u)};
  if (batch) in->batch = *batch;
  return b->gpu->send(b->device, GDI_LANE_COMPUTE, b->input, in, sizeof *in);
}

/* ---- staged ---- */

gd_status gdi_board_down(gd_sync *s) {
  gdi_board *b = s->board;
  const size_t run = gd_params_bytes(s->params);
  const int rank = gd_world_rank(s->world);
  gd_range node[GD_TREE_MAX_COVER + 1];
  const int held = s->o.mode == GD_SYNC_ALLREDUCE ? s->run.lo < s->run.hi
                                                  : gdi_rank_nodes(s->K, gd_world_size(s->world), rank, node);
  for (int i = 0; i < held; i++) {
    char *to = s->o.mode == GD_SYNC_ALLREDUCE ? s->gradient_memory.data : gdi_buffer(s, rank, i);
    GD_TRY(b->gpu->fetch(b->device, GDI_LANE_COMPUTE, to, buffer(s, i), run));
  }
  const size_t first = (size_t)(s->run.lo * GDI_RECORD), n = (size_t)((s->run.hi - s->run.lo) * GDI_RECORD);
  if (n == 0) return GD_OK;
  return b->gpu->fetch(b->device, GDI_LANE_COMPUTE, b->records_here + first, b->records + first,
                       n * sizeof(double));
}

gd_status gdi_board_landed(gd_sync *s) {
  gdi_board *b = s->board;
  const size_t first = (size_t)(s->run.lo * GDI_RECORD), n = (size_t)((s->run.hi - s->run.lo) * GDI_RECORD);
  GD_TRY(b->gpu->wait(b->device));
  memcpy(s->record + first, b->records_here + first, n * sizeof(double));
  if (s->exchange && n > 0) gdi_exchange_reach(s, s->run.hi - 1, s->params->n);
  return GD_OK;
}

gd_status gdi_board_up(gd_sync *s) {
  gdi_board *b = s->board;
  return b->gpu->send(b->device, GDI_LANE_COMPUTE, b->params, s->param_memory.data,
                      gd_params_bytes(s->params));
}

/* What goes up, and what this rank sends down: a copy to or from memory that is not pinned stops everything
 * else. */
static gd_status pin_windows(gd_sync *s) {
  gdi_board *b = s->board;
  const bool ordered = s->o.mode == GD_SYNC_ORDERED;
  const int64_t own = gd_world_rank(s->world) -
                      gd_world_group_ranks(s->world, gd_world_group(s->world, gd_world_rank(s->world))).lo;
  const int64_t buffers = ordered ? s->buffers[own + 1] - s->buffers[own] : 1;
  b->pinned_params = s->param_memory.data;
  GD_TRY(b->gpu->pin(b->device, b->pinned_params, gd_params_bytes(s->params)));
  if (buffers == 0) return GD_OK;
  b->pinned_gradients = ordered ? gdi_buffer(s, gd_world_rank(s->world), 0) : (char *)s->gradient_memory.data;
  return b->gpu->pin(b->device, b->pinned_gradients, (size_t)buffers * gd_params_bytes(s->params));
}

/* The windows get the model's values, and the model moves to the GPU's run. */
gd_status gdi_board_lend(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(pin_windows(s));
  GD_TRY(gd_params_bind(s->params, b->params, true));
  if (!s->param_memory.owner) return GD_OK;
  return b->device->download(b->device, s->param_memory.data, b->params, gd_params_bytes(s->params));
}

/* ---- life ---- */

gdi_board *gdi_board_of(const gd_sync *s) {
  return s->board;
}

static gd_status take(gd_arena *a, size_t bytes, void *out) {
  void *memory = gd_arena_alloc(a, bytes);
  memcpy(out, &memory, sizeof memory);
  return memory ? GD_OK : GD_ERR_OOM;
}

static gd_status new_memory(gd_sync *s) {
  gdi_board *b = s->board;
  const size_t run = gd_params_bytes(s->params), records = (size_t)s->o.max_micro_batches * sizeof(gd_record);
  const int64_t buffers =
      s->o.mode == GD_SYNC_ALLREDUCE
          ? 1
          : gdi_buffers_needed(s->o.max_micro_batches, gd_world_size(s->world), gd_world_rank(s->world));
  GD_TRY(gdi_arena_new_over(&b->memory, "GPU", &b->device->memory));
  GD_TRY(gdi_arena_new_over(&b->pinned, "pinned", &b->gpu->pinned));
  GD_TRY(take(b->memory, run, &b->params));
  GD_TRY(take(b->memory, run * (size_t)(buffers ? buffers : 1), &b->gradients));
  GD_TRY(take(b->memory, records, &b->records));
  GD_TRY(take(b->memory, sizeof *b->input, &b->input));
  GD_TRY(take(b->pinned, GDI_RING * sizeof *b->inputs, &b->inputs));
  GD_TRY(b->device->zero(b->device, b->gradients, run * (size_t)(buffers ? buffers : 1)));
  if (b->on_board) return gdi_board_onboard_new(s);
  return take(b->pinned, records, &b->records_here);
}

gd_status gdi_board_new(gd_sync *s) {
  gdi_board *b = s->board = calloc(1, sizeof *b);
  if (!b) return GD_FAIL(GD_ERR_OOM, "no memory for the sync of a GPU");
  b->device = s->params->device;
  b->gpu = b->device->gpu;
  b->on_board = gd_world_size(s->world) == 1 && !s->o.noise_scale;
  return new_memory(s);
}

void gdi_board_free(gd_sync *s) {
  gdi_board *b = s->board;
  if (!b) return;
  b->gpu->mark_free(b->device, b->fetched);
  if (b->pinned_params) b->gpu->unpin(b->device, b->pinned_params);
  if (b->pinned_gradients) b->gpu->unpin(b->device, b->pinned_gradients);
  for (int i = 0; i < b->plans; i++) free(b->plan[i].merge), free(b->plan[i].into);
  free(b->plan);
  gd_arena_free(b->pinned);
  gd_arena_free(b->memory);
  free(b);
  s->board = NULL;
}
