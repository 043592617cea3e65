/*
 * Between groups. A slice has one owner, or when replicated one in each group; in every other group one rank,
 * the owner's delegate, adds that group's nodes of the slice and sends them, and receives the updated slice
 * into its group's parameters. The slice goes in messages, and is updated in pieces of several, so that sums,
 * messages and updates overlap. Messages between two ranks keep their order, which both sides know, so tags
 * only tell gradients from parameters.
 */
#include <stdlib.h>

#include "sync/exchange.h"

static gd_status make_room(gdi_requests *q) {
  if (q->n < q->room) return GD_OK;
  const int room = q->room ? 2 * q->room : 64;
  gd_request **item = realloc(q->item, (size_t)room * sizeof(gd_request *));
  if (!item) return GD_FAIL(GD_ERR_OOM, "no memory for %d messages", room);
  q->item = item, q->room = room;
  return GD_OK;
}

gd_status gdi_send(gd_sync *s, gdi_requests *q, const char *from, gd_range r, int to, int tag) {
  GD_TRY(make_room(q));
  return gd_isend(s->world, from, gdi_bytes_of(s, r), to, tag, &q->item[q->n++]);
}

static gd_status receive(gd_sync *s, gdi_requests *q, char *to, gd_range r, int from, int tag) {
  GD_TRY(make_room(q));
  return gd_irecv(s->world, to, gdi_bytes_of(s, r), from, tag, &q->item[q->n++]);
}

gd_status gdi_exchange_new(gd_sync *s) {
  gdi_exchange *x = s->exchange = calloc(1, sizeof *x);
  if (!x) return GD_FAIL(GD_ERR_OOM, "no memory for the exchange between groups");
  x->groups = gd_world_groups(s->world);
  x->own = gd_world_group(s->world, gd_world_rank(s->world));
  x->nodes = calloc((size_t)x->groups, sizeof *x->nodes);
  gd_status st = x->nodes ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the exchange between groups");
  const gd_status passing = gdi_send_new(s); /* collective in the group */
  return st == GD_OK ? passing : st;
}

void gdi_exchange_free(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  if (!x) return;
  gdi_send_free(s);
  free(x->nodes);
  free(x->gradients.item), free(x->others.item);
  free(x->received), free(x->sent);
  free(x);
  s->exchange = NULL;
}

/* The rank of a group that passes nodes to this owner, and parameters from it. */
static int delegate(const gd_sync *s, int group, int owner) {
  const gd_range ranks = gd_world_group_ranks(s->world, group);
  return (int)(ranks.lo + owner % (ranks.hi - ranks.lo));
}

bool gdi_is_mine_to_pass(const gd_sync *s, int owner) {
  return gd_world_group(s->world, owner) != s->exchange->own &&
         delegate(s, s->exchange->own, owner) == gd_world_rank(s->world);
}

