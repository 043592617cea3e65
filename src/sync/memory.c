/* Where parameters, optimizer state and gradients lie: in windows of the group when ordered, else in own
 * memory. */
#include <stdlib.h>
#include <string.h>

#include "sync/sync.h"

/* The most nodes that a rank holds while it computes a leaf of [lo, hi): those to the left of it, in
 * its run. */
static int most_held(int64_t lo, int64_t hi, gd_range run) {
  if (hi <= run.lo || run.hi <= lo || hi - lo == 1) return 0;
  const int64_t mid = gd_tree_mid(lo, hi);
  if (run.hi <= mid) return most_held(lo, mid, run);
  if (mid <= run.lo) return most_held(mid, hi, run);
  gd_range node[GD_TREE_MAX_COVER];
  const int left = gd_tree_cover(mid - lo, (gd_range){run.lo > lo ? run.lo - lo : 0, mid - lo}, node);
  const int right = left + most_held(mid, hi, run);
  if (run.lo > lo) {
    const int before = most_held(lo, mid, run);
    return before > right ? before : right;
  }
  int whole = 0; /* the left child is whole, a power of two: each halving holds one more */
  while (((int64_t)1 << whole) < mid - lo) whole++;
  return whole > right ? whole : right;
}

int64_t gdi_buffers_needed(int64_t max_K, int ranks, int rank) {
  int64_t most = 0;
  for (int64_t K = 1; K <= max_K; K++) {
    const gd_range run = gd_share(K, ranks, rank);
    if (run.lo == run.hi) continue;
    const int64_t n = 1 + most_held(0, K, run);
    if (n > most) most = n;
  }
  return most;
}

gd_range gdi_slice_of(const gd_sync *s, int rank) {
  if (s->o.mode == GD_SYNC_ALLREDUCE) return (gd_range){0, s->elements};
  if (!s->replicated) return gd_share_blocks(s->elements, gd_world_size(s->world), rank);
  const gd_range ranks = gd_world_group_ranks(s->world, gd_world_group(s->world, rank));
  return gd_share_blocks(s->elements, ranks.hi - ranks.lo, rank - ranks.lo);
}

gd_range gdi_extent_of(const gd_sync *s, int group) {
  const gd_range ranks = gd_world_group_ranks(s->world, group);
  return (gd_range){gdi_slice_of(s, (int)ranks.lo).lo, gdi_slice_of(s, (int)ranks.hi - 1).hi};
}

/*
 * Messages up to its eager limit (64 KB over TCP) Open MPI sends at once; larger ones wait until the other
 * side has looked, twice, and it looks between pieces of work only. From 4 ranks on its all-reduce sends a
 * bucket in one part a rank. In whole blocks, because pieces are updated one by one.
 */
int64_t gdi_bucket_elements(const gd_sync *s) {
  static const size_t default_bytes = 48 << 10;
  const size_t size = (size_t)gd_world_size(s->world);
  const size_t parts = s->o.mode == GD_SYNC_ALLREDUCE && size >= 4 ? size : 1;
  const size_t bytes = s->o.bucket_bytes ? s->o.bucket_bytes : parts * default_bytes;
  const int64_t blocks = (int64_t)(bytes / s->element_bytes / GD_BLOCK);
  return (blocks > 0 ? blocks : 1) * GD_BLOCK;
}

int64_t gdi_messages_of(const gd_sync *s, gd_range slice) {
  return (slice.hi - slice.lo + gdi_bucket_elements(s) - 1) / gdi_bucket_elements(s);
}

gd_range gdi_message_of(const gd_sync *s, gd_range slice, int64_t i, int64_t n) {
  gd_range r = {slice.lo + i * gdi_bucket_elements(s), slice.lo + (i + n) * gdi_bucket_elements(s)};
  if (r.hi > slice.hi) r.hi = slice.hi;
  return r;
}

int64_t gdi_messages_a_piece(const gd_sync *s) {
  const int64_t least = 64 * GD_BLOCK, message = gdi_bucket_elements(s);
  return (least + message - 1) / message;
}

int gdi_pieces(const gd_sync *s) {
  const int64_t each = gdi_messages_a_piece(s);
  return (int)((gdi_messages_of(s, s->slice) + each - 1) / each);
}

