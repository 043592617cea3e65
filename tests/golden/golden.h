/* Reads the text that make_golden.py writes. */
#ifndef GD_GOLDEN_H
#define GD_GOLDEN_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

typedef struct golden {
  FILE *f;
  char word[64]; /* the one just read: "case", "x", "loss" ...; empty at the end */
} golden;

static inline void golden_next(golden *g) {
  if (fscanf(g->f, "%63s", g->word) != 1) g->word[0] = 0;
}

static inline void golden_open(golden *g, const char *path) {
  g->f = fopen(path, "r");
  if (!g->f) fail_msg("cannot open %s", path);
  int c;
  while ((c = fgetc(g->f)) != '\n' && c != EOF) continue; /* the header */
  golden_next(g);
}

static inline bool golden_is(const golden *g, const char *word) {
  return strcmp(g->word, word) == 0;
}

/* The tensor that follows the word, as a value of the tape; then goes to the next word. */
static inline gd_tensor *golden_tensor(golden *g, gd_tape *t, gd_dtype type) {
  int ndim;
  int64_t shape[GD_MAX_DIMS], n = 1;
  assert_int_equal(fscanf(g->f, "%d", &ndim), 1);
  assert_in_range(ndim, 0, GD_MAX_DIMS);
  for (int i = 0; i < ndim; i++) {
    assert_int_equal(fscanf(g->f, "%ld", &shape[i]), 1);
    n *= shape[i];
  }
  double *values = malloc((size_t)n * sizeof *values);
  for (int64_t i = 0; i < n; i++) assert_int_equal(fscanf(g->f, "%lf", &values[i]), 1);
  gd_tensor *x = gd_values(t, type, values, ndim, shape);
  free(values);
  assert_non_null(x);
  golden_next(g);
  return x;
}

/* Element by element: !(|difference| <= atol + rtol |expected|) fails. */
static inline void assert_agrees(const char *what, const gd_tensor *got, const gd_tensor *expected,
                                 double rtol, double atol) {
  int64_t n = gd_numel(expected);
  assert_non_null(got);
  assert_int_equal(got->ndim, expected->ndim);
  for (int i = 0; i < got->ndim; i++) assert_int_equal(got->shape[i], expected->shape[i]);
  double *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
  assert_ok(gd_tensor_get(got, a, n));
  assert_ok(gd_tensor_get(expected, b, n));
  for (int64_t i = 0; i < n; i++)
    if (!(fabs(a[i] - b[i]) <= atol + rtol * fabs(b[i])))
      fail_msg("%s, element %lld: %.9g, torch has %.9g", what, (long long)i, a[i], b[i]);
  free(a);
  free(b);
}

#endif
