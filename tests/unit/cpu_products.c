/* Matrix products and linear layers: right for every shape, and of equal bits on any number of threads. */
#include "device/cpu/panels.h"
#include "kernel.h"
#include "ops/linear.h"

/* The operand as products take it. Owner: caller, free() */
static double *rounded(bed b, const gd_tensor *t) {
  const bool bf16 = gdi_product_type(b.d, t->dtype) == GD_BF16;
  const int64_t n = gd_numel(t);
  double *v = malloc((size_t)(n + 1) * sizeof *v);
  for (int64_t i = 0; i < n; i++) {
    v[i] = value_at(t, i);
    if (!bf16) continue;
    float f = (float)v[i];
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&f, &bits, sizeof bits);
    v[i] = (double)f;
  }
  return v;
}

/* Rounding errors of a sum of k products of numbers of size 1. */
static double tolerance(gd_dtype type, int64_t k) {
  return (type == GD_F64 ? 1e-15 : 5e-7) * (4 + 2 * (double)k);
}

/* c[m,n] (with leading dimension n) against a sum of products by index functions of strides. */
static void check(bed b, const gd_tensor *c, int64_t c0, int64_t m, int64_t n, int64_t k, const gd_tensor *x,
                  int64_t x0, int64_t xi, int64_t xk, const gd_tensor *y, int64_t y0, int64_t yk, int64_t yj,
                  double before) {
  const double near = tolerance(c->dtype, k);
  double *const xs = rounded(b, x), *const ys = rounded(b, y);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = before;
      for (int64_t l = 0; l < k; l++) sum += xs[x0 + i * xi + l * xk] * ys[y0 + l * yk + j * yj];
      assert_close(value_at(c, c0 + i * n + j), sum, near);
    }
  free(xs), free(ys);
}

static gd_tensor *filled(bed b, const gd_tensor *like, double v) {
  gd_tensor *t = random_tensor(b, like->dtype, 1, like->ndim, like->shape);
  for (int64_t i = 0; i < gd_numel(t); i++) set_at(t, i, v);
  return t;
}

typedef struct results {
  gd_tensor *t[5];
  int n;
} results;

/* `known`: results of equal bits have been compared with the plain loops. */
static results matmul(bed b, gd_dtype type, int64_t m, int64_t k, int64_t n, bool add, bool known) {
  gd_tensor *x = random_tensor(b, type, 1, GD_SHAPE(m, k)), *w = random_tensor(b, type, 2, GD_SHAPE(k, n)),
            *dy = random_tensor(b, type, 3, GD_SHAPE(m, n));
  gd_node *node = make_node(b, &gdi_op_matmul, 2, (gd_tensor *[]){x, w}, GD_SHAPE(m, n));
  gd_tensor *dx = filled(b, x, add ? 0.5 : NAN), *dw = filled(b, w, add ? 0.5 : NAN);
  assert_ok(forward(b, node));
  assert_ok(backward(b, node, dy, (gd_tensor *[]){dx, dw}, (bool[]){add, add}));
  const results found = {{node->out, dx, dw}, 3};
  if (known) return found;
  check(b, node->out, 0, m, n, k, x, 0, k, 1, w, 0, n, 1, 0);
  check(b, dx, 0, m, k, n, dy, 0, n, 1, w, 0, 1, n, add ? 0.5 : 0);
  check(b, dw, 0, k, n, m, x, 0, 1, k, dy, 0, n, 1, add ? 0.5 : 0);
  return found;
}

