/*
 * Between ranks on GPUs, by NCCL. Ordered: every rank sends its tree nodes of each slice to the slice's
 * owner, who adds them in the order of the tree and updates; then the new slices go to everybody. So a rank
 * keeps optimizer state for its slice only.
 */
#include "sync/board.h"

static gd_range slice_of(const gd_sync *s, int rank) {
  return gd_share_blocks(s->elements, gd_world_size(s->world), rank);
}

static size_t bytes_of(const gd_sync *s, gd_range r) {
  return (size_t)(r.hi - r.lo) * s->element_bytes;
}

static int nodes_of(const gd_sync *s, int rank) {
  gd_range node[GD_TREE_MAX_COVER + 1];
  return gdi_rank_nodes(s->K, gd_world_size(s->world), rank, node);
}

gd_status gdi_peers_plan(gd_sync *s, gdi_board_plan *p) {
  int incoming = 0;
  for (int r = 0; r < gd_world_size(s->world); r++)
    if (r != gd_world_rank(s->world)) incoming += nodes_of(s, r);
  if (incoming == 0) return GD_OK;
  return gdi_board_put(s->board, NULL, (size_t)incoming * bytes_of(s, s->slice), &p->received);
}

static gd_status send_nodes(gd_sync *s, gdi_lane lane) {
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const int held = nodes_of(s, rank);
  for (int k = 1; k < size; k++) {
    const int owner = (rank + k) % size;
    const gd_range r = slice_of(s, owner);
    for (int i = 0; i < held && r.lo < r.hi; i++)
      GD_TRY(gdi_nccl_send(s->board->nccl, lane, gdi_board_buffer(s, i) + (size_t)r.lo * s->element_bytes,
                           bytes_of(s, r), owner));
  }
  return GD_OK;
}

static gd_status receive_nodes(gd_sync *s, const gdi_board_plan *p, gdi_lane lane) {
  char *to = p->received;
  for (int r = 0; r < gd_world_size(s->world); r++) {
    const int n = r == gd_world_rank(s->world) || s->slice.lo == s->slice.hi ? 0 : nodes_of(s, r);
    for (int i = 0; i < n; i++, to += bytes_of(s, s->slice))
      GD_TRY(gdi_nccl_receive(s->board->nccl, lane, to, bytes_of(s, s->slice), r));
  }
  return GD_OK;
}

gd_status gdi_peers_nodes(gd_sync *s, const gdi_board_plan *p, gdi_lane lane) {
  GD_TRY(gdi_nccl_begin(s->board->nccl));
  GD_TRY(send_nodes(s, lane));
  GD_TRY(receive_nodes(s, p, lane));
  return gdi_nccl_end(s->board->nccl);
}

gd_status gdi_peers_sum(gd_sync *s, void *data, int64_t n, gd_dtype type, gdi_lane lane) {
  return s->board->nccl ? gdi_nccl_sum(s->board->nccl, lane, data, n, type) : GD_OK;
}

gd_status gdi_peers_params(gd_sync *s, gdi_lane lane) {
  gdi_board *b = s->board;
  GD_TRY(gdi_nccl_begin(b->nccl));
  for (int r = 0; r < gd_world_size(s->world); r++) {
    const gd_range slice = slice_of(s, r);
    if (slice.lo == slice.hi) continue;
    GD_TRY(gdi_nccl_broadcast(b->nccl, lane, b->params + (size_t)slice.lo * s->element_bytes,
                              bytes_of(s, slice), r));
  }
  GD_TRY(gdi_nccl_end(b->nccl));
  return b->rounded ? b->gpu->round(b->device) : GD_OK; /* what others have updated, too */
}
