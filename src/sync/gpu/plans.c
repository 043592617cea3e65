/* The sums of a step as programs in device memory: what sum.h compiles, for the kernels of device/gpu.h. */
#include <stdlib.h>

#include "sync/gpu/gpu_sync.h"

/* Terms as seen from element 0 of the run. */
gd_status gdi_gpu_sync_put_sum(gd_sync *s, const gdi_sum *from, gdi_gpu_sum *to) {
  const size_t n = (size_t)from->n_operands, ops = (size_t)from->n_ops;
  char **operand = malloc(n * sizeof *operand);
  uint8_t *add = malloc(ops);
  char *const *operands;
  const uint8_t *adds;
  gd_status st = operand && add ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a sum of %zu operands", n);
  for (size_t i = 0; st == GD_OK && i < n; i++)
    operand[i] = from->operand[i].data - from->operand[i].first * (int64_t)s->element_bytes;
  for (size_t i = 0; st == GD_OK && i < ops; i++) add[i] = from->add[i];
  if (st == GD_OK) st = gdi_gpu_sync_put(s->gpu, operand, n * sizeof *operand, &operands);
  if (st == GD_OK) st = gdi_gpu_sync_put(s->gpu, add, ops, &adds);
  if (st == GD_OK) *to = (gdi_gpu_sum){from->n_operands, from->n_ops, operands, adds};
  free(operand), free(add);
  return st;
}

char *gdi_gpu_sync_buffer(const gd_sync *s, int64_t i) {
  return s->gpu->gradients + (size_t)i * gd_params_bytes(s->params);
}

gd_status gdi_gpu_sync_put_single(gd_sync *s, int64_t buffer, gdi_gpu_sum *out) {
  s->merge.n_operands = 1;
  s->merge.operand[0] = (gdi_operand){{0, 1}, gdi_gpu_sync_buffer(s, buffer), 0};
  gdi_sum_compile(&s->merge, (gd_range){0, 1});
  return gdi_gpu_sync_put_sum(s, &s->merge, out);
}

static gd_status plan_merges(gd_sync *s, gdi_gpu_plan *p) {
  const size_t leaves = (size_t)(s->run.hi - s->run.lo) + 1;
  p->merge = calloc(leaves, sizeof *p->merge);
  p->into = calloc(leaves, sizeof *p->into);
  if (!p->merge || !p->into)
    return GD_FAIL(GD_ERR_OOM, "no memory for the sums of %zu micro-batches", leaves);
  for (int64_t k = s->run.lo; s->o.mode == GD_SYNC_ORDERED && k + 1 < s->run.hi; k++) {
    const int into = gdi_merge_operands(s, k, s->gpu->gradients);
    p->into[k - s->run.lo] = into;
    if (into >= 0) GD_TRY(gdi_gpu_sync_put_sum(s, &s->merge, &p->merge[k - s->run.lo]));
  }
  return GD_OK;
}

/* One rank alone adds its nodes. Between ranks the sums are already in the first buffer: see peers.c. */
static gd_status plan_sum(gd_sync *s, gdi_gpu_plan *p) {
  gd_range node[GD_TREE_MAX_COVER + 1];
  if (s->gpu->nccl || s->o.mode == GD_SYNC_ALLREDUCE) {
    GD_TRY(gdi_peers_plan(s, p));
    return gdi_gpu_sync_put_single(s, 0, &p->sum);
  }
  s->sum.n_operands = gdi_rank_nodes(s->K, 1, 0, node);
  GD_TRY(gdi_sum_reserve(&s->sum, s->sum.n_operands));
  for (int i = 0; i < s->sum.n_operands; i++)
    s->sum.operand[i] = (gdi_operand){node[i], gdi_gpu_sync_buffer(s, i), 0};
  gdi_sum_compile(&s->sum, (gd_range){0, s->K});
  return gdi_gpu_sync_put_sum(s, &s->sum, &p->sum);
}

gd_status gdi_gpu_plan_for(gd_sync *s, gdi_gpu_plan **out) {
  gdi_gpu_sync *b = s->gpu;
  for (int i = 0; i < b->plans; i++)
    if (b->plan[i].K == s->K) {
      *out = &b->plan[i];
      return GD_OK;
    }
  gdi_gpu_plan *plan = realloc(b->plan, (size_t)(b->plans + 1) * sizeof *plan);
  if (!plan) return GD_FAIL(GD_ERR_OOM, "no memory for a step of %lld micro-batches", (long long)s->K);
  b->plan = plan;
  gdi_gpu_plan *p = *out = &plan[b->plans++];
  *p = (gdi_gpu_plan){.K = s->K};
  GD_TRY(plan_merges(s, p));
  return b->resident ? plan_sum(s, p) : GD_OK;
}
