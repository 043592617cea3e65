/* Affine layers on a GPU: the CPU's results, in every form, and the same bits at every call. */
#include "products.h"

static const int64_t shapes[][3] = {/* B, I, O */
                                    {1, 1, 1},    {3, 5, 7},     {64, 17, 10},  {33, 1, 300},  {32, 300, 1},
                                    {5, 784, 40}, {0, 4, 3},     {4, 0, 3},     {4, 3, 0},     {65, 64, 129},
                                    {1, 90, 260}, {130, 12, 33}, {600, 18, 20}, {257, 31, 65}, {256, 8, 32}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static example layer(gd_dtype type, gd_activation act, int64_t B, int64_t I, int64_t O, bool bias, bool add) {
  const double scale = I > 0 ? 1 / sqrt((double)I) : 1;
  return (example){.op = &gdi_op_linear,
                   .act = act,
                   .type = type,
                   .n_in = 3,
                   .in = {{3, {1, B, I}}, {2, {O, I}}, {bias ? 1 : -1, {O}}},
                   .out = {3, {1, B, O}},
                   .add = add,
                   .scale = {1, scale, 1}};
}

static void every_form_gives_the_cpus_results(void **state) {
  (void)state;
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  for (int type = GD_F32; type <= GD_F64; type++)
    for (int act = GD_ACT_NONE; act <= GD_ACT_GELU; act++)
      for (int s = 0; s < SHAPES; s++)
        for (int bias = 0; bias < 2; bias++) {
          const int64_t *n = shapes[s];
          const bool add = (bias + s + act) % 2;
          const example e = layer((gd_dtype)type, (gd_activation)act, n[0], n[1], n[2], bias, add);
          outcome expected = apply(cpu, &e), found = apply(gpu, &e);
          assert_near(&found, &expected, tolerance(e.type, largest(n[0], n[1], n[2])));
          forget(&expected), forget(&found);
        }
  gd_device_close(gpu), gd_device_close(cpu);
}

/* A forward that nobody will go back through, and gradients that nobody asks for. */
static void what_is_not_wanted_is_left_out(void **state) {
  (void)state;
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  for (int act = GD_ACT_NONE; act <= GD_ACT_GELU; act++)
    for (int unwanted = 0; unwanted < 9; unwanted++) {
      example e = layer(GD_F64, (gd_activation)act, 20, 30, 40, true, false);
      for (int i = 0; i < INPUTS; i++) e.unwanted[i] = unwanted >> i & 1;
      e.unrecorded = unwanted == 8;
      outcome expected = apply(cpu, &e), found = apply(gpu, &e);
      assert_near(&found, &expected, tolerance(GD_F64, 40));
      forget(&expected), forget(&found);
    }
  gd_device_close(gpu), gd_device_close(cpu);
}

static void an_equal_call_has_equal_bits(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_TF32; matmul++) {
    gd_device *gpu = device_of(GD_CUDA, (gd_matmul_type)matmul),
              *other = device_of(GD_CUDA, (gd_matmul_type)matmul);
    for (int act = GD_ACT_NONE; act <= GD_ACT_GELU; act++) {
      const example e = layer(GD_F32, (gd_activation)act, 300, 77, 130, true, false);
      outcome first = apply(gpu, &e), again = apply(gpu, &e), elsewhere = apply(other, &e);
      assert_same(&first, &again);
      assert_same(&first, &elsewhere);
      forget(&first), forget(&again), forget(&elsewhere);
    }
    gd_device_close(other), gd_device_close(gpu);
  }
}

/* Inputs and weights in bf16, exactly. */
static void round_inputs(gd_tensor *in[]) {
  for (int i = 0; i < 2; i++) {
    const int64_t n = gd_numel(in[i]);
    double *value = malloc((size_t)n * sizeof *value);
    assert_ok(gd_tensor_get(in[i], value, n));
    for (int64_t k = 0; k < n; k++) value[k] = bf16(value[k]);
    assert_ok(gd_tensor_set(in[i], value, n));
    free(value);
  }
}

/*
 * y = act(bf16(x) bf16(W)^T + b); dx = bf16(dz) bf16(W), dW = bf16(dz)^T bf16(x), db from dz itself.
 */
