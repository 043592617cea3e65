#include "gd/rng.h"

#include <math.h>

#include "base/philox.h"

enum { FEISTEL_ROUNDS = 8 };

void gd_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
  gdi_philox(key[0], key[1], 1, &c[0], &c[1], &c[2], &c[3]);
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

gd_rng gd_rng_stream(uint64_t seed, gd_rng_purpose purpose, uint64_t index) {
  return (gd_rng){seed, (uint64_t)purpose << 56 ^ index};
}

static void block(gd_rng r, uint64_t i, uint32_t out[4]) {
  const uint32_t key[2] = {(uint32_t)r.seed, (uint32_t)(r.seed >> 32)};
  const uint32_t counter[4] = {(uint32_t)i, (uint32_t)(i >> 32), (uint32_t)r.stream,
                               (uint32_t)(r.stream >> 32)};
  gd_philox4x32(key, counter, out);
}

uint32_t gd_rng_u32(gd_rng r, uint64_t i) {
  uint32_t w[4];
  block(r, i, w);
  return w[0];
}

uint64_t gd_rng_u64(gd_rng r, uint64_t i) {
  uint32_t w[4];
  block(r, i, w);
  return (uint64_t)w[1] << 32 | w[0];
}

static double unit(uint64_t u) {
  return (double)(u >> 11) * 0x1p-53;
}

double gd_rng_uniform(gd_rng r, uint64_t i) {
  return unit(gd_rng_u64(r, i));
}

double gd_rng_normal(gd_rng r, uint64_t i) {
  uint32_t w[4];
  block(r, i, w);
  double u = 1 - unit((uint64_t)w[1] << 32 | w[0]); /* (0, 1]: its logarithm is finite */
  double v = unit((uint64_t)w[3] << 32 | w[2]);
  return sqrt(-2 * log(u)) * cos(6.283185307179586476925 * v);
}

int64_t gd_rng_below(gd_rng r, uint64_t i, int64_t n) {
  return (int64_t)(((unsigned __int128)gd_rng_u64(r, i) * (uint64_t)n) >> 64);
}

/* A mixing function for the Feistel rounds: the finaliser of SplitMix64 over half a word and a round key. */
static uint64_t mix(uint64_t x, uint64_t key) {
  x = (x ^ key) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

gd_permutation gd_permutation_make(gd_rng r, int64_t n) {
  gd_permutation p = {.n = n, .half = 1};
  while (p.half < 31 && (int64_t)1 << 2 * p.half < n) p.half++;
  p.mask = ((uint64_t)1 << p.half) - 1;
  for (int k = 0; k < FEISTEL_ROUNDS; k++) p.key[k] = gd_rng_u64(r, (uint64_t)k);
  return p;
}

int64_t gd_permutation_at(const gd_permutation *p, int64_t i) {
  uint64_t x = (uint64_t)i;
  do { /* the walk ends: a permutation of a superset returns to the subset */
    uint64_t left = x >> p->half, right = x & p->mask;
    for (int k = 0; k < FEISTEL_ROUNDS; k++) {
      uint64_t next = left ^ (mix(right, p->key[k]) & p->mask);
      left = right, right = next;
    }
    x = left << p->half | right;
  } while (x >= (uint64_t)p->n);
  return (int64_t)x;
}

int64_t gd_permute(gd_rng r, int64_t i, int64_t n) {
  gd_permutation p = gd_permutation_make(r, n);
  return gd_permutation_at(&p, i);
}
