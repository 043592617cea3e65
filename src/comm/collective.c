/*
 * Collectives over the world. In a world of one group they are copies through the group's slots with one
 * barrier for each piece; otherwise they are MPI's, started without blocking.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "comm/world.h"

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t bytes_of(gd_range r) {
  return (size_t)(r.hi - r.lo);
}

/* Part r of data is range(r). */
typedef struct parts {
  const gd_range *range; /* NULL: equal parts */
  size_t equal;
} parts;

static gd_range part_of(const parts *p, int r) {
  return p->range ? p->range[r] : (gd_range){(int64_t)p->equal * r, (int64_t)p->equal * (r + 1)};
}

/*
 * Each rank puts a piece of its part into its slot and, after the barrier, takes those of the others. The two
 * slots of a rank take turns: a rank that is a piece ahead writes the other one, and cannot be two ahead.
 */
static gd_status gather_through_slots(gd_world *w, char *data, const parts *p) {
  size_t longest = 0;
  for (int r = 0; r < w->size; r++) {
    size_t bytes = bytes_of(part_of(p, r));
    if (bytes > longest) longest = bytes;
  }
  size_t at = 0;
  do {
    char *slots = w->slots + (size_t)(w->exchanges++ % 2) * (size_t)w->size * GDI_SLOT_BYTES;
    for (int pass = 0; pass < 2; pass++) {
      for (int r = pass ? 0 : w->rank; r < (pass ? w->size : w->rank + 1); r++) {
        gd_range part = part_of(p, r);
        if (bytes_of(part) <= at || (pass && r == w->rank)) continue;
        char *slot = slots + (size_t)r * GDI_SLOT_BYTES, *here = data + part.lo + at;
        memcpy(pass ? here : slot, pass ? slot : here, least(bytes_of(part) - at, GDI_SLOT_BYTES));
      }
      if (pass == 0) GD_TRY(gd_group_barrier(w));
    }
    at += GDI_SLOT_BYTES;
  } while (at < longest);
  return GD_OK;
}

static gd_status broadcast_by_mpi(gd_world *w, char *data, size_t bytes, int root) {
  for (size_t at = 0; at < bytes; at += GDI_PIECE_BYTES) {
    MPI_Request r;
    GDI_TRY_MPI(w,
                MPI_Ibcast(data + at, (int)least(bytes - at, GDI_PIECE_BYTES), MPI_BYTE, root, w->comm, &r),
                "a broadcast");
    GD_TRY(gdi_mpi_wait(w, &r, "a broadcast"));
  }
  return GD_OK;
}

static gd_status gather_by_mpi(gd_world *w, char *data, const parts *p) {
  bool fits = true; /* MPI counts in int */
  for (int r = 0; r < w->size; r++) fits &= part_of(p, r).hi <= INT_MAX;
  if (!fits) {
    for (int r = 0; r < w->size; r++)
      GD_TRY(broadcast_by_mpi(w, data + part_of(p, r).lo, bytes_of(part_of(p, r)), r));
    return GD_OK;
  }
  int *count = malloc(2 * (size_t)w->size * sizeof *count), *start = count + w->size;
  if (!count) return GD_FAIL(GD_ERR_OOM, "no memory to gather from %d ranks", w->size);
  for (int r = 0; r < w->size; r++) count[r] = (int)bytes_of(part_of(p, r)), start[r] = (int)part_of(p, r).lo;
  MPI_Request request;
  int code =
      MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, count, start, MPI_BYTE, w->comm, &request);
  gd_status st =
      code == MPI_SUCCESS ? gdi_mpi_wait(w, &request, "a gather") : gdi_mpi_failed(w, code, "a gather");
  if (st == GD_OK) free(count); /* else MPI may still read it */
  return st;
}

static gd_status gather(gd_world *w, void *data, const parts *p) {
  if (w->broken) return GD_ERR_COMM;
  if (w->size == 1) return GD_OK;
  return w->groups == 1 ? gather_through_slots(w, data, p) : gather_by_mpi(w, data, p);
}

gd_status gd_world_allgather(gd_world *w, void *data, size_t bytes) {
  return gather(w, data, &(parts){NULL, bytes});
}

gd_status gd_world_allgatherv(gd_world *w, void *data, const gd_range range[]) {
  return gather(w, data, &(parts){range, 0});
}

gd_status gd_world_bcast(gd_world *w, void *data, size_t bytes, int root) {
  if (w->broken) return GD_ERR_COMM;
  if (w->size == 1) return GD_OK;
  if (w->groups > 1) return broadcast_by_mpi(w, data, bytes, root);
  gd_range *range = calloc((size_t)w->size, sizeof *range);
  if (!range) return GD_FAIL(GD_ERR_OOM, "no memory for a broadcast");
  range[root].hi = (int64_t)bytes;
  gd_status st = gather_through_slots(w, data, &(parts){range, 0});
  free(range);
  return st;
}

static double combine(double a, double b, gd_reduce_op op) {
  if (op == GD_SUM) return a + b;
  return (op == GD_MAX ? b > a : b < a) || b != b ? b : a; /* NaN stays */
}

/* Gathered and reduced in the order of ranks, so that the bits are the same everywhere and every time. */
gd_status gd_world_allreduce_f64(gd_world *w, double *v, int n, gd_reduce_op op) {
  double *all = malloc((size_t)w->size * (size_t)n * sizeof *all);
  if (!all) return GD_FAIL(GD_ERR_OOM, "no memory to reduce %d numbers over %d ranks", n, w->size);
  memcpy(all + (size_t)w->rank * (size_t)n, v, (size_t)n * sizeof *v);
  gd_status st = gd_world_allgather(w, all, (size_t)n * sizeof *v);
  if (st == GD_OK) memcpy(v, all, (size_t)n * sizeof *v);
  for (int r = 1; st == GD_OK && r < w->size; r++)
    for (int i = 0; i < n; i++) v[i] = combine(v[i], all[(size_t)r * (size_t)n + (size_t)i], op);
  free(all);
  return st;
}