static void bf16_products_have_rounded_operands(void **state) {
  (void)state;
  enum { B = 65, I = 39, O = 33 };
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), *gpu = device_of(GD_CUDA, GD_MATMUL_BF16);
  for (int form = 0; form < 8; form++) {
    const bool relu = form & 1, add = form >> 1 & 1, recorded = form >> 2;
    example e = layer(GD_F32, relu ? GD_ACT_RELU : GD_ACT_NONE, B, I, O, true, add), exact = e;
    exact.type = GD_F64;
    e.unrecorded = exact.unrecorded = !recorded;
    outcome expected = apply_to(cpu, &exact, round_inputs), found = apply(gpu, &e);
    const double near = tolerance(GD_F32, B), *y = found.value[0], before = add ? 0.5 : 0;
    for (int64_t i = 0; i < B * O; i++) assert_close(y[i], expected.value[0][i], near);
    double x[B * I], W[O * I], dz[B * O];
    for (int64_t i = 0; i < B * I; i++)
      x[i] = bf16((double)(float)gd_rng_normal(gd_rng_stream(1, GD_RNG_TEST, 0), (uint64_t)i));
    for (int64_t i = 0; i < O * I; i++)
      W[i] = bf16((double)(float)(e.scale[1] * gd_rng_normal(gd_rng_stream(2, GD_RNG_TEST, 0), (uint64_t)i)));
    for (int64_t i = 0; i < B * O; i++)
      dz[i] =
          relu && y[i] <= 0 ? 0 : (double)(float)gd_rng_normal(gd_rng_stream(9, GD_RNG_TEST, 0), (uint64_t)i);
    for (int64_t r = 0; recorded && r < B; r++)
      for (int64_t i = 0; i < I; i++) {
        double dx = before;
        for (int64_t o = 0; o < O; o++) dx += bf16(dz[r * O + o]) * W[o * I + i];
        assert_close(found.value[1][r * I + i], dx, near);
      }
    for (int64_t o = 0; recorded && o < O; o++) {
      double db = before;
      for (int64_t r = 0; r < B; r++) db += dz[r * O + o];
      assert_close(found.value[3][o], db, 1e-6 * (1 + fabs(db)));
      for (int64_t i = 0; i < I; i++) {
        double dW = before;
        for (int64_t r = 0; r < B; r++) dW += bf16(dz[r * O + o]) * x[r * I + i];
        assert_close(found.value[2][o * I + i], dW, near);
      }
    }
    forget(&expected), forget(&found);
  }
  gd_device_close(gpu), gd_device_close(cpu);
}

static void tf32_is_near(void **state) {
  (void)state;
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), *gpu = device_of(GD_CUDA, GD_MATMUL_TF32);
  for (int type = GD_F32; type <= GD_F64; type++) { /* f64 is not concerned */
    const example e = layer((gd_dtype)type, GD_ACT_TANH, 128, 128, 128, true, false);
    outcome expected = apply(cpu, &e), found = apply(gpu, &e);
    assert_near(&found, &expected, type == GD_F64 ? tolerance(GD_F64, 128) : 2e-2);
    forget(&expected), forget(&found);
  }
  gd_device_close(gpu), gd_device_close(cpu);
}

/* Where cuBLASLt has no product with a bias, one is added after it. */
static void without_epilogues_results_are_the_same(void **state) {
  (void)state;
  gd_device *fused = device_of(GD_CUDA, GD_MATMUL_NATIVE), *plain = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  const example e = layer(GD_F32, GD_ACT_NONE, 50, 60, 70, true, false);
  outcome a = apply(fused, &e);
  setenv("GDTRAIN_EMULATED_NO_EPILOGUE", "1", 1);
  outcome b = apply(plain, &e), again = apply(plain, &e);
  unsetenv("GDTRAIN_EMULATED_NO_EPILOGUE");
  assert_near(&a, &b, tolerance(GD_F32, 60));
  assert_same(&b, &again);
  forget(&a), forget(&b), forget(&again);
  gd_device_close(plain), gd_device_close(fused);
}

/* All rows of x but the first: of an odd length, so that they begin at odd places. */
static void without_first_row(gd_tensor *in[]) {
  in[0]->shape[1]--;
  in[0]->data = (char *)in[0]->data + (size_t)in[0]->shape[2] * gd_dtype_bytes(in[0]->dtype);
}

