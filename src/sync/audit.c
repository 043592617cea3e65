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
/* Sums travel as doubles, which hold this many bits exactly; cut sums still add up. */
static const uint64_t exact_bits = ((uint64_t)1 << 52) - 1;

static int arrays_of(const gd_sync *s) {
  return 1 + s->n_states;
}

/* Array 0: parameters; 1 + i: state i. */
static const char *array_at(const gd_sync *s, int array, int64_t element) {
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
uint64_t gdi_checksum(const char *data, size_t bytes) {
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
    w->sum[p] = gdi_checksum(array_at(s, w->array, piece[p].lo),
                             (size_t)(piece[p + 1].lo - piece[p].lo) * s->element_bytes);
}

static void sum_pieces(const gd_sync *s, int array, gd_range pieces, uint64_t *sum) {
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
  x->now = calloc((size_t)(arrays_of(s) * x->pieces), sizeof *x->now);
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
  GD_TRY(gdi_window_new(s, &x->memory, (size_t)(arrays_of(s) * x->pieces) * sizeof *x->kept));
  x->kept = x->memory.data;
  return GD_OK;
}

void gdi_audit_keep(gd_sync *s, int64_t step) {
  if ((step + 1) % s->o.audit_every != 0) return;
  for (int a = 0; a < arrays_of(s); a++) sum_pieces(s, a, pieces_of(s, s->slice), s->audit->kept);
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

/* Do copies exist elsewhere? Then this array's checksums are part of the sum that must be equal. */
static bool has_copies(const gd_sync *s, int array) {
  return s->o.mode == GD_SYNC_ALLREDUCE || s->mirrored || array == 0;
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
  for (int a = 0; a < arrays_of(s); a++) {
    sum_pieces(s, a, pieces, x->now);
    if (has_copies(s, a)) sum += total(x, a, pieces);
    const int64_t first = a * x->pieces;
    for (int64_t i = first + pieces.lo; i < first + pieces.hi && mine[0] == 0; i++)
      if (x->now[i] != x->kept[i]) mine[0] = (double)(i + 1);
  }
  const gd_range group = pieces_of(s, s->group);
  const gd_range other[] = {{0, group.lo}, {group.hi, x->pieces}};
  for (int i = 0; i < 2; i++) {
    const gd_range part = share_of_others(s, other[i]);
    sum_pieces(s, 0, part, x->now);
    sum += total(x, 0, part);
  }
  mine[1] = (double)(sum & exact_bits);
}

/* ---- what all ranks found together */

/* "tensor 0.weight", "momentum_buffer of tensor 0.weight" */
static void name_array(const gd_sync *s, int array, int64_t piece, char *buf, size_t bytes) {
  const char *name = s->params->item[s->audit->piece[piece].param].name;
  snprintf(buf, bytes, "%s%stensor %s", array ? gd_optim_state_name(&s->o.optim, array - 1) : "",
           array ? " of " : "", name);
}

/* Who updates it; when several do, the lowest from rank `from` on. */
static int owner_of(const gd_sync *s, int64_t element, int from) {
  const int size = gd_world_size(s->world);
  for (int r = from; s->o.mode == GD_SYNC_ORDERED && r < size; r++) {
    const gd_range slice = gdi_slice_of(s, r);
    if (slice.lo <= element && element < slice.hi) return r;
  }
  return from;
}

/* An update wrote something else than memory holds now. */
static gd_status tell_changed(gd_sync *s, int seen_by, int64_t index, int64_t step) {
  const gdi_audit *x = s->audit;
  const int array = (int)(index / x->pieces);
  const gdi_segment *piece = &x->piece[index % x->pieces];
  const int64_t base = s->params->offset[piece->param],
                numel = gd_numel(s->params->item[piece->param].tensor);
  const int64_t lo = piece->lo,
                end = piece[1].lo - base < numel ? piece[1].lo - base : numel; /* without the gap */
  const int first = (int)gd_world_group_ranks(s->world, gd_world_group(s->world, seen_by)).lo;
  const int owner = s->o.mode == GD_SYNC_ORDERED ? owner_of(s, lo, first) : seen_by;
  char what[160];
  name_array(s, array, index % x->pieces, what, sizeof what);
  return GD_FAIL(
      GD_ERR_REPLICA,
      "%s differ: %s, elements %lld to %lld, rank %d on host %s at step %lld: memory changed after the "
      "update (seen by rank %d); resume from the last checkpoint, and test the memory of that host",
      array ? "states of the optimizer" : "parameters", what, (long long)(lo - base), (long long)(end - 1),
      owner, gd_world_hostname(s->world, owner), (long long)step, seen_by);
}

/* The rank whose value most ranks share; among equals the owner, then the lowest. */
static int right_rank(const char *values, size_t bytes, int ranks, int owner) {
  int best = owner, most = 0;
  for (int i = -1; i < ranks; i++) {
    const int r = i < 0 ? owner : i;
    int same = 0;
    for (int o = 0; o < ranks; o++)
      same += memcmp(values + (size_t)o * bytes, values + (size_t)r * bytes, bytes) == 0;
    if (same > most) most = same, best = r;
  }
  return best;
}

static int first_other(const char *values, size_t bytes, int ranks, int right) {
  for (int r = 0; r < ranks; r++)
    if (memcmp(values + (size_t)r * bytes, values + (size_t)right * bytes, bytes) != 0) return r;
  return -1;
}

/* All ranks' values of a piece: which element is it? */
static gd_status tell_element(gd_sync *s, int array, int64_t piece, int64_t step) {
  const gdi_audit *x = s->audit;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const int64_t lo = x->piece[piece].lo, n = x->piece[piece + 1].lo - lo;
  const size_t bytes = (size_t)n * s->element_bytes;
  char *values = malloc((size_t)size * bytes);
  gd_status st =
      gd_world_agree(s->world, values ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare a block"));
  if (st == GD_OK) {
    memcpy(values + (size_t)rank * bytes, array_at(s, array, lo), bytes);
    st = gd_world_allgather(s->world, values, bytes);
  }
  if (st == GD_OK) {
    const int right = right_rank(values, bytes, size, owner_of(s, lo, 0));
    const int wrong = first_other(values, bytes, size, right);
    const char *a = values + (size_t)right * bytes, *b = values + (size_t)(wrong < 0 ? right : wrong) * bytes;
    int64_t i = 0;
    while (i < n - 1 &&
           memcmp(a + (size_t)i * s->element_bytes, b + (size_t)i * s->element_bytes, s->element_bytes) == 0)
      i++;
    char what[160];
    name_array(s, array, piece, what, sizeof what);
    st = GD_FAIL(GD_ERR_REPLICA,
                 "%s differ: %s, element %lld, rank %d on host %s at step %lld (rank %d on host %s has "
                 "another value); "
                 "resume from the last checkpoint",
                 array ? "states of the optimizer" : "parameters", what,
                 (long long)(lo + i - s->params->offset[x->piece[piece].param]), wrong,
                 gd_world_hostname(s->world, wrong < 0 ? 0 : wrong), (long long)step, right,
                 gd_world_hostname(s->world, right));
  }
  free(values);
  return st;
}

/* Copies differ somewhere: gather the checksums, one array after the other. Collective. */
static gd_status find_difference(gd_sync *s, int64_t step) {
  gdi_audit *x = s->audit;
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const size_t bytes = (size_t)x->pieces * sizeof(uint64_t);
  uint64_t *all = malloc((size_t)size * bytes);
  gd_status st =
      gd_world_agree(s->world, all ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare checksums"));
  int64_t found = -1;
  int array = 0;
  for (; st == GD_OK && array < arrays_of(s) && has_copies(s, array); array++) {
    sum_pieces(s, array, (gd_range){0, x->pieces}, x->now);
    memcpy(all + rank * x->pieces, x->now + array * x->pieces, bytes);
    st = gd_world_allgather(s->world, all, bytes);
    for (int64_t p = 0; st == GD_OK && p < x->pieces && found < 0; p++)
      for (int r = 1; r < size; r++)
        if (all[r * x->pieces + p] != all[p]) found = p;
    if (found >= 0) break;
  }
  free(all);
  GD_TRY(st);
  if (found >= 0) return tell_element(s, array, found, step);
  return GD_FAIL(GD_ERR_REPLICA,
                 "parameters differ between groups at step %lld, but not any more when looked at again",
                 (long long)step);
}

gd_status gdi_audit_judge(gd_sync *s, int64_t step) {
  gdi_audit *x = s->audit;
  if (!x->due) return GD_OK;
  x->due = false;
  gd_world *w = s->world;
  for (int r = 0; r < gd_world_size(w); r++)
    if (x->finding[r][0] != 0) return tell_changed(s, r, (int64_t)x->finding[r][0] - 1, step);
  uint64_t first = 0;
  const bool alone = s->o.mode == GD_SYNC_ALLREDUCE;
  const int copies = alone ? gd_world_size(w) : gd_world_groups(w);
  for (int g = 0; g < copies; g++) {
    const gd_range ranks = alone ? (gd_range){g, g + 1} : gd_world_group_ranks(w, g);
    uint64_t sum = 0;
    for (int64_t r = ranks.lo; r < ranks.hi; r++) sum += (uint64_t)x->finding[r][1];
    sum &= exact_bits;
    if (g == 0) first = sum;
    if (sum != first) return find_difference(s, step);
  }
  return GD_OK;
}