static const int64_t shapes[][3] = {{1, 1, 1},    {3, 5, 7},     {64, 17, 10},  {33, 1, 300},
                                    {32, 300, 1}, {5, 784, 40},  {0, 4, 3},     {4, 0, 3},
                                    {4, 3, 0},    {65, 64, 513}, {17, 20, 530}, {70, 257, 19},
                                    {1, 90, 260}, {130, 12, 33}, {1030, 18, 20}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void every_shape_is_right_and_threads_change_no_bit(void **state) {
  (void)state;
  const struct {
    gd_dtype type;
    gd_matmul_type matmul;
  } kind[] = {{GD_F32, GD_MATMUL_NATIVE}, {GD_F64, GD_MATMUL_NATIVE}, {GD_F32, GD_MATMUL_BF16}};
  for (int k = 0; k < 3; k++) {
    bed b[3];
    for (int t = 0; t < 3; t++) b[t] = bed_open(t + 1, kind[k].matmul);
    for (int s = 0; s < SHAPES; s++)
      for (int add = 0; add < 2; add++) {
        results r[3];
        for (int t = 0; t < 3; t++)
          r[t] = matmul(b[t], kind[k].type, shapes[s][0], shapes[s][1], shapes[s][2], add, t > 0);
        for (int t = 1; t < 3; t++)
          for (int i = 0; i < 3; i++) assert_same_bits(r[0].t[i], r[t].t[i]);
        for (int t = 0; t < 3; t++) gd_arena_reset(b[t].arena);
      }
    for (int t = 0; t < 3; t++) bed_close(b[t]);
  }
}

/* y[p,q,m,n] = a[p,1,m,k] b[q,k,n]: both operands repeat, so both gradients are sums over the batch. */
static void batches_broadcast(void **state) {
  (void)state;
  enum { P = 3, Q = 4, M = 5, K = 6, N = 7 };
  bed b[2] = {bed_open(1, GD_MATMUL_NATIVE), bed_open(3, GD_MATMUL_NATIVE)};
  results r[2];
  for (int t = 0; t < 2; t++) {
    gd_tensor *x = random_tensor(b[t], GD_F64, 1, GD_SHAPE(P, 1, M, K)),
              *w = random_tensor(b[t], GD_F64, 2, GD_SHAPE(Q, K, N)),
              *dy = random_tensor(b[t], GD_F64, 3, GD_SHAPE(P, Q, M, N)), *dx = filled(b[t], x, NAN),
              *dw = filled(b[t], w, NAN);
    gd_node *n = make_node(b[t], &gdi_op_matmul, 2, (gd_tensor *[]){x, w}, GD_SHAPE(P, Q, M, N));
    assert_ok(forward(b[t], n));
    assert_ok(backward(b[t], n, dy, (gd_tensor *[]){dx, dw}, (bool[]){false, false}));
    for (int p = 0; p < P; p++)
      for (int q = 0; q < Q; q++)
        check(b[t], n->out, (p * Q + q) * M * N, M, N, K, x, p * M * K, K, 1, w, q * K * N, N, 1, 0);
    for (int i = 0; i < P * M * K; i++) {
      double sum = 0;
      for (int q = 0; q < Q; q++)
        for (int j = 0; j < N; j++)
          sum += value_at(dy, ((i / (M * K) * Q + q) * M + i / K % M) * N + j) *
                 value_at(w, (q * K + i % K) * N + j);
      assert_close(value_at(dx, i), sum, 1e-13);
    }
    for (int i = 0; i < Q * K * N; i++) {
      double sum = 0;
      for (int p = 0; p < P; p++)
        for (int m = 0; m < M; m++)
          sum += value_at(dy, ((p * Q + i / (K * N)) * M + m) * N + i % N) *
                 value_at(x, (p * M + m) * K + i / N % K);
      assert_close(value_at(dw, i), sum, 1e-13);
    }
    r[t] = (results){{n->out, dx, dw}, 3};
  }
  for (int i = 0; i < 3; i++) assert_same_bits(r[0].t[i], r[1].t[i]);
  bed_close(b[0]), bed_close(b[1]);
}

static void vectors_multiply_as_in_numpy(void **state) {
  (void)state;
  bed b = bed_open(1, GD_MATMUL_NATIVE);
  gd_tensor *v = random_tensor(b, GD_F32, 1, GD_SHAPE(6)), *m = random_tensor(b, GD_F32, 2, GD_SHAPE(6, 4)),
            *t = random_tensor(b, GD_F32, 3, GD_SHAPE(3, 2, 6));
  gd_node *n = make_node(b, &gdi_op_matmul, 2, (gd_tensor *[]){v, v}, GD_SCALAR);
  assert_ok(forward(b, n));
  check(b, n->out, 0, 1, 1, 6, v, 0, 6, 1, v, 0, 1, 1, 0);
  n = make_node(b, &gdi_op_matmul, 2, (gd_tensor *[]){v, m}, GD_SHAPE(4));
  assert_ok(forward(b, n));
  check(b, n->out, 0, 1, 4, 6, v, 0, 6, 1, m, 0, 4, 1, 0);
  n = make_node(b, &gdi_op_matmul, 2, (gd_tensor *[]){t, v}, GD_SHAPE(3, 2));
  assert_ok(forward(b, n));
  check(b, n->out, 0, 6, 1, 6, t, 0, 6, 1, v, 0, 1, 1, 0);
  bed_close(b);
}

static double activate(gd_activation act, double z) {
  switch (act) {
  case GD_ACT_RELU: return z > 0 ? z : 0;
  case GD_ACT_TANH: return tanh(z);
  case GD_ACT_SIGMOID: return 1 / (1 + exp(-z));
  case GD_ACT_GELU: return z * 0.5 * erfc(-z / sqrt(2));
  default: return z;
  }
}

static double slope(gd_activation act, double z) {
  double y = activate(act, z);
  switch (act) {
  case GD_ACT_RELU: return z > 0;
  case GD_ACT_TANH: return 1 - y * y;
  case GD_ACT_SIGMOID: return y * (1 - y);
  case GD_ACT_GELU: return 0.5 * erfc(-z / sqrt(2)) + z * exp(-z * z / 2) / sqrt(2 * 3.14159265358979323846);
  default: return 1;
  }
}

static results linear(bed b, gd_dtype type, gd_activation act, bool bias, int64_t B, int64_t I, int64_t O,
                      bool add, bool known) {
  gd_tensor *x = random_tensor(b, type, 1, GD_SHAPE(1, B, I)), *W = random_tensor(b, type, 2, GD_SHAPE(O, I)),
            *c = bias ? random_tensor(b, type, 3, GD_SHAPE(O)) : NULL,
            *dy = random_tensor(b, type, 4, GD_SHAPE(1, B, O)),
            *dz = random_tensor(b, GD_F64, 5, GD_SHAPE(B, O));
  for (int64_t i = 0; i < O * I; i++) set_at(W, i, value_at(W, i) / sqrt((double)I));
  gd_node *n = make_node(b, &gdi_op_linear, 3, (gd_tensor *[]){x, W, c}, GD_SHAPE(1, B, O));
  gdi_linear_of(n)->act = act;
  const double before = add ? 0.5 : 0;
  gd_tensor *dx = filled(b, x, before), *dW = filled(b, W, before), *db = bias ? filled(b, c, before) : NULL;
  assert_ok(forward(b, n));
  assert_ok(backward(b, n, dy, (gd_tensor *[]){dx, dW, db}, (bool[]){add, add, add}));
  const results found = {{n->out, dx, dW, bias ? db : n->out}, 4};
  if (known) return found;
  const double near = tolerance(type, I);
  for (int64_t r = 0; r < B; r++)
    for (int64_t o = 0; o < O; o++) {
      double z = bias ? value_at(c, o) : 0;
      for (int64_t i = 0; i < I; i++) z += value_at(x, r * I + i) * value_at(W, o * I + i);
      assert_close(value_at(n->out, r * O + o), activate(act, z), near);
      bool edge = act == GD_ACT_RELU && fabs(z) <= near;
      set_at(dz, r * O + o,
             edge && value_at(n->out, r * O + o) > 0 ? value_at(dy, r * O + o)
                                                     : value_at(dy, r * O + o) * slope(act, z));
    }
  for (int64_t o = 0; bias && o < O; o++) {
    double sum = before;
    for (int64_t r = 0; r < B; r++) sum += value_at(dz, r * O + o);
    assert_close(value_at(db, o), sum, tolerance(type, B + I));
  }
  if (type == GD_F64) {
    check(b, dx, 0, B, I, O, dz, 0, O, 1, W, 0, I, 1, before);
    check(b, dW, 0, O, I, B, dz, 0, 1, O, x, 0, I, 1, before);
  }
  return found;
}

static void linear_layers_are_right_and_threads_change_no_bit(void **state) {
  (void)state;
  bed b[3];
  for (int t = 0; t < 3; t++) b[t] = bed_open(t + 1, GD_MATMUL_NATIVE);
  for (int type = GD_F32; type <= GD_F64; type++)
    for (int act = GD_ACT_NONE; act <= GD_ACT_GELU; act++)
      for (int s = 0; s < SHAPES; s++) {
        results r[3];
        for (int t = 0; t < 3; t++)
          r[t] = linear(b[t], (gd_dtype)type, (gd_activation)act, s % 3 != 0, shapes[s][0], shapes[s][1],
                        shapes[s][2], s % 2, t > 0);
        for (int t = 1; t < 3; t++)
          for (int i = 0; i < 4; i++) assert_same_bits(r[0].t[i], r[t].t[i]);
        for (int t = 0; t < 3; t++) gd_arena_reset(b[t].arena);
      }
  for (int t = 0; t < 3; t++) bed_close(b[t]);
}

/* The f32 gradients of a layer against its f64 ones. */
static void f32_gradients_follow_f64_ones(void **state) {
  (void)state;
  bed b = bed_open(2, GD_MATMUL_NATIVE);
  for (int act = GD_ACT_NONE; act <= GD_ACT_GELU; act++) {
    results f32 = linear(b, GD_F32, (gd_activation)act, true, 40, 30, 300, true, false),
            f64 = linear(b, GD_F64, (gd_activation)act, true, 40, 30, 300, true, false);
    for (int i = 0; i < 4; i++)
      for (int64_t k = 0; k < gd_numel(f32.t[i]); k++)
        assert_close(value_at(f32.t[i], k), value_at(f64.t[i], k), 1e-4);
  }
  bed_close(b);
}

static void a_warm_call_takes_no_memory(void **state) {
  (void)state;
  bed b = bed_open(2, GD_MATMUL_BF16);
  linear(b, GD_F64, GD_ACT_GELU, true, 40, 30, 300, false, false);
  matmul(b, GD_F32, 33, 44, 555, false, false);
  size_t before = gd_arena_reserved_bytes(b.d->scratch), at = gd_arena_mark(b.d->scratch);
  for (int i = 0; i < 5; i++) {
    gd_arena_reset(b.arena);
    linear(b, GD_F64, GD_ACT_GELU, true, 40, 30, 300, false, false);
    matmul(b, GD_F32, 33, 44, 555, false, false);
  }
  assert_int_equal(gd_arena_reserved_bytes(b.d->scratch), before);
  assert_int_equal(gd_arena_mark(b.d->scratch), at);
  bed_close(b);
}

/* More shapes than are kept prepared: they are forgotten and made again. */
static void prepared_products_are_bounded(void **state) {
  (void)state;
  bed b = bed_open(1, GD_MATMUL_NATIVE);
  float x[8 * 800], y[20 * 800], c[8 * 20];
  for (int i = 0; i < 8 * 800; i++) x[i] = 1;
  for (int i = 0; i < 20 * 800; i++) y[i] = 2;
  for (int round = 0; round < 2; round++)
    for (int k = 17; k < 800; k++) {
      assert_ok(gdi_gemm(&(gdi_product){.m = 8,
                                        .n = 20,
                                        .k = k,
                                        .transpose_b = true,
                                        .type = GD_F32,
                                        .a = x,
                                        .b = y,
                                        .c = c,
                                        .lda = 800,
                                        .ldb = 800,
                                        .ldc = 20}));
      for (int i = 0; i < 8 * 20; i++) assert_close((double)c[i], 2 * k, 0);
    }
  bed_close(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_shape_is_right_and_threads_change_no_bit),
      cmocka_unit_test(batches_broadcast),
      cmocka_unit_test(vectors_multiply_as_in_numpy),
      cmocka_unit_test(linear_layers_are_right_and_threads_change_no_bit),
      cmocka_unit_test(f32_gradients_follow_f64_ones),
      cmocka_unit_test(a_warm_call_takes_no_memory),
      cmocka_unit_test(prepared_products_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
