/*
 * Between groups. A slice has one owner; in every other group one rank, its delegate, adds that group's nodes
 * of the slice and sends them to the owner, and receives the updated slice into its group's parameters. The
 * slice goes in pieces, so that sums, messages and updates overlap. Messages between two ranks keep their
 * order, which both sides know, so tags only tell gradients from parameters.
 */
#include <stdlib.h>

#include "sync/sync.h"

enum { TAG_GRADIENT = 1, TAG_PARAM };
static const int64_t piece_elements = 64 * GD_BLOCK;

typedef struct requests {
  gd_request **item;
  int n, room;
} requests;

struct gdi_exchange {
  int own, groups;
  int *nodes;         /* [groups] that each sends of a slice */
  int incoming;       /* nodes that an owner receives */
  requests gradients; /* [pieces][incoming] to come */
  requests others;    /* gradients sent, parameters sent and to come */
  char *received;     /* [incoming][slice] */
  char *sent;         /* merged nodes on the way */
  size_t received_room, sent_room;
};

static gd_status make_room(requests *q) {
  if (q->n < q->room) return GD_OK;
  const int room = q->room ? 2 * q->room : 64;
  gd_request **item = realloc(q->item, (size_t)room * sizeof(gd_request *));
  if (!item) return GD_FAIL(GD_ERR_OOM, "no memory for %d messages", room);
  q->item = item, q->room = room;
  return GD_OK;
}

static size_t bytes_of(const gd_sync *s, gd_range r) {
  return (size_t)(r.hi - r.lo) * s->element_bytes;
}

static gd_status send(gd_sync *s, requests *q, const char *from, gd_range r, int to, int tag) {
  GD_TRY(make_room(q));
  return gd_isend(s->world, from, bytes_of(s, r), to, tag, &q->item[q->n++]);
}

static gd_status receive(gd_sync *s, requests *q, char *to, gd_range r, int from, int tag) {
  GD_TRY(make_room(q));
  return gd_irecv(s->world, to, bytes_of(s, r), from, tag, &q->item[q->n++]);
}

gd_status gdi_exchange_new(gd_sync *s) {
  gdi_exchange *x = s->exchange = calloc(1, sizeof *x);
  if (!x) return GD_FAIL(GD_ERR_OOM, "no memory for the exchange between groups");
  x->groups = gd_world_groups(s->world);
  x->own = gd_world_group(s->world, gd_world_rank(s->world));
  x->nodes = calloc((size_t)x->groups, sizeof *x->nodes);
  return x->nodes ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the exchange between groups");
}

void gdi_exchange_free(gdi_exchange *x) {
  if (!x) return;
  free(x->nodes);
  free(x->gradients.item), free(x->others.item);
  free(x->received), free(x->sent);
  free(x);
}

static int delegate(const gd_sync *s, int group, int owner) {
  const gd_range ranks = gd_world_group_ranks(s->world, group);
  return (int)(ranks.lo + owner % (ranks.hi - ranks.lo));
}

static bool is_mine_to_pass(const gd_sync *s, int owner) {
  return gd_world_group(s->world, owner) != s->exchange->own &&
         delegate(s, s->exchange->own, owner) == gd_world_rank(s->world);
}

static gd_range slice_of(const gd_sync *s, int owner) {
  return gd_share_blocks(s->elements, gd_world_size(s->world), owner);
}

static int pieces_of(gd_range slice) {
  return (int)((slice.hi - slice.lo + piece_elements - 1) / piece_elements);
}

static gd_range piece_of(gd_range slice, int i) {
  gd_range r = {slice.lo + i * piece_elements, slice.lo + (i + 1) * piece_elements};
  if (r.hi > slice.hi) r.hi = slice.hi;
  return r;
}

int gdi_exchange_pieces(const gd_sync *s) {
  return pieces_of(s->slice);
}

gd_range gdi_exchange_piece(const gd_sync *s, int piece) {
  return piece_of(s->slice, piece);
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
    x->nodes[g] = gd_tree_cover(s->K, gdi_group_run(s, g), node);
    if (g != x->own) x->incoming += x->nodes[g];
  }
  size_t passed = 0;
  for (int o = 0; o < gd_world_size(s->world); o++)
    if (is_mine_to_pass(s, o)) passed += bytes_of(s, slice_of(s, o)) * (size_t)x->nodes[x->own];
  GD_TRY(reserve(&x->received, &x->received_room, bytes_of(s, s->slice) * (size_t)x->incoming));
  return reserve(&x->sent, &x->sent_room, passed);
}

