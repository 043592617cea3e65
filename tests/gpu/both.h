/* The same expression on the CPU and on a GPU: leaves of equal values, then results and gradients side by
 * side. */
#ifndef GD_BOTH_H
#define GD_BOTH_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "gd/gd.h"
#include "test.h"

static gd_device *cpu, *gpu;

typedef gd_tensor *(*expression)(gd_tape *t, gd_tensor *const x[]);

/* Up to three leaves: "2,3 3" is [2,3] and [3]; "." is a scalar. Values lie in [lo, hi]. */
typedef struct device_case {
  const gd_op *op;
  expression f;
  double lo, hi;
  const char *shapes;
} device_case;

enum { MAX_LEAVES = 3 };

/* 0; 77, for a test that is skipped, where there is no GPU. */
static int open_both(void) {
  gd_device_options o = {.kind = GD_CUDA, .threads = 1};
  if (gd_device_open(&gpu, &o) != GD_OK) {
    fprintf(stderr, "skipped: %s\n", gd_error_last()->message);
    return 77;
  }
  o.kind = GD_CPU;
  return gd_device_open(&cpu, &o) == GD_OK ? 0 : 1;
}

static void close_both(void) {
  gd_device_close(gpu);
  gd_device_close(cpu);
}

static int leaves_of(gd_device *d, gd_arena *a, const device_case *c, gd_dtype type, gd_tensor *x[]) {
  int n = 0;
  for (const char *p = c->shapes; *p; n++) {
    int64_t shape[GD_MAX_DIMS];
    int ndim = 0;
    for (; *p && *p != ' '; p += *p == ',' || *p == '.')
      if (*p >= '0' && *p <= '9') shape[ndim++] = strtoll(p, (char **)&p, 10);
    while (*p == ' ') p++;
    assert_ok(gd_tensor_new(&x[n], a, d, type, ndim, shape));
    int64_t elements = gd_numel(x[n]);
    double *values = malloc((size_t)(elements + 1) * sizeof *values);
    gd_rng r = gd_rng_stream(7, GD_RNG_TEST, (uint64_t)n);
    for (int64_t i = 0; i < elements; i++) /* equal in both types */
      values[i] = (float)(c->lo + (c->hi - c->lo) * gd_rng_uniform(r, (uint64_t)i));
    assert_ok(gd_tensor_set(x[n], values, elements));
    assert_ok(gd_require_grad(x[n], true));
    free(values);
  }
  return n;
}

/* What an expression gave: the result, then the gradient of each leaf after one and after two backward
 * passes. */
typedef struct outcome {
  int parts;
  int64_t n[1 + 2 * MAX_LEAVES];
  double *values[1 + 2 * MAX_LEAVES];
} outcome;

static void take(outcome *o, const gd_tensor *t) {
  o->n[o->parts] = gd_numel(t);
  o->values[o->parts] = malloc((size_t)(gd_numel(t) + 1) * sizeof(double));
  assert_ok(gd_tensor_get(t, o->values[o->parts++], gd_numel(t)));
}

static void forget(outcome *o) {
  while (o->parts > 0) free(o->values[--o->parts]);
}

/* One for each element of y, all different, equal in both types. Owner: caller, free() */
static double *weights_of(const gd_tensor *y) {
  double *weights = malloc((size_t)(gd_numel(y) + 1) * sizeof *weights);
  for (int64_t i = 0; i < gd_numel(y); i++) weights[i] = (float)cos(1 + 1.7 * (double)i);
  return weights;
}

/* The first pass overwrites gradients, the second one adds to them. */
static void take_gradients(outcome *o, gd_tape *t, gd_tensor *y, gd_tensor *const x[], int n) {
  gd_tensor *seed;
  double *weights = weights_of(y);
  assert_ok(gd_tensor_new(&seed, gd_tape_arena(t), y->device, y->dtype, y->ndim, y->shape));
  assert_ok(gd_tensor_set(seed, weights, gd_numel(y)));
  for (int pass = 0; pass < 2; pass++) {
    assert_ok(gd_backward(t, y, seed));
    for (int k = 0; k < n; k++)
      if (x[k]->has_grad) take(o, x[k]->grad);
  }
  free(weights);
}

static outcome play(gd_device *d, const device_case *c, gd_dtype type) {
  outcome o = {0};
  gd_arena *a;
  gd_tape *t;
  gd_tensor *x[MAX_LEAVES] = {0};
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tape_new(&t, d));
  int n = leaves_of(d, a, c, type, x);
  gd_tensor *y = c->f(t, x);
  assert_ok(gd_tape_status(t));
  take(&o, y);
  if (y->requires_grad) take_gradients(&o, t, y, x, n);
  gd_tape_free(t);
  gd_arena_free(a);
  return o;
}

