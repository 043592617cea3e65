/* The same expression on the CPU and on a GPU: leaves of equal values, then results and gradients side by
 * side. */
#ifndef GD_BOTH_H
#define GD_BOTH_H

#include "ops_cases.h"

static gd_device *cpu, *gpu;

/* 0; 77, for a test that is skipped, where there is no GPU. */
static inline int open_both(void) {
  gd_device_options o = {.kind = GD_CUDA, .threads = 1};
  if (gd_device_open(&gpu, &o) != GD_OK) {
    fprintf(stderr, "skipped: %s\n", gd_error_last()->message);
    return 77;
  }
  o.kind = GD_CPU;
  return gd_device_open(&cpu, &o) == GD_OK ? 0 : 1;
}

static inline void close_both(void) {
  gd_device_close(gpu);
  gd_device_close(cpu);
}

/* What an expression gave: the result, then the gradient of each leaf after one and after two backward
 * passes. */
typedef struct outcome {
  int parts;
  int64_t n[1 + 2 * MAX_LEAVES];
  double *values[1 + 2 * MAX_LEAVES];
} outcome;

static inline void take(outcome *o, const gd_tensor *t) {
  o->n[o->parts] = gd_numel(t);
  o->values[o->parts] = malloc((size_t)(gd_numel(t) + 1) * sizeof(double));
  assert_ok(gd_tensor_get(t, o->values[o->parts++], gd_numel(t)));
}

static inline void forget(outcome *o) {
  while (o->parts > 0) free(o->values[--o->parts]);
}

/* The first pass overwrites gradients, the second one adds to them. */
static inline void take_gradients(outcome *o, gd_tape *t, gd_tensor *y, gd_tensor *const x[], int n) {
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

static inline outcome play(gd_device *d, const op_case *c, const char *shapes, gd_dtype type) {
  outcome o = {0};
  gd_arena *a;
  gd_tape *t;
  gd_tensor *x[MAX_LEAVES] = {0};
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tape_new(&t, d));
  int n = leaves_at(shapes, d, a, c, type, x);
  gd_tensor *y = c->f(t, x);
  assert_ok(gd_tape_status(t));
  take(&o, y);
  if (y->requires_grad) take_gradients(&o, t, y, x, n);
  gd_tape_free(t);
  gd_arena_free(a);
  return o;
}

/* Equal, both NaN, or within `roundings` of the type. */
static inline bool agrees_within(double roundings, gd_dtype type, double value, double expected) {
  if (value == expected || (value != value && expected != expected)) return true;
  return type == GD_F64 ? fabs(value - expected) <= 1e-12 * roundings * (1 + fabs(expected))
                        : fabs(value - expected) <= 2e-7 * roundings + 1e-6 * fabs(expected);
}

static inline bool agrees(gd_dtype type, double value, double expected) {
  return agrees_within(1, type, value, expected);
}

/* Sums of products, and differences of numbers as large as dy, keep the roundings of what went into them. */
static inline double roundings_of(const gd_op *op) {
  if (op->flops) return 1000; /* of some thousand, twice */
  static const gd_op *const sums[] = {&gdi_op_softmax, &gdi_op_log_softmax, &gdi_op_cross_entropy,
                                      &gdi_op_batch_norm, &gdi_op_group_norm};
  for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
    if (op == sums[i]) return 50;
  return 1;
}

static inline void same_on_both(const op_case *c, const char *shapes, gd_dtype type) {
  outcome expected = play(cpu, c, shapes, type), got = play(gpu, c, shapes, type);
  assert_int_equal(got.parts, expected.parts);
  for (int k = 0; k < got.parts; k++) {
    assert_int_equal(got.n[k], expected.n[k]);
    for (int64_t i = 0; i < got.n[k]; i++)
      if (!agrees_within(roundings_of(c->op), type, got.values[k][i], expected.values[k][i]))
        fail_msg("%s of %s %s, %s %d, element %lld: %.17g on the GPU, %.17g on the CPU", c->name,
                 gd_dtype_name(type), shape_text(shapes), k ? "gradient" : "result", k, (long long)i,
                 got.values[k][i], expected.values[k][i]);
  }
  forget(&got);
  forget(&expected);
}

#endif
