/* What crosses between neighbouring ranks, and how fast. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "verify/verify.h"

enum { MIB = 1 << 20, BYTES = 4 * MIB, ROUNDS = 8, BARRIERS = 200, TAG = 99 };

static void fill(char *data, int rank, int round) {
  memset(data, 1 + (rank * 31 + round) % 251, BYTES);
}

static bool holds(const char *data, int rank, int round) {
  const char expected = (char)(1 + (rank * 31 + round) % 251);
  return data[0] == expected && memcmp(data, data + 1, BYTES - 1) == 0;
}

/* Everybody sends to the next rank; returns whether what came was what was sent. */
static gd_status ring(gd_world *w, char *out, char *in, double *seconds, bool *right) {
  const int size = gd_world_size(w), rank = gd_world_rank(w), before = (rank + size - 1) % size;
  for (int i = 0; i < ROUNDS; i++) {
    gd_request *request[2] = {NULL, NULL};
    fill(out, rank, i);
    GD_TRY(gd_world_barrier(w));
    const double t0 = gdi_now();
    GD_TRY(gd_irecv(w, in, BYTES, before, TAG, &request[0]));
    GD_TRY(gd_isend(w, out, BYTES, (rank + 1) % size, TAG, &request[1]));
    GD_TRY(gd_wait(w, request, 2));
    if (i > 0) *seconds += gdi_now() - t0; /* the first one makes connections */
    *right &= holds(in, before, i);
  }
  return GD_OK;
}

/* In a group: the neighbour writes its part of the window, and this rank reads it. */
static gd_status window(gd_world *w, char *all, char *in, double *seconds, bool *right) {
  const int rank = gd_world_rank(w);
  const gd_range ranks = gd_world_group_ranks(w, gd_world_group(w, rank));
  const int n = (int)(ranks.hi - ranks.lo), me = rank - (int)ranks.lo, next = (me + 1) % n;
  for (int i = 0; i < ROUNDS; i++) {
    fill(all + (size_t)me * BYTES, me, i);
    GD_TRY(gd_world_barrier(w));
    const double t0 = gdi_now();
    memcpy(in, all + (size_t)next * BYTES, BYTES);
    if (i > 0) *seconds += gdi_now() - t0;
    *right &= holds(in, next, i);
    GD_TRY(gd_world_barrier(w));
  }
  return GD_OK;
}

static gd_status barriers(gd_world *w, double *seconds) {
  GD_TRY(gd_world_barrier(w));
  const double t0 = gdi_now();
  for (int i = 0; i < BARRIERS; i++) GD_TRY(gd_world_barrier(w));
  *seconds = (gdi_now() - t0) / BARRIERS;
  return GD_OK;
}

static gd_status measure(gdi_verify *v, char *out, char *in, gd_shared *shared) {
  gd_world *w = v->world;
  bool right = true;
  double seconds[3] = {0}, wrong;
  GD_TRY(ring(w, out, in, &seconds[0], &right));
  if (gd_world_groups(w) < gd_world_size(w)) GD_TRY(window(w, shared->data, in, &seconds[1], &right));
  GD_TRY(barriers(w, &seconds[2]));
  wrong = !right;
  GD_TRY(gd_world_allreduce_f64(w, seconds, 3, GD_MAX));
  GD_TRY(gd_world_allreduce_f64(w, &wrong, 1, GD_MAX));
  const double bytes = (double)(ROUNDS - 1) * BYTES / 1e9, message = bytes / seconds[0];
  char memory[60] = "";
  if (seconds[1] > 0) snprintf(memory, sizeof memory, "neighbour's memory %.2f GB/s, ", bytes / seconds[1]);
  const bool held = wrong == 0 && isfinite(message) && isfinite(seconds[2]);
  return gdi_report(v, "transport", held ? GD_PASS : GD_FAILED,
                    "%s: %smessages %.2f GB/s a rank, barrier %.1f us%s", gd_world_transport(w), memory,
                    message, 1e6 * seconds[2], wrong != 0 ? "; what arrived was not what was sent" : "");
}

gd_status gdi_check_transport(gdi_verify *v) {
  gd_world *w = v->world;
  if (gd_world_size(w) == 1) return gdi_report(v, "transport", GD_SKIPPED, "one rank");
  const gd_range ranks = gd_world_group_ranks(w, gd_world_group(w, gd_world_rank(w)));
  gd_shared shared;
  GD_TRY(gd_world_agree(w, gd_shared_new(w, &shared, (size_t)(ranks.hi - ranks.lo) * BYTES)));
  char *out = malloc(BYTES), *in = malloc(BYTES);
  gd_status st =
      gd_world_agree(w, out && in ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to measure the transport"));
  if (st == GD_OK) st = measure(v, out, in, &shared);
  free(out), free(in);
  gd_shared_free(w, &shared);
  return st;
}
