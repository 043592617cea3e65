/*
 * Random tests: how many cases, and from which seed, which is printed. A test draws from gd_rng_stream(test_seed(),
 * GD_RNG_TEST, case) and names the number of cases that convinces: that many by hand (GD_TEST_COUNT=full), a twentieth
 * otherwise, where they take time from every change.
 *
 *   GD_TEST_COUNT=full|N  GD_TEST_SEED=N  program      replays what a failure printed
 */
#ifndef GD_TEST_RANDOM_H
#define GD_TEST_RANDOM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { TEST_FEW = 200 }; /* so many cases take no time: all are run */

static inline uint64_t test_seed(void) {
  const char *seed = getenv("GD_TEST_SEED");
  return seed ? strtoull(seed, NULL, 0) : 1;
}

#ifdef __SANITIZE_ADDRESS__
enum { TEST_SHARE = 60 }; /* cases take longer under sanitizers, and are run without them too */
#else
enum { TEST_SHARE = 20 };
#endif

/* Of `full` cases, those to run now. */
static inline int64_t test_count(int64_t full) {
  const char *count = getenv("GD_TEST_COUNT");
  int64_t n = full / TEST_SHARE > TEST_FEW ? full / TEST_SHARE : full < TEST_FEW ? full : TEST_FEW;
  if (count) n = strcmp(count, "full") == 0 ? full : strtoll(count, NULL, 0);
  print_message("  GD_TEST_SEED=%llu GD_TEST_COUNT=%lld of %lld\n", (unsigned long long)test_seed(),
                (long long)n, (long long)full);
  return n;
}

/* Case k of `count`, drawn from its share of [0, size): every place once when count is size. */
static inline int64_t test_place(int64_t k, int64_t count, int64_t size, uint32_t draw) {
  const int64_t lo = k * size / count, hi = (k + 1) * size / count;
  return hi > lo ? lo + (int64_t)draw % (hi - lo) : lo;
}

#endif
