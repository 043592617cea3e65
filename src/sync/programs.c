/* The sums of a step as programs in device memory: what sum.h compiles, for the kernels of device/gpu.h. */
#include <stdlib.h>

#include "sync/board.h"

/* Terms as seen from element 0 of the run. */
static gd_status put_sum(gd_sync *s, const gdi_sum *from, gdi_gpu_sum *to) {
  const size_t n = (size_t)from->n_terms, ops = (size_t)from->n_ops;
  char **term = malloc(n * sizeof *term);
  uint8_t *add = malloc(ops);
  char *const *terms;
  const uint8_t *adds;
  gd_status st = term && add ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a sum of %zu terms", n);
  for (size_t i = 0; st == GD_OK && i < n; i++)
    term[i] = from->term[i].data - from->term[i].first * (int64_t)s->element_bytes;
  for (size_t i = 0; st == GD_OK && i < ops; i++) add[i] = from->add[i];
  if (st == GD_OK) st = gdi_board_put(s->board, term, n * sizeof *term, &terms);
  if (st == GD_OK) st = gdi_board_put(s->board, add, ops, &adds);
  if (st == GD_OK) *to = (gdi_gpu_sum){from->n_terms, from->n_ops, terms, adds};
  free(term), free(add);
  return st;
}

char *gdi_board_buffer(const gd_sync *s, int64_t i) {
  return s->board->gradients + (size_t)i * gd_params_bytes(s->params);
}

gd_status gdi_board_put_single(gd_sync *s, int64_t buffer, gdi_gpu_sum *out) {
  s->merge.n_terms = 1;
  s->merge.term[0] = (gdi_term){{0, 1}, gdi_board_buffer(s, buffer), 0};
  gdi_sum_compile(&s->merge, (gd_range){0, 1});
  return put_sum(s, &s->merge, out);
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

/* The nodes of every rank: this one's where it made them, the others' where they are received. */
static gd_status ordered_terms(gd_sync *s, const gdi_board_plan *p) {
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const size_t slice = (size_t)(s->slice.hi - s->slice.lo) * s->element_bytes;
  char *next = p->received;
  s->sum.n_terms = 0;
  for (int r = 0; r < size; r++) {
    gd_range node[GD_TREE_MAX_COVER + 1];
    const int n = gdi_rank_nodes(s->K, size, r, node);
    GD_TRY(gdi_sum_reserve(&s->sum, s->sum.n_terms + n));
    for (int i = 0; i < n; i++) {
      const bool own = r == rank;
      s->sum.term[s->sum.n_terms++] =
          (gdi_term){node[i], own ? gdi_board_buffer(s, i) : next, own ? 0 : s->slice.lo};
      if (!own) next += slice;
    }
  }
  return GD_OK;
}

static gd_status plan_sum(gd_sync *s, gdi_board_plan *p) {
  if (s->o.mode == GD_SYNC_ALLREDUCE) {
    p->kept = s->board->gradients;
    return gdi_board_put_single(s, 0, &p->sum);
  }
  GD_TRY(gdi_peers_plan(s, p));
  GD_TRY(ordered_terms(s, p));
  gdi_sum_compile(&s->sum, (gd_range){0, s->K});
  p->kept =
      s->sum.term[0].data - s->sum.term[0].first * (int64_t)s->element_bytes; /* nobody else reads it here */
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