static void operands_may_begin_anywhere(void **state) {
  (void)state;
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE);
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_BF16; matmul++) {
    gd_device *gpu = device_of(GD_CUDA, (gd_matmul_type)matmul);
    example whole = layer(GD_F32, GD_ACT_TANH, 40, 33, 20, true, false), e = whole;
    e.in[0].shape[1]++;
    outcome aligned = apply(gpu, &whole) /* its plans do not fit */,
            found = apply_to(gpu, &e, without_first_row), expected = apply_to(cpu, &e, without_first_row);
    assert_near(&found, &expected, matmul == GD_MATMUL_BF16 ? 5e-2 : tolerance(GD_F32, 40));
    forget(&aligned), forget(&found), forget(&expected);
    gd_device_close(gpu);
  }
  gd_device_close(cpu);
}

static void put_nan(gd_tensor *in[]) {
  const int64_t n = gd_numel(in[0]);
  double *value = malloc((size_t)n * sizeof *value);
  for (int64_t i = 0; i < n; i++) value[i] = i == 0 ? NAN : 1;
  assert_ok(gd_tensor_set(in[0], value, n));
  free(value);
}

static void nan_passes_every_activation(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_BF16; matmul++) {
    gd_device *gpu = device_of(GD_CUDA, (gd_matmul_type)matmul);
    for (int act = GD_ACT_NONE; act <= GD_ACT_GELU; act++) {
      const example e = layer(GD_F32, (gd_activation)act, 2, 3, 4, true, false);
      outcome o = apply_to(gpu, &e, put_nan);
      for (int i = 0; i < 4; i++) {
        assert_true(isnan(o.value[0][i]));
        assert_false(isnan(o.value[0][4 + i]));
      }
      forget(&o);
    }
    gd_device_close(gpu);
  }
}

static void a_warm_call_takes_no_scratch(void **state) {
  (void)state;
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_BF16);
  const example e = layer(GD_F32, GD_ACT_GELU, 600, 30, 40, true, false);
  outcome o = apply(gpu, &e);
  const size_t reserved = gd_arena_reserved_bytes(gpu->scratch), at = gd_arena_mark(gpu->scratch);
  for (int i = 0; i < 3; i++) forget(&o), o = apply(gpu, &e);
  assert_int_equal(gd_arena_reserved_bytes(gpu->scratch), reserved);
  assert_int_equal(gd_arena_mark(gpu->scratch), at);
  forget(&o);
  gd_device_close(gpu);
}

/* x [I] -> y [O] -> the scalar y c */
static gd_tensor *scalar_of_layer(gd_tape *t, gd_tensor *const leaf[], int n, void *user) {
  (void)n;
  gd_tensor *y = gd_linear(t, leaf[0], leaf[1], leaf[2], *(gd_activation *)user);
  return gd_matmul(t, y, leaf[3]);
}

static void gradients_agree_with_differences(void **state) {
  (void)state;
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  gd_arena *arena;
  assert_ok(gd_arena_new(&arena, "test"));
  gd_tensor *leaf[] = {
      made(gpu, arena, GD_F64, GD_SHAPE(5), 1, 1, 0), made(gpu, arena, GD_F64, GD_SHAPE(4, 5), 2, 1, 0),
      made(gpu, arena, GD_F64, GD_SHAPE(4), 3, 1, 0), made(gpu, arena, GD_F64, GD_SHAPE(4), 4, 1, 0)};
  for (int i = 0; i < 4; i++) assert_ok(gd_require_grad(leaf[i], true));
  for (gd_activation act = GD_ACT_NONE; act <= GD_ACT_GELU; act++)
    assert_ok(gd_gradcheck(gpu, scalar_of_layer, leaf, 4, &act, NULL));
  gd_arena_free(arena);
  gd_device_close(gpu);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_gives_the_cpus_results),
      cmocka_unit_test(what_is_not_wanted_is_left_out),
      cmocka_unit_test(an_equal_call_has_equal_bits),
      cmocka_unit_test(bf16_products_have_rounded_operands),
      cmocka_unit_test(tf32_is_near),
      cmocka_unit_test(without_epilogues_results_are_the_same),
      cmocka_unit_test(operands_may_begin_anywhere),
      cmocka_unit_test(nan_passes_every_activation),
      cmocka_unit_test(a_warm_call_takes_no_scratch),
      cmocka_unit_test(gradients_agree_with_differences),
  };
  if (no_gpu()) return 77;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
