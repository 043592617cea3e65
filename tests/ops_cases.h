/* The cases of ops_cases.def as a table, and leaves for them on any device and in any type. */
#ifndef GD_OPS_CASES_H
#define GD_OPS_CASES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "ops/ops.h"
#include "test.h"

typedef gd_tensor *(*expression)(gd_tape *t, gd_tensor *const x[]);

typedef struct op_case {
  const gd_op *op;
  const char *name;
  expression f;
  double lo, hi;
  const char *torch, *shapes, *speed;
} op_case;

enum { MAX_LEAVES = 3, SMALL = 256 /* elements */ };

/* ---- what expressions are made of ---- */

static inline gd_tensor *as(gd_tape *t, gd_tensor *x, gd_dtype type) {
  return gd_cast(t, x, type);
}

static inline gd_tensor *positive(gd_tape *t, gd_tensor *x) {
  return gd_greater(t, gd_detach(t, x), gd_constant(t, x->dtype, 0));
}

/* Full of ties. */
static inline gd_tensor *whole(gd_tape *t, gd_tensor *x) {
  return gd_cast(t, gd_cast(t, x, GD_I32), x->dtype);
}

#define INDEX(...)                                                                                           \
  gd_values(t, GD_I64, (double[]){__VA_ARGS__}, GD_SHAPE(sizeof((double[]){__VA_ARGS__}) / sizeof(double)))

/* An index longer than what a GPU's block looks through at a time, and in no order. */
static inline gd_tensor *scattered(gd_tape *t, const gd_tensor *x) {
  enum { N = 5000 };
  static double index[N];
  for (int i = 0; i < N; i++) index[i] = (double)((i * 7919ll + i / 3) % x->shape[0]);
  return gd_values(t, GD_I64, index, GD_SHAPE(N));
}

static inline gd_tensor *six_labels(gd_tape *t) {
  return INDEX(1, 0, 4, 3, 2, 2);
}

static inline gd_tensor *five_weights(gd_tape *t, gd_dtype type) {
  return gd_values(t, type, (double[]){0.5, 2, 1, 3, 0.25}, GD_SHAPE(5));
}

/* 0.5, 1, 1.5, 0, 0.5 ... for rows of logits. */
static inline gd_tensor *weights_of_rows(gd_tape *t, const gd_tensor *x) {
  const int64_t C = x->shape[x->ndim - 1], B = C ? gd_numel(x) / C : 0;
  double *values = malloc((size_t)(B + 1) * sizeof *values);
  for (int64_t i = 0; i < B; i++) values[i] = 0.5 * (double)((i + 1) % 4);
  gd_tensor *w = gd_values(t, x->dtype, values, x->ndim - 1, x->shape);
  free(values);
  return w;
}

/* A label for each row of C logits; every fifth is ignored. */
static inline gd_tensor *labels_of(gd_tape *t, const gd_tensor *x) {
  const int64_t C = x->shape[x->ndim - 1], B = C ? gd_numel(x) / C : 0;
  double *values = malloc((size_t)(B + 1) * sizeof *values);
  for (int64_t i = 0; i < B; i++) values[i] = i % 5 == 3 ? -100 : (double)((i * 7 + 1) % C);
  gd_tensor *y = gd_values(t, GD_I64, values, x->ndim - 1, x->shape);
  free(values);
  return y;
}

/* ---- the table ---- */

#define CASE(op, name, lo, hi, value, torch, shapes, speed)                                                  \
  static gd_tensor *case_##name(gd_tape *t, gd_tensor *const x[]) {                                          \
    return (value);                                                                                          \
  }
#include "ops_cases.def"

static const op_case cases[] = {
#define CASE(op, name, lo, hi, value, torch, shapes, speed)                                                  \
  {&gdi_op_##op, #name, case_##name, lo, hi, torch, shapes, speed},
#include "ops_cases.def"
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* An operation added to the list of operations without a case turns this red. */
static inline void every_operation_has_a_case(void **state) {
  (void)state;
  static const gd_op *const ops[] = {
#define GDI_OP(name) &gdi_op_##name,
#include "ops/ops.def"
  };
  for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
    bool has = false;
    for (int i = 0; i < CASES; i++) has |= cases[i].op == ops[k];
    if (!has) fail_msg("%s has no case in tests/ops_cases.def", ops[k]->name);
  }
}

/* ---- leaves ---- */

/* Leaves of the shapes at `p`, up to ";" or the end; returns how many. Equal in both types, different among each other. */
static inline int leaves_at(const char *p, gd_device *d, gd_arena *a, const op_case *c, gd_dtype type,
                            gd_tensor *x[MAX_LEAVES]) {
  int n = 0;
  while (*p == ' ') p++;
  for (; *p && *p != ';'; n++) {
    int64_t shape[GD_MAX_DIMS];
    int ndim = 0;
    for (; *p && *p != ' ' && *p != ';'; p += *p == ',' || *p == '.')
      if (*p >= '0' && *p <= '9') shape[ndim++] = strtoll(p, (char **)&p, 10);
    while (*p == ' ') p++;
    assert_in_range(n, 0, MAX_LEAVES - 1);
    assert_ok(gd_tensor_new(&x[n], a, d, type, ndim, shape));
    const int64_t elements = gd_numel(x[n]);
    double *values = malloc((size_t)(elements + 1) * sizeof *values);
    gd_rng r = gd_rng_stream(7, GD_RNG_TEST, (uint64_t)n);
    for (int64_t i = 0; i < elements; i++)
      values[i] = (float)(c->lo + (c->hi - c->lo) * gd_rng_uniform(r, (uint64_t)i));
    assert_ok(gd_tensor_set(x[n], values, elements));
    assert_ok(gd_require_grad(x[n], true));
    free(values);
  }
  return n;
}

/* Calls f(user, c, shapes) for each of the shapes of each case. */
static inline void each_shape(void (*f)(const op_case *c, const char *shapes)) {
  for (int i = 0; i < CASES; i++)
    for (const char *p = cases[i].shapes; p; p = strchr(p, ';') ? strchr(p, ';') + 1 : NULL) f(&cases[i], p);
}

/* "2,3 3", of `p` up to the next ";" */
static inline const char *shape_text(const char *p) {
  static char text[64];
  snprintf(text, sizeof text, "%.*s", (int)strcspn(p, ";"), p);
  return text;
}

/* One for each element of y, all different, so that no element can hide another. Owner: caller, free() */
static inline double *weights_of(const gd_tensor *y) {
  double *weights = malloc((size_t)(gd_numel(y) + 1) * sizeof *weights);
  for (int64_t i = 0; i < gd_numel(y); i++) weights[i] = (float)cos(1 + 1.7 * (double)i);
  return weights;
}

/* Any result becomes a scalar by a sum with those weights; `user` is an op_case. */
static inline gd_tensor *weighted(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  gd_tensor *y = ((const op_case *)user)->f(t, leaves);
  (void)n;
  if (!y) return NULL;
  double *weights = weights_of(y);
  gd_tensor *w = gd_values(t, y->dtype, weights, y->ndim, y->shape);
  free(weights);
  return gd_sum(t, gd_mul(t, y, w), GD_ALL, false);
}

/* Have all leaves elements, and few of them? */
static inline bool is_small(gd_tensor *const x[], int n, int64_t most) {
  bool small = true;
  for (int k = 0; k < n; k++) small &= gd_numel(x[k]) > 0 && gd_numel(x[k]) <= most;
  return small;
}

#endif
