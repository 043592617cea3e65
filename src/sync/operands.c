/* Which nodes of the tree lie where, once all micro-batches of a step are done. */
#include "sync/sync.h"

/*
 * A rank adds siblings as they come, except after its last micro-batch: the update reads every buffer once
 * anyway and adds them on the way. So what it holds is the nodes before the last micro-batch, and that leaf.
 */
int gdi_rank_nodes(int64_t K, int ranks, int rank, gd_range node[GD_TREE_MAX_COVER + 1]) {
  gd_range run = gd_share(K, ranks, rank);
  if (run.lo == run.hi) return 0;
  int n = gd_tree_cover(K, (gd_range){run.lo, run.hi - 1}, node);
  node[n] = (gd_range){run.hi - 1, run.hi};
  return n + 1;
}

/* One for each node that is held before it; an all-reduce adds all leaves to the first. */
int gdi_micro_batch_buffer(const gd_sync *s, int64_t k) {
  gd_range node[GD_TREE_MAX_COVER];
  return s->o.mode == GD_SYNC_ALLREDUCE ? 0 : gd_tree_cover(s->K, (gd_range){s->run.lo, k}, node);
}

gd_range gdi_group_run(const gd_sync *s, int group) {
  const int size = gd_world_size(s->world);
  const gd_range ranks = gd_world_group_ranks(s->world, group);
  return (gd_range){gd_share(s->K, size, ranks.lo).lo, gd_share(s->K, size, ranks.hi - 1).hi};
}

/* The slice's sum: this group's nodes where their ranks made them, the others' where they are received. */
gd_status gdi_operands(gd_sync *s) {
  if (s->compiled == s->K) return GD_OK;
  s->compiled = 0;
  if (s->exchange) GD_TRY(gdi_exchange_compile(s));
  const int own = gd_world_group(s->world, gd_world_rank(s->world));
  s->sum.n_operands = 0;
  for (int g = 0; g < gd_world_groups(s->world); g++) {
    const gd_range ranks = gd_world_group_ranks(s->world, g);
    if (g != own) {
      GD_TRY(gdi_sum_reserve(&s->sum, s->sum.n_operands + GD_TREE_MAX_COVER));
      s->sum.n_operands += gdi_exchange_operands(s, g, s->sum.operand + s->sum.n_operands);
      continue;
    }
    for (int64_t r = ranks.lo; r < ranks.hi; r++) {
      gd_range node[GD_TREE_MAX_COVER + 1];
      int n = gdi_rank_nodes(s->K, gd_world_size(s->world), (int)r, node);
      GD_TRY(gdi_sum_reserve(&s->sum, s->sum.n_operands + n));
      for (int i = 0; i < n; i++)
        s->sum.operand[s->sum.n_operands++] = (gdi_operand){node[i], gdi_buffer(s, (int)r, i), 0};
    }
  }
  gdi_sum_compile(&s->sum, (gd_range){0, s->K});
  s->compiled = s->K;
  return GD_OK;
}

int gdi_merge_operands(gd_sync *s, int64_t k, char *buffers) {
  gd_range node[GD_TREE_MAX_COVER + 1], after[GD_TREE_MAX_COVER];
  const int held = gd_tree_cover(s->K, (gd_range){s->run.lo, k}, node);
  const int lowest = gd_tree_cover(s->K, (gd_range){s->run.lo, k + 1}, after) - 1;
  if (lowest == held) return -1;
  node[held] = (gd_range){k, k + 1};
  s->merge.n_operands = 0;
  for (int i = lowest; i <= held; i++)
    s->merge.operand[s->merge.n_operands++] =
        (gdi_operand){node[i], buffers + (size_t)i * gd_params_bytes(s->params), 0};
  gdi_sum_compile(&s->merge, after[lowest]);
  return lowest;
}
