/*
 * Tree nodes sent to owners in other groups. A rank sends a message as soon as every rank of its group has
 * finished its part of it, often during the last backward: the ranks of a group publish their progress in
 * shared memory, and none waits for another.
 */
#include <stdlib.h>

#include "sync/exchange.h"

static gd_range ranks_of_group(const gd_sync *s) {
  return gd_world_group_ranks(s->world, s->exchange->own);
}

/* This rank's routes; each rank begins with another owner, so that not all send to the same one first. */
static void find_routes(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  for (int k = 1; k < size; k++)
    if (gdi_is_mine_to_pass(s, (rank + k) % size)) x->route[x->routes++].owner = (rank + k) % size;
}

gd_status gdi_send_new(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  const gd_range ranks = ranks_of_group(s);
  const size_t n = (size_t)(ranks.hi - ranks.lo);
  x->route = calloc((size_t)gd_world_size(s->world), sizeof *x->route);
  x->before = calloc(n, sizeof *x->before);
  GD_TRY(gdi_window_new(s, &x->memory, n * sizeof *x->reached));
  x->reached = x->memory.data;
  if (!x->route || !x->before) return GD_FAIL(GD_ERR_OOM, "no memory for the exchange between groups");
  find_routes(s);
  return GD_OK;
}

void gdi_send_free(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  gdi_window_free(s, &x->memory);
  free(x->route), free(x->before);
}

/* `reached` only ever grows, so a rank that has not begun this step yet is not taken for one that is done. */
gd_status gdi_send_begin(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  const gd_range ranks = ranks_of_group(s);
  for (int64_t r = ranks.lo; x->K > 0 && r < ranks.hi; r++) {
    const gd_range run = gd_share(x->K, gd_world_size(s->world), r);
    x->before[r - ranks.lo] += (run.hi - run.lo) * s->elements;
  }
  x->K = s->K;
  x->sent_used = 0;
  for (int i = 0; i < x->routes; i++) x->route[i].node = 0, x->route[i].message = 0;
  return GD_OK;
}

void gdi_exchange_mark_ready(gd_sync *s, int64_t k, int64_t end) {
  gdi_exchange *x = s->exchange;
  const int64_t me = gd_world_rank(s->world) - ranks_of_group(s).lo;
  atomic_store_explicit(&x->reached[me], x->before[me] + (k - s->run.lo) * s->elements + end,
                        memory_order_release);
}

/*
 * Are the first `end` elements of a node of this group final? What a rank holds of it before its last micro-batch
 * is final as soon as the last micro-batch of its part is merged. The last micro-batch of a rank is never merged: it
 * becomes final from the front on, as backward completes the gradients of one parameter after the other.
 */
static bool is_final(const gd_sync *s, gd_range node, int64_t end) {
  const gdi_exchange *x = s->exchange;
  const gd_range ranks = ranks_of_group(s);
  for (int64_t r = ranks.lo; r < ranks.hi; r++) {
    const gd_range run = gd_share(s->K, gd_world_size(s->world), r);
    const int64_t last = (node.hi < run.hi ? node.hi : run.hi) - 1;
    if (last < run.lo || last < node.lo) continue; /* it has no part of this node */
    const int64_t needed = last + 1 == run.hi ? end : s->elements;
    const int64_t reached = atomic_load_explicit(&x->reached[r - ranks.lo], memory_order_acquire);
    if (reached - x->before[r - ranks.lo] < (last - run.lo) * s->elements + needed) return false;
  }
  return true;
}

/* The operands of this group that make up `node`. */
static gd_status compile_node(gd_sync *s, gd_range node) {
  const gd_range ranks = ranks_of_group(s);
  s->merge.n_operands = 0;
  for (int64_t r = ranks.lo; r < ranks.hi; r++) {
    gd_range held[GD_TREE_MAX_COVER + 1];
    const int n = gdi_rank_nodes(s->K, gd_world_size(s->world), (int)r, held);
    GD_TRY(gdi_sum_reserve(&s->merge, s->merge.n_operands + n));
    for (int i = 0; i < n; i++)
      if (node.lo <= held[i].lo && held[i].hi <= node.hi)
        s->merge.operand[s->merge.n_operands++] = (gdi_operand){held[i], gdi_buffer(s, (int)r, i), 0};
  }
  gdi_sum_compile(&s->merge, node);
  return GD_OK;
}

/* n messages of one node: add, unless a rank holds the very node, and send. */
static gd_status pass(gd_sync *s, gdi_route *q, gd_range slice, int64_t n) {
  gdi_exchange *x = s->exchange;
  const gd_range all = gdi_message_of(s, slice, q->message, n);
  GD_TRY(compile_node(s, x->node[q->node]));
  const char *from = s->merge.operand->data + (size_t)all.lo * s->element_bytes;
  if (s->merge.n_operands > 1) {
    char *sum = x->sent + x->sent_used;
    gdi_sum_store(&s->merge, s->cpu, all, sum);
    x->sent_used += gdi_bytes_of(s, all);
    from = sum;
  }
  for (int64_t i = q->message; i < q->message + n; i++) {
    const gd_range r = gdi_message_of(s, slice, i, 1);
    GD_TRY(gdi_send(s, &x->others, from + (size_t)(r.lo - all.lo) * s->element_bytes, r, q->owner,
                    GDI_TAG_GRADIENT));
  }
  gd_progress(s->world);
  return GD_OK;
}

/* What is final of the next piece of this route. */
static gd_status pass_next(gd_sync *s, gdi_route *q, bool *passed) {
  const gdi_exchange *x = s->exchange;
  const gd_range slice = gdi_slice_of(s, q->owner);
  const int64_t all = gdi_messages_of(s, slice), most = gdi_messages_a_piece(s);
  if (q->node == x->nodes[x->own] || all == 0) return GD_OK;
  int64_t n = 0;
  while (n < most && q->message + n < all &&
         is_final(s, x->node[q->node], gdi_message_of(s, slice, q->message + n, 1).hi))
    n++;
  if (n == 0) return GD_OK;
  GD_TRY(pass(s, q, slice, n));
  *passed = true;
  q->message += n;
  if (q->message == all) q->message = 0, q->node++;
  return GD_OK;
}

gd_status gdi_exchange_send(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  for (bool passed = true; passed;) {
    passed = false;
    for (int i = 0; i < x->routes; i++) GD_TRY(pass_next(s, &x->route[i], &passed));
  }
  return GD_OK;
}
