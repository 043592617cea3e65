#include "gd/partition.h"

gd_range gd_share(int64_t n, int64_t parts, int64_t part) {
  int64_t size = n / parts, extra = n % parts;
  int64_t lo = part * size + (part < extra ? part : extra);
  return (gd_range){lo, lo + size + (part < extra)};
}

int64_t gd_share_owner(int64_t n, int64_t parts, int64_t i) {
  int64_t size = n / parts, extra = n % parts;
  int64_t in_larger = extra * (size + 1);
  return i < in_larger ? i / (size + 1) : extra + (i - in_larger) / size;
}

gd_range gd_share_blocks(int64_t n, int64_t parts, int64_t part) {
  gd_range blocks = gd_share((n + GD_BLOCK - 1) / GD_BLOCK, parts, part);
  gd_range r = {blocks.lo * GD_BLOCK, blocks.hi * GD_BLOCK};
  if (r.lo > n) r.lo = n;
  if (r.hi > n) r.hi = n;
  return r;
}

int64_t gd_tree_mid(int64_t lo, int64_t hi) {
  int64_t half = 1;
  while (2 * half < hi - lo) half *= 2;
  return lo + half;
}

bool gd_tree_is_node(int64_t K, int64_t lo, int64_t hi) {
  if (lo < 0 || hi > K || lo >= hi) return false;
  for (int64_t a = 0, b = K;;) {
    if (a == lo && b == hi) return true;
    if (b - a < 2) return false;
    int64_t mid = gd_tree_mid(a, b);
    if (hi <= mid)
      b = mid;
    else if (lo >= mid)
      a = mid;
    else
      return false;
  }
}

static int cover(int64_t lo, int64_t hi, gd_range run, gd_range *nodes) {
  if (hi <= run.lo || run.hi <= lo) return 0;
  if (run.lo <= lo && hi <= run.hi) {
    *nodes = (gd_range){lo, hi};
    return 1;
  }
  int64_t mid = gd_tree_mid(lo, hi);
  int left = cover(lo, mid, run, nodes);
  return left + cover(mid, hi, run, nodes + left);
}

int gd_tree_cover(int64_t K, gd_range run, gd_range nodes[GD_TREE_MAX_COVER]) {
  return K > 0 && run.lo < run.hi ? cover(0, K, run, nodes) : 0;
}

static double tree_sum(const double *leaf, int64_t lo, int64_t hi, int64_t stride) {
  if (hi - lo == 1) return leaf[lo * stride];
  int64_t mid = gd_tree_mid(lo, hi);
  return tree_sum(leaf, lo, mid, stride) + tree_sum(leaf, mid, hi, stride);
}

double gd_tree_sum(const double *leaves, int64_t K, int64_t stride) {
  return K > 0 ? tree_sum(leaves, 0, K, stride) : 0;
}
