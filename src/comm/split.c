/* Worlds inside a world: ranks of one colour get groups, barriers and messages of their own. */
#include <stdlib.h>
#include <string.h>

#include "comm/layout.h"

/* Members of this colour in the parent's order: hosts stay contiguous, and are numbered anew. */
static void take_members(gd_world *w, const gd_world *parent, const int *colour) {
  int host = -1;
  w->size = w->hosts = 0;
  for (int r = 0; r < parent->size; r++) {
    if (colour[r] != colour[parent->rank]) continue;
    const gdi_place *p = &parent->place[r];
    if (p->host != host) host = p->host, w->hosts++;
    w->place[w->size] = *p;
    w->place[w->size].host = w->hosts - 1;
    if (r == parent->rank) w->rank = w->size;
    if (host == parent->place[parent->rank].host) {
      if (r == parent->rank) w->local_rank = w->local_size;
      w->local_size++;
    }
    w->size++;
  }
}

static gd_status divide(gd_world *w, gd_world *parent, const int *colour) {
  const size_t n = (size_t)parent->size;
  w->comm = w->group_comm = MPI_COMM_NULL;
  w->deadline_s = parent->deadline_s;
  w->cores = parent->cores, w->crowded = parent->crowded, w->seat = parent->seat;
  w->place = calloc(n, sizeof *w->place);
  w->group_ranks = calloc(n, sizeof *w->group_ranks);
  if (!w->place || !w->group_ranks)
    return GD_FAIL(GD_ERR_OOM, "no memory for a world inside a world of %zu ranks", n);
  take_members(w, parent, colour);
  gdi_layout_groups(w, false);
  if (!parent->mpi) return GD_OK; /* alone */
  w->mpi = true;
  memcpy(w->watchdog.host, parent->watchdog.host, sizeof w->watchdog.host);
  w->watchdog.rank = parent->rank;
  gd_status st = gdi_watchdog_start(&w->watchdog, w->deadline_s + 3 * gdi_grace_s(w));
  gdi_watch(&parent->watchdog, "dividing the world");
  int code = MPI_Comm_split(parent->comm, colour[parent->rank], parent->rank, &w->comm);
  gdi_unwatch(&parent->watchdog);
  GDI_TRY_MPI(parent, code, "dividing the world");
  GD_TRY(gd_world_agree(parent, st));
  return gdi_layout_share(w, parent->groups == parent->size ? GD_TRANSPORT_MPI : GD_TRANSPORT_AUTO);
}

gd_status gd_world_split(gd_world **out, gd_world *parent, int colour) {
  *out = NULL;
  int *all = calloc((size_t)parent->size, sizeof *all);
  gd_world *w = calloc(1, sizeof *w);
  gd_status st = all && w ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a world inside the world");
  st = gd_world_agree(parent, st);
  if (st == GD_OK) {
    all[parent->rank] = colour;
    st = gd_world_allgather(parent, all, sizeof *all);
    if (st == GD_OK) st = divide(w, parent, all);
    st = gd_world_agree(parent, st);
  }
  free(all);
  if (st == GD_OK) {
    *out = w;
    return GD_OK;
  }
  gd_world_finish(w);
  return st;
}

double gd_world_set_deadline(gd_world *w, double seconds) {
  const double before = w->deadline_s;
  w->deadline_s = seconds;
  w->watchdog.limit_s = seconds + 3 * gdi_grace_s(w);
  return before;
}
