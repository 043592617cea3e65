/** @file rng.h  Counter-based random numbers: pure functions of (seed, stream, index), equal on all ranks. */
#ifndef GD_RNG_H
#define GD_RNG_H

#include "gd/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One block of Philox4x32-10.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
GD_API void gd_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/** A stream of random numbers with random access. Copy it freely: it holds no position. */
typedef struct gd_rng {
  uint64_t seed;
  uint64_t stream; /**< what it is for: use gd_rng_stream() so that purposes never collide */
} gd_rng;

/** What random numbers are drawn for. Append only: another order would change the results of old runs. */
typedef enum gd_rng_purpose {
  GD_RNG_INIT = 1, /**< index: ordinal of the parameter */
  GD_RNG_SHUFFLE,  /**< index: epoch */
  GD_RNG_DROPOUT,  /**< index: step and ordinal of the call */
  GD_RNG_SPLIT,    /**< index: 0 */
  GD_RNG_GENERATE, /**< index: generator's own */
  GD_RNG_AUGMENT,
  GD_RNG_TEST,
  GD_RNG_BALANCE, /**< index: 2 group, 2 (class, pass) + 1 of the balanced sampler */
} gd_rng_purpose;

GD_API gd_rng gd_rng_stream(uint64_t seed, gd_rng_purpose purpose, uint64_t index);
GD_API uint32_t gd_rng_u32(gd_rng r, uint64_t i);
GD_API uint64_t gd_rng_u64(gd_rng r, uint64_t i);
/** Uniform on [0, 1), 53 bits. */
GD_API double gd_rng_uniform(gd_rng r, uint64_t i);
/** Standard normal (Box-Muller). */
GD_API double gd_rng_normal(gd_rng r, uint64_t i);
/** Uniform on 0 .. n-1 (n >= 1), up to a bias below n / 2^64. */
GD_API int64_t gd_rng_below(gd_rng r, uint64_t i, int64_t n);

/**
 * A pseudo-random permutation of 0 .. n-1 with random access: O(1) each, nothing stored but its keys.
 * Math: a balanced Feistel network over the next power of four, walked until it lands below n.
 */
typedef struct gd_permutation {
  uint64_t key[8], mask;
  int half;
  int64_t n;
} gd_permutation;
GD_API gd_permutation gd_permutation_make(gd_rng r, int64_t n);
/** Where position `i` (0 .. n-1) goes. */
GD_API int64_t gd_permutation_at(const gd_permutation *p, int64_t i);
/** The same for a single position: gd_permutation_make() and gd_permutation_at(). */
GD_API int64_t gd_permute(gd_rng r, int64_t i, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