static gd_status reserve(char **memory, size_t *room, size_t bytes) {
  if (bytes <= *room) return GD_OK;
  bytes = (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
  free(*memory);
  *memory = aligned_alloc(GD_ALIGN, bytes);
  *room = *memory ? bytes : 0;
  return *memory ? GD_OK : GD_FAIL(GD_ERR_OOM, "no %zu bytes for gradients of other groups", bytes);
}

gd_status gdi_exchange_compile(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  x->incoming = 0;
  for (int g = 0; g < x->groups; g++) {
    gd_range node[GD_TREE_MAX_COVER];
    x->nodes[g] = gd_tree_cover(s->K, gdi_group_run(s, g), g == x->own ? x->node : node);
    if (g != x->own) x->incoming += x->nodes[g];
  }
  size_t passed = 0;
  for (int i = 0; i < x->routes; i++)
    passed += gdi_bytes_of(s, gdi_slice_of(s, x->route[i].owner)) * (size_t)x->nodes[x->own];
  const int room = x->incoming > 0 ? x->incoming : s->replicated; /* where replicated sums are kept */
  GD_TRY(reserve(&x->received, &x->received_room, gdi_bytes_of(s, s->slice) * (size_t)room));
  return reserve(&x->sent, &x->sent_room, passed);
}

int gdi_exchange_operands(gd_sync *s, int group, gdi_operand *operand) {
  const gdi_exchange *x = s->exchange;
  gd_range node[GD_TREE_MAX_COVER];
  const int n = gd_tree_cover(s->K, gdi_group_run(s, group), node);
  size_t before = 0;
  for (int g = 0; g < group; g++)
    if (g != x->own) before += (size_t)x->nodes[g];
  for (int i = 0; i < n; i++)
    operand[i] =
        (gdi_operand){node[i], x->received + (before + (size_t)i) * gdi_bytes_of(s, s->slice), s->slice.lo};
  return n;
}

char *gdi_exchange_room(const gd_sync *s, int64_t element) {
  return s->exchange->received + (size_t)(element - s->slice.lo) * s->element_bytes;
}

static gd_status expect_gradients(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  char *to = x->received;
  x->gradients.n = 0;
  for (int g = 0; g < x->groups; g++)
    for (int k = 0; g != x->own && k < x->nodes[g]; k++, to += gdi_bytes_of(s, s->slice))
      for (int64_t i = 0; i < gdi_messages_of(s, s->slice); i++) {
        const gd_range r = gdi_message_of(s, s->slice, i, 1);
        GD_TRY(receive(s, &x->gradients, to + (size_t)(r.lo - s->slice.lo) * s->element_bytes, r,
                       delegate(s, g, gd_world_rank(s->world)), GDI_TAG_GRADIENT));
      }
  return GD_OK;
}

gd_status gdi_exchange_begin(gd_sync *s) {
  s->exchange->others.n = 0;
  GD_TRY(gdi_operands(s));
  GD_TRY(gdi_send_begin(s));
  return expect_gradients(s);
}

gd_status gdi_exchange_expect_params(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  for (int q = 0; !s->replicated && q < x->routes; q++) {
    const int owner = x->route[q].owner;
    const gd_range slice = gdi_slice_of(s, owner);
    for (int64_t i = 0; i < gdi_messages_of(s, slice); i++) {
      const gd_range r = gdi_message_of(s, slice, i, 1);
      GD_TRY(receive(s, &x->others, gdi_param_at(s, r.lo), r, owner, GDI_TAG_PARAM));
    }
  }
  return GD_OK;
}

/* The messages of a piece. */
static gd_range messages_in(const gd_sync *s, int piece) {
  const int64_t each = gdi_messages_a_piece(s), all = gdi_messages_of(s, s->slice);
  return (gd_range){piece * each, (piece + 1) * each < all ? (piece + 1) * each : all};
}

gd_status gdi_exchange_wait(gd_sync *s, int piece) {
  gdi_exchange *x = s->exchange;
  const gd_range r = messages_in(s, piece);
  for (int k = 0; k < x->incoming; k++)
    GD_TRY(
        gd_wait(s->world, x->gradients.item + k * gdi_messages_of(s, s->slice) + r.lo, (int)(r.hi - r.lo)));
  return GD_OK;
}

gd_status gdi_exchange_publish(gd_sync *s, int piece) {
  gdi_exchange *x = s->exchange;
  const gd_range messages = messages_in(s, piece);
  for (int g = 0; !s->replicated && g < x->groups; g++)
    for (int64_t i = messages.lo; g != x->own && i < messages.hi; i++) {
      const gd_range r = gdi_message_of(s, s->slice, i, 1);
      GD_TRY(gdi_send(s, &x->others, gdi_param_at(s, r.lo), r, delegate(s, g, gd_world_rank(s->world)),
                      GDI_TAG_PARAM));
    }
  return GD_OK;
}

gd_status gdi_exchange_finish(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  GD_TRY(gd_wait(s->world, x->gradients.item, x->gradients.n));
  return gd_wait(s->world, x->others.item, x->others.n);
}