int gdi_exchange_terms(gd_sync *s, int group, gdi_term *term) {
  const gdi_exchange *x = s->exchange;
  gd_range node[GD_TREE_MAX_COVER];
  const int n = gd_tree_cover(s->K, gdi_group_run(s, group), node);
  size_t before = 0;
  for (int g = 0; g < group; g++)
    if (g != x->own) before += (size_t)x->nodes[g];
  for (int i = 0; i < n; i++)
    term[i] = (gdi_term){node[i], x->received + (before + (size_t)i) * bytes_of(s, s->slice), s->slice.lo};
  return n;
}

static gd_status expect_gradients(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  x->gradients.n = 0;
  for (int i = 0; i < gdi_exchange_pieces(s); i++) {
    const gd_range piece = gdi_exchange_piece(s, i);
    char *to = x->received + (size_t)(piece.lo - s->slice.lo) * s->element_bytes;
    for (int g = 0; g < x->groups; g++)
      for (int k = 0; g != x->own && k < x->nodes[g]; k++, to += bytes_of(s, s->slice))
        GD_TRY(receive(s, &x->gradients, to, piece, delegate(s, g, gd_world_rank(s->world)), TAG_GRADIENT));
  }
  return GD_OK;
}

/* The terms of this group that make up `node`. */
static gd_status compile_node(gd_sync *s, gd_range node) {
  const gd_range ranks = gd_world_group_ranks(s->world, s->exchange->own);
  s->merge.n_terms = 0;
  for (int64_t r = ranks.lo; r < ranks.hi; r++) {
    gd_range held[GD_TREE_MAX_COVER + 1];
    const int n = gdi_rank_nodes(s->K, gd_world_size(s->world), (int)r, held);
    GD_TRY(gdi_sum_reserve(&s->merge, s->merge.n_terms + n));
    for (int i = 0; i < n; i++)
      if (node.lo <= held[i].lo && held[i].hi <= node.hi)
        s->merge.term[s->merge.n_terms++] = (gdi_term){held[i], gdi_buffer(s, (int)r, i), 0};
  }
  gdi_sum_compile(&s->merge, node);
  return GD_OK;
}

/* One piece of one slice: add, unless a rank holds the very node, and send. */
static gd_status pass_piece(gd_sync *s, int owner, gd_range piece, char **room) {
  gdi_exchange *x = s->exchange;
  gd_range node[GD_TREE_MAX_COVER];
  const int n = gd_tree_cover(s->K, gdi_group_run(s, x->own), node);
  for (int k = 0; k < n; k++) {
    GD_TRY(compile_node(s, node[k]));
    const gdi_term *only = s->merge.term;
    char *from = *room;
    if (s->merge.n_terms == 1) {
      from = only->data + (size_t)piece.lo * s->element_bytes;
    } else {
      gdi_sum_store(&s->merge, s->cpu, piece, from);
      *room += bytes_of(s, piece);
    }
    GD_TRY(send(s, &x->others, from, piece, owner, TAG_GRADIENT));
    gd_progress(s->world);
  }
  return GD_OK;
}

gd_status gdi_exchange_start(gd_sync *s) {
  gdi_exchange *x = s->exchange;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  GD_TRY(expect_gradients(s));
  x->others.n = 0;
  char *room = x->sent;
  const int most = pieces_of(slice_of(s, 0)); /* the first slices are the longest */
  for (int i = 0; i < most; i++)
    for (int k = 1; k < size; k++) {
      const int owner = (rank + k) % size; /* not everybody to the same one first */
      if (is_mine_to_pass(s, owner) && i < pieces_of(slice_of(s, owner)))
        GD_TRY(pass_piece(s, owner, piece_of(slice_of(s, owner), i), &room));
    }
  return GD_OK;
}

gd_status gdi_exchange_expect_params(gd_sync *s) {
  for (int owner = 0; owner < gd_world_size(s->world); owner++) {
    if (!is_mine_to_pass(s, owner)) continue;
    for (int i = 0; i < pieces_of(slice_of(s, owner)); i++) {
      const gd_range piece = piece_of(slice_of(s, owner), i);
      GD_TRY(receive(s, &s->exchange->others, gdi_param_at(s, piece.lo), piece, owner, TAG_PARAM));
    }
  }
  return GD_OK;
}

gd_status gdi_exchange_wait(gd_sync *s, int piece) {
  gdi_exchange *x = s->exchange;
  return gd_wait(s->world, x->gradients.item + piece * x->incoming, x->incoming);
}

gd_status gdi_exchange_publish(gd_sync *s, int piece) {
  gdi_exchange *x = s->exchange;
  const gd_range r = gdi_exchange_piece(s, piece);
  for (int g = 0; g < x->groups; g++) {
    if (g != x->own)
      GD_TRY(
          send(s, &x->others, gdi_param_at(s, r.lo), r, delegate(s, g, gd_world_rank(s->world)), TAG_PARAM));
  }
  return GD_OK;
}

gd_status gdi_exchange_finish(gd_sync *s) {
  return gd_wait(s->world, s->exchange->others.item, s->exchange->others.n);
}
