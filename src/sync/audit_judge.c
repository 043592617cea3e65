/* The findings of all ranks: is there a difference, and in which element of which tensor on which rank? */
#include <stdlib.h>
#include <string.h>

#include "sync/audit.h"

const char *gdi_audit_place(const gd_sync *s, int array, int64_t piece, char buf[GDI_AUDIT_PLACE]) {
  const char *tensor = s->params->item[s->audit->piece[piece].param].name;
  const bool statistic = s->audit->piece[piece].param >= s->params->n_trained;
  if (array == 0)
    snprintf(buf, GDI_AUDIT_PLACE, "%s differ: tensor %s", statistic ? "statistics" : "parameters", tensor);
  else
    snprintf(buf, GDI_AUDIT_PLACE, "states of the optimizer differ: %s of tensor %s",
             gd_optim_state_name(&s->o.optim, array - 1), tensor);
  return buf;
}

gd_range gdi_audit_elements(const gd_sync *s, int64_t piece) {
  const gdi_segment *p = &s->audit->piece[piece];
  const int64_t base = s->params->offset[p->param], n = gd_numel(s->params->item[p->param].tensor);
  return (gd_range){p->lo - base, p[1].lo - base < n ? p[1].lo - base : n};
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
  const int64_t piece = index % x->pieces;
  const gd_range part = gdi_audit_elements(s, piece);
  const int first = (int)gd_world_group_ranks(s->world, gd_world_group(s->world, seen_by)).lo;
  const int owner = s->o.mode == GD_SYNC_ORDERED ? owner_of(s, x->piece[piece].lo, first) : seen_by;
  char place[GDI_AUDIT_PLACE];
  return GD_FAIL(
      GD_ERR_REPLICA,
      "%s, elements %lld to %lld, rank %d on host %s at step %lld: memory changed after the "
      "update (seen by rank %d); resume from the last checkpoint, and test the memory of that host",
      gdi_audit_place(s, array, piece, place), (long long)part.lo, (long long)(part.hi - 1), owner,
      gd_world_hostname(s->world, owner), (long long)step, seen_by);
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
    memcpy(values + (size_t)rank * bytes, gdi_audit_array(s, array, lo), bytes);
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
    char place[GDI_AUDIT_PLACE];
    st = GD_FAIL(GD_ERR_REPLICA,
                 "%s, element %lld, rank %d on host %s at step %lld (rank %d on host %s has another value); "
                 "resume from the last checkpoint",
                 gdi_audit_place(s, array, piece, place), (long long)(gdi_audit_elements(s, piece).lo + i),
                 wrong, gd_world_hostname(s->world, wrong < 0 ? 0 : wrong), (long long)step, right,
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
  for (; st == GD_OK && array < gdi_audit_arrays(s) && gdi_audit_has_copies(s, array); array++) {
    gdi_audit_sum(s, array, (gd_range){0, x->pieces}, x->now);
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
    sum &= GDI_AUDIT_EXACT;
    if (g == 0) first = sum;
    if (sum != first) return find_difference(s, step);
  }
  return GD_OK;
}
