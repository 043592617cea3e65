#include "comm/world.h"

#include <unistd.h>

void gdi_cores_own(cpu_set_t *mask) {
  CPU_ZERO(mask);
  if (sched_getaffinity(0, sizeof *mask, mask) == 0) return;
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  for (int c = 0; c < online && c < CPU_SETSIZE; c++) CPU_SET(c, mask);
}

static int ranks_sharing(const cpu_set_t *masks, int n, const cpu_set_t *mask) {
  int sharing = 0;
  for (int i = 0; i < n; i++) {
    cpu_set_t both;
    CPU_AND(&both, &masks[i], mask);
    sharing += CPU_COUNT(&both) > 0;
  }
  return sharing;
}

int gdi_cores_share(const cpu_set_t *masks, int n, int self, bool *crowded) {
  *crowded = false;
  for (int i = 0; i < n; i++) *crowded |= ranks_sharing(masks, n, &masks[i]) > CPU_COUNT(&masks[i]);
  const int sharing = ranks_sharing(masks, n, &masks[self]); /* 0: of an empty mask */
  const int cores = sharing > 0 ? CPU_COUNT(&masks[self]) / sharing : 1;
  return cores > 0 ? cores : 1;
}

int gd_world_cores(const gd_world *w) {
  return w->cores;
}
