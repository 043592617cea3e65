/* Random numbers and the order of samples as code to be inlined, on the host and on a GPU (gd/rng.h). */
#ifndef GDI_BASE_PERMUTE_H
#define GDI_BASE_PERMUTE_H

#include "base/philox.h"
#include "gd/rng.h"

enum { GDI_FEISTEL_ROUNDS = 8 };

/* The four words of block i of a stream. */
GDI_BOTH void gdi_rng_block(gd_rng r, uint64_t i, uint32_t word[4]) {
  word[0] = (uint32_t)i, word[1] = (uint32_t)(i >> 32);
  word[2] = (uint32_t)r.stream, word[3] = (uint32_t)(r.stream >> 32);
  gdi_philox((uint32_t)r.seed, (uint32_t)(r.seed >> 32), 1, &word[0], &word[1], &word[2], &word[3]);
}

GDI_BOTH uint64_t gdi_rng_word64(gd_rng r, uint64_t i) {
  uint32_t word[4];
  gdi_rng_block(r, i, word);
  return (uint64_t)word[1] << 32 | word[0];
}

GDI_BOTH int64_t gdi_rng_number_below(gd_rng r, uint64_t i, int64_t n) {
  return (int64_t)(((unsigned __int128)gdi_rng_word64(r, i) * (uint64_t)n) >> 64);
}

/* A mixing function for the Feistel rounds: the finaliser of SplitMix64 over half a word and a round key. */
GDI_BOTH uint64_t gdi_permutation_mix(uint64_t x, uint64_t key) {
  x = (x ^ key) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

GDI_BOTH int64_t gdi_permuted(const gd_permutation *p, int64_t i) {
  uint64_t x = (uint64_t)i;
  do { /* the walk ends: a permutation of a superset returns to the subset */
    uint64_t left = x >> p->half, right = x & p->mask;
    for (int k = 0; k < GDI_FEISTEL_ROUNDS; k++) {
      uint64_t next = left ^ (gdi_permutation_mix(right, p->key[k]) & p->mask);
      left = right, right = next;
    }
    x = left << p->half | right;
  } while (x >= (uint64_t)p->n);
  return (int64_t)x;
}

/* The order of the samples of one epoch, but for block shuffle: everything that a position needs. */
typedef enum gdi_order_kind { GDI_ORDER_PLAIN, GDI_ORDER_PERMUTED, GDI_ORDER_DRAWN } gdi_order_kind;
typedef struct gdi_order_key {
  gdi_order_kind kind;
  bool split; /* the samples are a part of the set: positions first ... of `parts` */
  int64_t n;  /* samples of the part */
  int64_t first;
  gd_permutation samples, parts;
  gd_rng draws; /* with replacement */
} gdi_order_key;

/* The sample at a position of the epoch. */
GDI_BOTH int64_t gdi_order_sample(const gdi_order_key *k, int64_t position) {
  int64_t i = position;
  if (k->kind == GDI_ORDER_DRAWN) i = gdi_rng_number_below(k->draws, (uint64_t)position, k->n);
  if (k->kind == GDI_ORDER_PERMUTED) i = gdi_permuted(&k->samples, position);
  return k->split ? gdi_permuted(&k->parts, k->first + i) : i;
}

#endif
