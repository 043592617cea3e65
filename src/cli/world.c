/* How every command begins and ends: the world is joined, an error is told once. */
#include <string.h>

#include "cli/cli.h"

gd_status gdi_join(gd_world **w, gd_status before, const gd_options *o) {
  gd_error cause = *gd_error_last();
  gd_world_options world = {.deadline_s = o ? o->deadline : 0};
  if (o && strcmp(o->transport, "shm") == 0) world.transport = GD_TRANSPORT_SHM;
  if (o && strcmp(o->transport, "mpi") == 0) world.transport = GD_TRANSPORT_MPI;
  gdi_console_listen();
  gd_status st = gd_world_init(w, &world);
  if (st != GD_OK) {
    *w = NULL;
    return before == GD_OK ? st : gd_error_adopt(&cause);
  }
  gdi_console_open(gd_world_rank(*w), o ? o->progress : "auto");
  if (before != GD_OK) (void)gd_error_adopt(&cause);
  return gd_world_agree(*w, before);
}

gd_status gdi_leave(gd_world *w, gd_status st) {
  /* An agreed error is printed by rank 0; a communication error by every rank that has it. */
  if (st != GD_OK && (!w || gd_world_rank(w) == 0 || st == GD_ERR_COMM)) gdi_console_error(st);
  gdi_console_close();
  if (w && st == GD_ERR_COMM) gd_world_abort(w, gd_status_exit_code(st));
  gd_world_finish(w);
  return st;
}
