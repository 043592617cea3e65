/* One application of an operation, on any device and in any type: what tests of the GPU's products
 * compare. */
#ifndef GD_PRODUCTS_H
#define GD_PRODUCTS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/linear.h"
#include "gd/gd.h"
#include "normals.h"
#include "test.h"

enum { INPUTS = 3, RESULTS = 1 + INPUTS };

typedef struct example {
  const gd_op *op;
  gd_activation act;
  gd_dtype type;
  int n_in;
  struct {
    int ndim; /* -1: the input is not given */
    int64_t shape[GD_MAX_DIMS];
  } in[INPUTS], out;
  bool add, unrecorded;
  bool unwanted[INPUTS]; /* gradients that nobody asks for */
  double scale[INPUTS];  /* of the input's values; 0: 1 */
} example;

/* The output, and the gradients of the inputs; NULL where there is none. */
typedef struct outcome {
  int64_t n[RESULTS];
  double *value[RESULTS];
} outcome;

static inline void forget(outcome *o) {
  for (int i = 0; i < RESULTS; i++) free(o->value[i]);
}

static inline gd_device *device_of(gd_device_kind kind, gd_matmul_type matmul) {
  gd_device *d;
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = kind, .threads = 1, .matmul = matmul}));
  return d;
}

/* Values by a function of the element's number: normal, or all the same. */
static inline gd_tensor *made(gd_device *d, gd_arena *a, gd_dtype type, int ndim, const int64_t shape[],
                              uint64_t seed, double scale, double constant) {
  gd_tensor *t;
  assert_ok(gd_tensor_new(&t, a, d, type, ndim, shape));
  const int64_t n = gd_numel(t);
  double *value = malloc((size_t)(n + 1) * sizeof *value);
  const double *v = seed ? normals(seed, 0, n) : NULL;
  for (int64_t i = 0; i < n; i++) {
    value[i] = v ? scale * v[i] : constant;
    value[i] = (double)(float)value[i]; /* equal in both types */
  }
  assert_ok(gd_tensor_set(t, value, n));
  free(value);
  return t;
}

static inline void keep(outcome *o, int i, const gd_tensor *t) {
  o->n[i] = gd_numel(t);
  o->value[i] = malloc((size_t)(o->n[i] + 1) * sizeof(double));
  assert_ok(gd_tensor_get(t, o->value[i], o->n[i]));
}

/* Forward, and backward unless it is not recorded; edit(the inputs) before, when there is an edit. */
static inline outcome apply_to(gd_device *d, const example *e, void (*edit)(gd_tensor *in[])) {
  gd_arena *arena;
  assert_ok(gd_arena_new(&arena, "test"));
  gd_tensor *in[INPUTS] = {NULL}, *din[INPUTS] = {NULL}, *dout;
  bool add[INPUTS] = {e->add, e->add, e->add};
  outcome o = {{0}, {NULL}};
  for (int i = 0; i < e->n_in; i++)
    if (e->in[i].ndim >= 0)
      in[i] = made(d, arena, e->type, e->in[i].ndim, e->in[i].shape, (uint64_t)i + 1,
                   e->scale[i] > 0 ? e->scale[i] : 1, 0);
  if (edit) edit(in);
  gdi_linear_params params = {.act = e->act}; /* matmul has none */
  gd_node n = {
      .op = e->op, .params = &params, .n_in = e->n_in, .in = in, .arena = arena, .recorded = !e->unrecorded};
  n.out = made(d, arena, e->type, e->out.ndim, e->out.shape, 0, 0, NAN);
  assert_ok(e->op->kernel[d->kind].forward(d, &n));
  if (!e->unrecorded) {
    dout = made(d, arena, e->type, e->out.ndim, e->out.shape, 9, 1, 0);
    for (int i = 0; i < e->n_in; i++)
      if (in[i] && !e->unwanted[i])
        din[i] = made(d, arena, e->type, in[i]->ndim, in[i]->shape, 0, 0, e->add ? 0.5 : NAN);
    assert_ok(e->op->kernel[d->kind].backward(d, &n, dout, din, add));
  }
  keep(&o, 0, n.out);
  for (int i = 0; i < e->n_in; i++)
    if (din[i]) keep(&o, 1 + i, din[i]);
  gd_arena_free(arena);
  return o;
}

static inline outcome apply(gd_device *d, const example *e) {
  return apply_to(d, e, NULL);
}

static inline void assert_near(const outcome *a, const outcome *b, double tolerance) {
  for (int i = 0; i < RESULTS; i++) {
    assert_int_equal(a->n[i], b->n[i]);
    for (int64_t k = 0; k < a->n[i]; k++)
      assert_close(a->value[i][k], b->value[i][k], tolerance * (1 + fabs(b->value[i][k])));
  }
}

static inline void assert_same(const outcome *a, const outcome *b) {
  for (int i = 0; i < RESULTS; i++) {
    assert_int_equal(a->n[i], b->n[i]);
    if (a->n[i]) assert_memory_equal(a->value[i], b->value[i], (size_t)a->n[i] * sizeof(double));
  }
}

/* Rounding errors of a sum of k products of numbers of size 1. */
static inline double tolerance(gd_dtype type, int64_t k) {
  return (type == GD_F64 ? 1e-15 : 5e-7) * (4 + 2 * (double)k);
}

static inline int64_t largest(int64_t a, int64_t b, int64_t c) {
  int64_t m = a > b ? a : b;
  return m > c ? m : c;
}

/* To nearest with ties to even, as products of that precision take their operands. */
static inline double bf16(double x) {
  float f = (float)x;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  memcpy(&f, &bits, sizeof f);
  return (double)f;
}

static inline bool no_gpu(void) {
  if (gd_device_gpus() > 0) return false;
  printf("skipped: no GPU is here\n");
  return true;
}

#endif
