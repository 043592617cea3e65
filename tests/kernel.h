/* What tests and benchmarks of single kernels need: tensors of random values, and nodes without a tape. */
#ifndef GD_KERNEL_H
#define GD_KERNEL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "device/cpu/cpu.h"
#include "ops/ops.h"
#include "normals.h"
#include "test.h"

typedef struct bed {
  gd_device *d;
  gd_arena *arena;
} bed;

static inline bed bed_open(int threads, gd_matmul_type matmul) {
  bed b;
  assert_ok(gd_device_open(&b.d, &(gd_device_options){.kind = GD_CPU, .threads = threads, .matmul = matmul}));
  assert_ok(gd_arena_new(&b.arena, "test"));
  return b;
}

static inline void bed_close(bed b) {
  gd_arena_free(b.arena);
  gd_device_close(b.d);
}

static inline double value_at(const gd_tensor *t, int64_t i) {
  return t->dtype == GD_F64 ? ((double *)t->data)[i] : (double)((float *)t->data)[i];
}

static inline void set_at(gd_tensor *t, int64_t i, double v) {
  if (t->dtype == GD_F64)
    ((double *)t->data)[i] = v;
  else
    ((float *)t->data)[i] = (float)v;
}

/* Normal values that depend on the seed alone, not on the type. */
static inline gd_tensor *random_tensor(bed b, gd_dtype type, uint64_t seed, int ndim, const int64_t shape[]) {
  gd_tensor *t;
  assert_ok(gdi_tensor_make(&t, b.arena, b.d, type, ndim, shape, NULL));
  const double *v = normals(seed, 0, gd_numel(t));
  for (int64_t i = 0; i < gd_numel(t); i++) set_at(t, i, v[i]);
  return t;
}

/* A recorded node with params of zeros; its output has undefined values. */
static inline gd_node *make_node(bed b, const gd_op *op, int n_in, gd_tensor *const in[], int ndim,
                                 const int64_t shape[]) {
  gd_node *n = gd_arena_zalloc(b.arena, sizeof *n);
  n->op = op, n->n_in = n_in, n->arena = b.arena, n->recorded = true;
  n->params = gd_arena_zalloc(b.arena, op->params_bytes + 1);
  n->in = gd_arena_alloc(b.arena, (size_t)n_in * sizeof *n->in);
  memcpy(n->in, in, (size_t)n_in * sizeof *n->in);
  assert_ok(gdi_tensor_make(&n->out, b.arena, b.d, in[0]->dtype, ndim, shape, NULL));
  return n;
}

static inline gd_status forward(bed b, gd_node *n) {
  return n->op->kernel[b.d->kind].forward(b.d, n);
}

static inline gd_status backward(bed b, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  return n->op->kernel[b.d->kind].backward(b.d, n, dout, din, add);
}

/* For kernels that must give equal bits: compares memory. */
static inline void assert_same_bits(const gd_tensor *a, const gd_tensor *b) {
  assert_int_equal(gd_tensor_bytes(a), gd_tensor_bytes(b));
  assert_memory_equal(a->data, b->data, gd_tensor_bytes(a));
}

#endif