gd_range gdi_piece(const gd_sync *s, int piece) {
  const int64_t each = gdi_messages_a_piece(s);
  return gdi_message_of(s, s->slice, piece * each, each);
}

static gd_status count_buffers(gd_sync *s, const gd_range ranks) {
  const int size = gd_world_size(s->world);
  const int rank = gd_world_rank(s->world);
  int64_t *all = calloc((size_t)size, sizeof *all);
  s->buffers = calloc((size_t)(ranks.hi - ranks.lo + 1), sizeof *s->buffers);
  gd_status st = all && s->buffers ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to count buffers");
  if (st == GD_OK) all[rank] = gdi_buffers_needed(s->o.max_micro_batches, size, rank);
  if (st == GD_OK) st = gd_world_allgather(s->world, all, sizeof *all);
  for (int64_t i = 0; st == GD_OK && i < ranks.hi - ranks.lo; i++)
    s->buffers[i + 1] = s->buffers[i] + all[ranks.lo + i];
  free(all);
  return st;
}

/* In pages of its own: CUDA pins pages, each once. */
gd_status gdi_private_new(gd_shared *m, size_t bytes) {
  enum { PAGE = 4096 };
  bytes = (bytes + PAGE - 1) / PAGE * PAGE;
  *m = (gd_shared){aligned_alloc(PAGE, bytes ? bytes : PAGE), bytes, true};
  if (!m->data) return GD_FAIL(GD_ERR_OOM, "no %zu bytes of memory for gradients and optimizer state", bytes);
  memset(m->data, 0, bytes);
  return GD_OK;
}

void gdi_private_free(gd_shared *m) {
  free(m->data);
  *m = (gd_shared){0};
}

gd_status gdi_window_new(gd_sync *s, gd_shared *m, size_t bytes) {
  return s->o.mode == GD_SYNC_ALLREDUCE ? gdi_private_new(m, bytes) : gd_shared_new(s->world, m, bytes);
}

gd_status gdi_memory_new(gd_sync *s) {
  const int rank = gd_world_rank(s->world), group = gd_world_group(s->world, rank);
  const gd_range ranks = gd_world_group_ranks(s->world, group);
  const bool ordered = s->o.mode == GD_SYNC_ORDERED;
  const size_t run = gd_params_bytes(s->params), states = (size_t)s->n_states * s->element_bytes;
  s->slice = gdi_slice_of(s, rank);
  s->group = gdi_extent_of(s, group);
  if (ordered) GD_TRY(count_buffers(s, ranks));
  GD_TRY(gdi_window_new(s, &s->param_memory, run));
  GD_TRY(gdi_window_new(s, &s->state_memory, states * (size_t)(s->group.hi - s->group.lo)));
  return gdi_window_new(s, &s->gradient_memory,
                        run * (size_t)(ordered ? s->buffers[ranks.hi - ranks.lo] : 1));
}

void gdi_window_free(gd_sync *s, gd_shared *m) {
  if (s->o.mode == GD_SYNC_ORDERED) {
    gd_shared_free(s->world, m);
  } else {
    gdi_private_free(m);
  }
}

void gdi_memory_free(gd_sync *s) {
  gdi_window_free(s, &s->param_memory);
  gdi_window_free(s, &s->state_memory);
  gdi_window_free(s, &s->gradient_memory);
  free(s->buffers);
}

char *gdi_buffer(const gd_sync *s, int rank, int64_t i) {
  const gd_range ranks = gd_world_group_ranks(s->world, gd_world_group(s->world, rank));
  return (char *)s->gradient_memory.data +
         (size_t)(s->buffers[rank - ranks.lo] + i) * gd_params_bytes(s->params);
}

char *gdi_param_at(const gd_sync *s, int64_t element) {
  return (char *)s->param_memory.data + (size_t)element * s->element_bytes;
}

void gdi_state_at(const gd_sync *s, int64_t element, void *state[GD_OPTIM_MAX_STATES]) {
  for (int i = 0; i < s->n_states; i++)
    state[i] = (char *)s->state_memory.data +
               (size_t)(i * (s->group.hi - s->group.lo) + element - s->group.lo) * s->element_bytes;
}
