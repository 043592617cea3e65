/** @file partition.h  How work is divided among ranks, and the fixed tree in which sums are formed. */
#ifndef GD_PARTITION_H
#define GD_PARTITION_H

#include "gd/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Elements in the fixed blocks over which norms are summed and at which slices are cut. */
#define GD_BLOCK 4096

/** Half-open range lo <= i < hi. */
typedef struct gd_range {
  int64_t lo, hi;
} gd_range;

/** The part of n items that `part` of `parts` owns: contiguous, larger ones (by one item) first. */
GD_API gd_range gd_share(int64_t n, int64_t parts, int64_t part);
/** The part that owns item i: the inverse of gd_share(). */
GD_API int64_t gd_share_owner(int64_t n, int64_t parts, int64_t i);
/** The same in whole GD_BLOCKs of n elements, clipped to n. */
GD_API gd_range gd_share_blocks(int64_t n, int64_t parts, int64_t part);

/*
 * The summation tree over K leaves (micro-batches):
 *   node(lo, hi) = leaf lo                              if hi - lo == 1
 *                = node(lo, mid) + node(mid, hi)        with mid = gd_tree_mid(lo, hi)
 * It depends on K alone, so a sum has the same bits whichever ranks held the leaves.
 */

/** lo + the largest power of two below hi - lo; needs hi - lo >= 2. */
GD_API int64_t gd_tree_mid(int64_t lo, int64_t hi);
/** Is [lo, hi) a node of the tree over K leaves? */
GD_API bool gd_tree_is_node(int64_t K, int64_t lo, int64_t hi);
/** At most this many maximal nodes cover a run of leaves of a tree with fewer than 2^62 leaves. */
#define GD_TREE_MAX_COVER 124
/** The maximal nodes inside a run of leaves, left to right, into `nodes`; returns how many. */
GD_API int gd_tree_cover(int64_t K, gd_range run, gd_range nodes[GD_TREE_MAX_COVER]);
/** Tree sum of K doubles, `stride` doubles apart; 0 when K is 0. */
GD_API double gd_tree_sum(const double *leaves, int64_t K, int64_t stride);

#ifdef __cplusplus
}
#endif
#endif
