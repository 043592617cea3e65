#include "comm/world.h"

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
  int cores = CPU_COUNT(&masks[self]) / ranks_sharing(masks, n, &masks[self]);
  return cores > 0 ? cores : 1;
}

int gd_world_cores(const gd_world *w) {
  return w->cores;
}
