/* Error messages for ranks that do not answer. */
#include <stdio.h>
#include <stdlib.h>

#include "comm/world.h"

double gdi_grace_s(const gd_world *w) {
  double s = w->deadline_s / 4;
  return s < 0.5 ? 0.5 : s > 5 ? 5 : s;
}

/* The record names the rank at fault, not the one that noticed. */
static gd_status blame(const gd_world *w, int rank) {
  gd_error e = *gd_error_last();
  e.rank = rank;
  snprintf(e.host, sizeof e.host, "%s", w->place[rank].name);
  return gd_error_adopt(&e);
}

gd_status gdi_lost(gd_world *w, const bool missing[], const char *what) {
  char list[320] = "";
  int first = -1, n = 0;
  size_t used = 0;
  for (int r = 0; r < w->size; r++) {
    if (!missing[r]) continue;
    if (n++ == 0) first = r;
    if (used < sizeof list - 100)
      used += (size_t)snprintf(list + used, sizeof list - used, "%srank %d on host %s", n > 1 ? ", " : "", r,
                               w->place[r].name);
  }
  w->broken = true;
  if (n == 0)
    return GD_FAIL(GD_ERR_COMM,
                   "%s did not finish within %g s although every rank answers: ranks wait for each other",
                   what, w->deadline_s);
  (void)GD_FAIL(GD_ERR_COMM, "%s%s not arrived at %s within %g s (%d of %d ranks missing)", list,
                n > 1 ? " ... have" : " has", what, w->deadline_s, n, w->size);
  return blame(w, first);
}

gd_status gdi_mpi_failed(gd_world *w, int code, const char *what) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length;
  MPI_Error_string(code, text, &length);
  w->broken = true;
  return GD_FAIL(GD_ERR_COMM, "%s failed: %s", what, text);
}

gd_status gd_world_fail_alone(gd_world *w, gd_status st) {
  const gd_error *e = gd_error_last();
  if (st == GD_OK || st == GD_ERR_COMM || w->size == 1) return st;
  gd_message(GD_LOG_ERROR, "%s (rank %d on %s)", e->message, w->rank, w->place[w->rank].name);
  gd_world_abort(w, gd_status_exit_code(st));
}

void gd_world_abort(gd_world *w, int exit_code) {
  if (w && w->mpi) {
    gdi_watch(&w->watchdog, "MPI_Abort");
    MPI_Abort(w->comm, exit_code);
  }
  _Exit(exit_code);
}
