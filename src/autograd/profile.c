/* Where the time of a tape goes. */
#include <stdlib.h>

#include "autograd/autograd.h"
#include "base/clock.h"

static gdi_profile_row *row_of(gdi_profile *p, const gd_scope *s) {
  for (int i = 0; i < p->rows; i++)
    if (p->row[i].scope == s) return &p->row[i];
  if (p->rows == p->room) {
    const int room = p->room ? 2 * p->room : 64;
    gdi_profile_row *larger = realloc(p->row, (size_t)room * sizeof *larger);
    if (!larger) return NULL;
    p->row = larger, p->room = room;
  }
  p->row[p->rows] = (gdi_profile_row){.scope = s};
  return &p->row[p->rows++];
}

gd_status gdi_profiled(gd_tape *t, gd_node *n, int pass, gd_status (*work)(gd_tape *t, gd_node *n)) {
  gdi_profile *p = t->profile;
  if (!p) return work(t, n);
  gdi_profile_row *row = row_of(p, n->scope);
  if (!row) return GD_FAIL(GD_ERR_OOM, "no memory for a profile");
  const ptrdiff_t at = row - p->row; /* what is applied inside may move the rows */
  const double outside = p->inside, t0 = gdi_now();
  p->inside = 0;
  const gd_status st = work(t, n);
  const double taken = gdi_now() - t0;
  p->row[at].seconds[pass] += taken - p->inside;
  p->inside = outside + taken;
  return st;
}

void gdi_profile_free(gdi_profile *p) {
  free(p->row);
  *p = (gdi_profile){0};
}