/* Equal, both NaN, or within the roundings of the type. */
static bool agrees(gd_dtype type, double value, double expected) {
  if (value == expected || (value != value && expected != expected)) return true;
  return type == GD_F64 ? fabs(value - expected) <= 1e-12 * (1 + fabs(expected))
                        : fabs(value - expected) <= 2e-7 + 1e-6 * fabs(expected);
}

static void same_on_both(const device_case *c, gd_dtype type) {
  outcome expected = play(cpu, c, type), got = play(gpu, c, type);
  assert_int_equal(got.parts, expected.parts);
  for (int k = 0; k < got.parts; k++) {
    assert_int_equal(got.n[k], expected.n[k]);
    for (int64_t i = 0; i < got.n[k]; i++)
      if (!agrees(type, got.values[k][i], expected.values[k][i]))
        fail_msg("%s of %s %s, %s %d, element %lld: %.17g on the GPU, %.17g on the CPU", c->op->name,
                 gd_dtype_name(type), c->shapes, k ? "gradient" : "result", k, (long long)i, got.values[k][i],
                 expected.values[k][i]);
  }
  forget(&got);
  forget(&expected);
}

static void all_same_on_both(const device_case *cases, int n) {
  for (int i = 0; i < n; i++) {
    same_on_both(&cases[i], GD_F32);
    same_on_both(&cases[i], GD_F64);
  }
}

/* Any result becomes a scalar by a sum with weights that are all different. */
static gd_tensor *weighted(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  gd_tensor *y = ((const device_case *)user)->f(t, leaves);
  (void)n;
  if (!y) return NULL;
  double *weights = weights_of(y);
  gd_tensor *w = gd_values(t, y->dtype, weights, y->ndim, y->shape);
  free(weights);
  return gd_sum(t, gd_mul(t, y, w), GD_ALL, false);
}

/* Of the cases that have a gradient and are small. */
static void gradients_agree_with_differences(const device_case *cases, int n) {
  const gd_gradcheck_options o = {.max_elements = 5};
  for (int i = 0; i < n; i++) {
    gd_arena *a;
    gd_tensor *x[MAX_LEAVES] = {0};
    if (!cases[i].op->kernel[GD_CUDA].backward) continue;
    assert_ok(gd_arena_new(&a, "leaves"));
    int leaves = leaves_of(gpu, a, &cases[i], GD_F64, x);
    bool small = true;
    for (int k = 0; k < leaves; k++) small = small && gd_numel(x[k]) <= 200;
    if (small && gd_gradcheck(gpu, weighted, x, leaves, (void *)&cases[i], &o) != GD_OK)
      fail_msg("case %d, %s of %s: %s", i, cases[i].op->name, cases[i].shapes, gd_error_last()->message);
    gd_arena_free(a);
  }
}

/* Every operation is in one of these lists, each of which a test here tries out. */
static const gd_op *const element_wise[] = {
#define GDI_UNARY(name, ...)   &gdi_op_##name,
#define GDI_UNARY_1(name, ...) &gdi_op_##name,
#define GDI_UNARY_2(name, ...) &gdi_op_##name,
#define GDI_BINARY(name, ...)  &gdi_op_##name,
#define GDI_COMPARE(name, ...) &gdi_op_##name,
#include "ops/elementwise.def"
    &gdi_op_where, &gdi_op_cast, NULL};
static const gd_op *const reductions_and_moves[] = {
#define GDI_REDUCE(name, ...) &gdi_op_##name,
#include "ops/elementwise.def"
    &gdi_op_argmax,
    &gdi_op_reshape,
    &gdi_op_transpose,
    &gdi_op_slice,
    &gdi_op_index_select,
    &gdi_op_concat,
    NULL};
static const gd_op *const classification[] = {&gdi_op_softmax, &gdi_op_log_softmax, &gdi_op_cross_entropy,
                                              NULL};

/* An operation added to a list without a case turns this red. */
static void every_operation_has_a_case(const gd_op *const ops[], const device_case *cases, int n) {
  for (; *ops; ops++) {
    bool has = false;
    for (int i = 0; i < n; i++) has |= cases[i].op == *ops;
    if (!has) fail_msg("%s has no case", (*ops)->name);
  }
}

#endif
