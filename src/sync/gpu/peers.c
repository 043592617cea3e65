/*
 * Between ranks on GPUs, by NCCL, a bucket at a time. Ordered: every rank sends its tree nodes of each share
 * of the bucket to the rank of that share, who adds them in the order of the tree; then the sums of all
 * shares go to everybody.
 */
#include <stdlib.h>

#include "sync/gpu/gpu_sync.h"

/* What a rank adds up of a bucket. */
static gd_range share_of(const gd_sync *s, gd_range bucket, int rank) {
  const gd_range part = gd_share_blocks(bucket.hi - bucket.lo, gd_world_size(s->world), rank);
  return (gd_range){bucket.lo + part.lo, bucket.lo + part.hi};
}

static char *at(const gd_sync *s, int64_t buffer, gd_range r) {
  return gdi_gpu_sync_buffer(s, buffer) + (size_t)r.lo * s->element_bytes;
}

static int nodes_of(const gd_sync *s, int rank) {
  gd_range node[GD_TREE_MAX_COVER + 1];
  return gdi_rank_nodes(s->K, gd_world_size(s->world), rank, node);
}

/* ---- sums of this rank's shares ---- */

/* The nodes of all ranks: this rank's where it made them, the others' where they are received. */
static gd_status put_share(gd_sync *s, const gdi_gpu_plan *p, gd_range share, gdi_gpu_sum *out) {
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  char *next = p->received;
  s->sum.n_operands = 0;
  for (int r = 0; r < size; r++) {
    gd_range node[GD_TREE_MAX_COVER + 1];
    const int n = gdi_rank_nodes(s->K, size, r, node);
    GD_TRY(gdi_sum_reserve(&s->sum, s->sum.n_operands + n));
    for (int i = 0; i < n; i++) {
      const bool own = r == rank;
      s->sum.operand[s->sum.n_operands++] =
          (gdi_operand){node[i], own ? gdi_gpu_sync_buffer(s, i) : next, own ? 0 : share.lo};
      if (!own) next += gdi_bytes_of(s, share);
    }
  }
  gdi_sum_compile(&s->sum, (gd_range){0, s->K});
  return gdi_gpu_sync_put_sum(s, &s->sum, out);
}

gd_status gdi_peers_plan(gd_sync *s, gdi_gpu_plan *p) {
  gdi_gpu_sync *b = s->gpu;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  size_t incoming = 0, largest = 0;
  if (s->o.mode == GD_SYNC_ALLREDUCE) return GD_OK;
  for (int r = 0; r < size; r++) incoming += r == rank ? 0 : (size_t)nodes_of(s, r);
  for (int i = 0; i < b->buckets; i++) {
    const size_t bytes = gdi_bytes_of(s, share_of(s, b->bucket[i].elements, rank));
    if (bytes > largest) largest = bytes;
  }
  p->share = calloc((size_t)b->buckets, sizeof *p->share);
  if (!p->share) return GD_FAIL(GD_ERR_OOM, "no memory for the sums of %d buckets", b->buckets);
  GD_TRY(gdi_gpu_sync_put(b, NULL, incoming * largest, &p->received));
  for (int i = 0; i < b->buckets; i++)
    GD_TRY(put_share(s, p, share_of(s, b->bucket[i].elements, rank), &p->share[i]));
  return GD_OK;
}

/* ---- a bucket ---- */

static gd_status send_nodes(gd_sync *s, gd_range bucket, gdi_stream stream) {
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const int held = nodes_of(s, rank);
  for (int k = 1; k < size; k++) {
    const int to = (rank + k) % size;
    const gd_range r = share_of(s, bucket, to);
    for (int i = 0; i < held && r.lo < r.hi; i++)
      GD_TRY(gdi_nccl_send(s->gpu->nccl, stream, at(s, i, r), gdi_bytes_of(s, r), to));
  }
  return GD_OK;
}

static gd_status receive_nodes(gd_sync *s, gd_range share, char *to, gdi_stream stream) {
  for (int r = 0; r < gd_world_size(s->world); r++) {
    const int n = r == gd_world_rank(s->world) || share.lo == share.hi ? 0 : nodes_of(s, r);
    for (int i = 0; i < n; i++, to += gdi_bytes_of(s, share))
      GD_TRY(gdi_nccl_receive(s->gpu->nccl, stream, to, gdi_bytes_of(s, share), r));
  }
  return GD_OK;
}

static gd_status gather_sums(gd_sync *s, gd_range bucket, gdi_stream stream) {
  gdi_nccl *x = s->gpu->nccl;
  GD_TRY(gdi_nccl_begin(x));
  for (int r = 0; r < gd_world_size(s->world); r++) {
    const gd_range share = share_of(s, bucket, r);
    if (share.lo < share.hi)
      GD_TRY(gdi_nccl_broadcast(x, stream, at(s, 0, share), gdi_bytes_of(s, share), r));
  }
  return gdi_nccl_end(x);
}

/* The sums overwrite this rank's first node: the parts of others are sent, and only it reads its own share. */
gd_status gdi_peers_bucket(gd_sync *s, const gdi_gpu_plan *p, int bucket, gdi_stream stream) {
  gdi_gpu_sync *b = s->gpu;
  const gd_range all = b->bucket[bucket].elements;
  if (s->o.mode == GD_SYNC_ALLREDUCE)
    return gdi_peers_sum(s, at(s, 0, all), all.hi - all.lo, s->dtype, stream);
  if (!b->nccl) return GD_OK;
  const gd_range share = share_of(s, all, gd_world_rank(s->world));
  GD_TRY(gdi_nccl_begin(b->nccl));
  GD_TRY(send_nodes(s, all, stream));
  GD_TRY(receive_nodes(s, share, p->received, stream));
  GD_TRY(gdi_nccl_end(b->nccl));
  GD_TRY(b->gpu->tree_sum(b->device, s->dtype, &p->share[bucket], share, gdi_gpu_sync_buffer(s, 0)));
  return gather_sums(s, all, stream);
}

gd_status gdi_peers_sum(gd_sync *s, void *data, int64_t n, gd_dtype type, gdi_stream stream) {
  return s->gpu->nccl ? gdi_nccl_sum(s->gpu->nccl, stream, data, n, type) : GD_OK;
}
