/* Normal values by number, drawn once: tests that give many tensors the same values spent most of their time in that. */
#ifndef GD_NORMALS_H
#define GD_NORMALS_H

#include <stdlib.h>

#include "gd/rng.h"
#include "test.h"

/* The first n values, or more, of stream `which` of `seed`, until the next call. For one thread. */
static inline const double *normals(uint64_t seed, uint64_t which, int64_t n) {
  static struct known {
    uint64_t seed, which;
    int64_t n;
    double *value;
    struct known *next;
  } * first;
  struct known *k = first;
  while (k && (k->seed != seed || k->which != which)) k = k->next;
  if (!k) {
    k = calloc(1, sizeof *k);
    assert_non_null(k);
    k->seed = seed, k->which = which, k->next = first, first = k;
  }
  if (k->n < n) {
    k->value = realloc(k->value, (size_t)n * sizeof *k->value);
    assert_non_null(k->value);
    for (; k->n < n; k->n++)
      k->value[k->n] = gd_rng_normal(gd_rng_stream(seed, GD_RNG_TEST, which), (uint64_t)k->n);
  }
  return k->value;
}

#endif
