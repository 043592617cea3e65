#include "gd/rng.h"

#include <math.h>

#include "base/permute.h"

void gd_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
  gdi_philox(key[0], key[1], 1, &c[0], &c[1], &c[2], &c[3]);
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

gd_rng gd_rng_stream(uint64_t seed, gd_rng_purpose purpose, uint64_t index) {
  return (gd_rng){seed, (uint64_t)purpose << 56 ^ index};
}

uint32_t gd_rng_u32(gd_rng r, uint64_t i) {
  uint32_t w[4];
  gdi_rng_block(r, i, w);
  return w[0];
}

uint64_t gd_rng_u64(gd_rng r, uint64_t i) {
  return gdi_rng_word64(r, i);
}

static double unit(uint64_t u) {
  return (double)(u >> 11) * 0x1p-53;
}

double gd_rng_uniform(gd_rng r, uint64_t i) {
  return unit(gd_rng_u64(r, i));
}

double gd_rng_normal(gd_rng r, uint64_t i) {
  uint32_t w[4];
  gdi_rng_block(r, i, w);
  double u = 1 - unit((uint64_t)w[1] << 32 | w[0]); /* (0, 1]: its logarithm is finite */
  double v = unit((uint64_t)w[3] << 32 | w[2]);
  return sqrt(-2 * log(u)) * cos(6.283185307179586476925 * v);
}

int64_t gd_rng_below(gd_rng r, uint64_t i, int64_t n) {
  return gdi_rng_number_below(r, i, n);
}

gd_permutation gd_permutation_make(gd_rng r, int64_t n) {
  gd_permutation p = {.n = n, .half = 1};
  while (p.half < 31 && (int64_t)1 << 2 * p.half < n) p.half++;
  p.mask = ((uint64_t)1 << p.half) - 1;
  for (int k = 0; k < GDI_FEISTEL_ROUNDS; k++) p.key[k] = gd_rng_u64(r, (uint64_t)k);
  return p;
}

int64_t gd_permutation_at(const gd_permutation *p, int64_t i) {
  return gdi_permuted(p, i);
}

int64_t gd_permute(gd_rng r, int64_t i, int64_t n) {
  gd_permutation p = gd_permutation_make(r, n);
  return gd_permutation_at(&p, i);
}
