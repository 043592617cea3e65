/*
 * The audit of replicas. After an update the owner of a slice keeps checksums of the parameters and the state
 * that it wrote; before the next update another rank of the group computes them again, so memory that changed
 * by itself is found. Copies in different groups are compared by one sum over their checksums, which rides on
 * the message of the records; only when that differs are checksums, and then values, gathered to find the
 * element.
 */
#include <stdlib.h>
#include <string.h>

#include "device/cpu/threads.h"
#include "sync/audit.h"

enum { LANES = 8, GRAIN = 16 };

int gdi_audit_arrays(const gd_sync *s) {
  return 1 + s->n_states;
}

const char *gdi_audit_array(const gd_sync *s, int array, int64_t element) {
  if (array == 0) return gdi_param_at(s, element);
  void *state[GD_OPTIM_MAX_STATES];
  gdi_state_at(s, element, state);
  return state[array - 1];
}

typedef struct lanes {
  uint64_t sum[LANES], sums[LANES];
} lanes;

static inline void add_words(lanes *x, const uint64_t word[LANES]) {
  for (int l = 0; l < LANES; l++) x->sum[l] += word[l];
  for (int l = 0; l < LANES; l++) x->sums[l] += x->sum[l];
}

/* Fletcher's sums in lanes: at the speed of memory, and no single changed bit leaves them equal. */
static uint64_t checksum(const char *data, size_t bytes) {
  lanes x = {{0}, {0}};
  uint64_t word[LANES];
  size_t at = 0;
  for (; at + sizeof word <= bytes; at += sizeof word) {
    memcpy(word, data + at, sizeof word);
    add_words(&x, word);
  }
  if (at < bytes) {
    memset(word, 0, sizeof word);
    memcpy(word, data + at, bytes - at);
    add_words(&x, word);
  }
  uint64_t all = bytes;
  for (int l = 0; l < LANES; l++) {
    all = (all ^ x.sum[l]) * 0x9E3779B97F4A7C15u;
    all = ((all ^ all >> 32) ^ x.sums[l]) * 0xD6E8FEB86659FD93u;
  }
  return all ^ all >> 32;
}

typedef struct work {
  const gd_sync *s;
  int array;
  int64_t first; /* piece */
  uint64_t *sum; /* [pieces] */
} work;

static void sum_some(void *context, int64_t lo, int64_t hi) {
  const work *w = context;
  const gd_sync *s = w->s;
  const gdi_segment *piece = s->audit->piece;
  for (int64_t p = w->first + lo; p < w->first + hi; p++)
    w->sum[p] = checksum(gdi_audit_array(s, w->array, piece[p].lo),
                         (size_t)(piece[p + 1].lo - piece[p].lo) * s->element_bytes);
}

void gdi_audit_sum(const gd_sync *s, int array, gd_range pieces, uint64_t *sum) {
  work w = {s, array, pieces.lo, sum + array * s->audit->pieces};
  gdi_parallel(s->cpu, pieces.hi - pieces.lo, GRAIN, sum_some, &w);
}

static gd_range pieces_of(const gd_sync *s, gd_range elements) {
  return gdi_segments_in(s->audit->piece, s->audit->pieces, elements);
}

gd_status gdi_audit_new(gd_sync *s) {
  gdi_audit *x = s->audit = calloc(1, sizeof *x);
  if (!x) return GD_FAIL(GD_ERR_OOM, "no memory for the audit");
  const size_t ranks = (size_t)gd_world_size(s->world);
  x->pieces = gdi_segments_cut(s->params, true, NULL);
  x->piece = calloc((size_t)x->pieces + 1, sizeof *x->piece);
  x->now = calloc((size_t)(gdi_audit_arrays(s) * x->pieces), sizeof *x->now);
  x->finding = calloc(ranks, sizeof *x->finding);
  if (!x->piece || !x->now || !x->finding) return GD_FAIL(GD_ERR_OOM, "no memory for the audit");
  gdi_segments_cut(s->params, true, x->piece);
  return GD_OK;
}

void gdi_audit_free(gd_sync *s) {
  gdi_audit *x = s->audit;
  if (!x) return;
  gdi_window_free(s, &x->memory);
  free(x->piece), free(x->now), free(x->finding);
  free(x);
  s->audit = NULL;
}

gd_status gdi_audit_share(gd_sync *s) {
  gdi_audit *x = s->audit;
  GD_TRY(gdi_window_new(s, &x->memory, (size_t)(gdi_audit_arrays(s) * x->pieces) * sizeof *x->kept));
  x->kept = x->memory.data;
  return GD_OK;
}

void gdi_audit_keep(gd_sync *s, int64_t step) {
  if ((step + 1) % s->o.audit_every != 0) return;
  for (int a = 0; a < gdi_audit_arrays(s); a++) gdi_audit_sum(s, a, pieces_of(s, s->slice), s->audit->kept);
  s->audit->due = true;
}

void gdi_audit_forget(gd_sync *s) {
  s->audit->due = false;
}

/* Another rank's slice where there is another rank; alone, the own one. */
static gd_range slice_to_look_at(const gd_sync *s) {
  const int rank = gd_world_rank(s->world);
  if (s->o.mode == GD_SYNC_ALLREDUCE) return s->slice;
  const gd_range ranks = gd_world_group_ranks(s->world, gd_world_group(s->world, rank));
  const int64_t next = rank + 1 < ranks.hi ? rank + 1 : ranks.lo;
  return gdi_slice_of(s, (int)next);
}

/* This rank's part of what other groups own and this group has a copy of. */
static gd_range share_of_others(const gd_sync *s, gd_range others) {
  const int rank = gd_world_rank(s->world);
  const gd_range ranks = gd_world_group_ranks(s->world, gd_world_group(s->world, rank));
  const gd_range part = gd_share(others.hi - others.lo, ranks.hi - ranks.lo, rank - ranks.lo);
  return (gd_range){others.lo + part.lo, others.lo + part.hi};
}

bool gdi_audit_has_copies(const gd_sync *s, int array) {
  return s->o.mode == GD_SYNC_ALLREDUCE || s->replicated || array == 0;
}

static uint64_t total(const gdi_audit *x, int array, gd_range pieces) {
  uint64_t sum = 0;
  for (int64_t i = array * x->pieces + pieces.lo; i < array * x->pieces + pieces.hi; i++)
    sum +=
        (x->now[i] + (uint64_t)i) * 0x9E3779B97F4A7C15u; /* so that two pieces exchanged are not the same */
  return sum;
}

void gdi_audit_look(gd_sync *s) {
  gdi_audit *x = s->audit;
  double *mine = x->finding[gd_world_rank(s->world)];
  mine[0] = mine[1] = 0;
  if (!x->due) return;
  uint64_t sum = 0;
  const gd_range pieces = pieces_of(s, slice_to_look_at(s));
  for (int a = 0; a < gdi_audit_arrays(s); a++) {
    gdi_audit_sum(s, a, pieces, x->now);
    if (gdi_audit_has_copies(s, a)) sum += total(x, a, pieces);
    const int64_t first = a * x->pieces;
    for (int64_t i = first + pieces.lo; i < first + pieces.hi && mine[0] == 0; i++)
      if (x->now[i] != x->kept[i]) mine[0] = (double)(i + 1);
  }
  const gd_range group = pieces_of(s, s->group);
  const gd_range other[] = {{0, group.lo}, {group.hi, x->pieces}};
  for (int i = 0; i < 2; i++) {
    const gd_range part = share_of_others(s, other[i]);
    gdi_audit_sum(s, 0, part, x->now);
    sum += total(x, 0, part);
  }
  mine[1] = (double)(sum & GDI_AUDIT_EXACT);
}
