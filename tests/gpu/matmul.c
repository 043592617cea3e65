/* Matrix products on a GPU: the CPU's results for every shape and batch, and the same bits at every call. */
#include "products.h"

typedef struct shapes {
  int ndim_a;
  int64_t a[GD_MAX_DIMS];
  int ndim_b;
  int64_t b[GD_MAX_DIMS];
  int ndim_y;
  int64_t y[GD_MAX_DIMS];
} shapes;

static const shapes all[] = {
    {2, {1, 1}, 2, {1, 1}, 2, {1, 1}},
    {2, {3, 7}, 2, {7, 5}, 2, {3, 5}},
    {2, {64, 10}, 2, {10, 17}, 2, {64, 17}},
    {2, {33, 300}, 2, {300, 1}, 2, {33, 1}},
    {2, {0, 4}, 2, {4, 3}, 2, {0, 3}},
    {2, {4, 0}, 2, {0, 3}, 2, {4, 3}},
    {2, {4, 3}, 2, {3, 0}, 2, {4, 0}},
    {1, {6}, 1, {6}, 0, {0}}, /* vectors, as in NumPy */
    {1, {6}, 2, {6, 4}, 1, {4}},
    {2, {5, 6}, 1, {6}, 1, {5}},
    {3, {3, 2, 6}, 1, {6}, 2, {3, 2}},
    {1, {6}, 3, {3, 6, 2}, 2, {3, 2}},
    {3, {4, 5, 6}, 2, {6, 7}, 3, {4, 5, 7}},                   /* one tall product */
    {3, {4, 5, 6}, 3, {4, 6, 7}, 3, {4, 5, 7}},                /* one strided product */
    {4, {2, 3, 5, 6}, 4, {2, 3, 6, 7}, 4, {2, 3, 5, 7}},       /* the same in two dimensions */
    {2, {5, 6}, 3, {4, 6, 7}, 3, {4, 5, 7}},                   /* a repeats */
    {4, {3, 1, 5, 6}, 3, {4, 6, 7}, 4, {3, 4, 5, 7}},          /* both repeat */
    {4, {3, 4, 5, 6}, 3, {4, 6, 7}, 4, {3, 4, 5, 7}},          /* b repeats outside */
    {4, {3, 4, 5, 6}, 4, {3, 1, 6, 7}, 4, {3, 4, 5, 7}},       /* b repeats inside */
    {5, {2, 1, 3, 2, 6}, 4, {4, 1, 6, 3}, 5, {2, 4, 3, 2, 3}}, /* and all of it at once */
    {5, {2, 1, 1, 2, 6}, 5, {1, 4, 3, 6, 3}, 5, {2, 4, 3, 2, 3}},
    {3, {0, 5, 6}, 3, {0, 6, 7}, 3, {0, 5, 7}},
    {3, {1, 5, 6}, 3, {0, 6, 7}, 3, {0, 5, 7}},
};
enum { ALL = sizeof all / sizeof *all };

static example product(const shapes *s, gd_dtype type, bool add) {
  example e = {.op = &gdi_op_matmul, .type = type, .n_in = 2, .add = add};
  e.in[0].ndim = s->ndim_a, e.in[1].ndim = s->ndim_b, e.out.ndim = s->ndim_y;
  memcpy(e.in[0].shape, s->a, sizeof s->a);
  memcpy(e.in[1].shape, s->b, sizeof s->b);
  memcpy(e.out.shape, s->y, sizeof s->y);
  return e;
}

static bool empty(const example *e) {
  for (int i = 0; i < e->out.ndim; i++)
    if (e->out.shape[i] == 0) return true;
  return false;
}

static void every_shape_gives_the_cpus_results(void **state) {
  (void)state;
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  for (int type = GD_F32; type <= GD_F64; type++)
    for (int s = 0; s < ALL; s++)
      for (int add = 0; add < 2; add++) {
        const example e = product(&all[s], (gd_dtype)type, add);
        if (empty(&e)) continue;
        outcome expected = apply(cpu, &e), found = apply(gpu, &e);
        assert_near(&found, &expected, tolerance(e.type, 300));
        forget(&expected), forget(&found);
      }
  gd_device_close(gpu), gd_device_close(cpu);
}

/* Sums of nothing: 0, or what was there. */
static void empty_results_have_gradients(void **state) {
  (void)state;
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  for (int s = 0; s < ALL; s++)
    for (int add = 0; add < 2; add++) {
      const example e = product(&all[s], GD_F32, add);
      if (!empty(&e)) continue;
      outcome found = apply(gpu, &e);
      for (int i = 1; i <= 2; i++)
        for (int64_t k = 0; k < found.n[i]; k++) assert_close(found.value[i][k], add ? 0.5 : 0, 0);
      forget(&found);
    }
  gd_device_close(gpu);
}

static void an_equal_call_has_equal_bits(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_TF32; matmul++) {
    gd_device *gpu = device_of(GD_CUDA, (gd_matmul_type)matmul);
    for (int s = 0; s < ALL; s++) {
      const example e = product(&all[s], GD_F32, false);
      outcome first = apply(gpu, &e), again = apply(gpu, &e);
      assert_same(&first, &again);
      forget(&first), forget(&again);
    }
    gd_device_close(gpu);
  }
}

static void gradients_that_nobody_wants_are_left_out(void **state) {
  (void)state;
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  example e = product(&all[16], GD_F64, false);
  outcome both = apply(gpu, &e);
  for (int i = 0; i < 2; i++) {
    e.unwanted[i] = true, e.unwanted[1 - i] = false;
    outcome one = apply(gpu, &e);
    assert_int_equal(one.n[1 + i], 0);
    assert_memory_equal(one.value[2 - i], both.value[2 - i], (size_t)both.n[2 - i] * sizeof(double));
    forget(&one);
  }
  forget(&both);
  gd_device_close(gpu);
}

/* Every operand is rounded: y from a and b, gradients from dy and the other operand. */
static void bf16_products_have_rounded_operands(void **state) {
  (void)state;
  enum { M = 13, K = 21, N = 18 };
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_BF16);
  const shapes s = {2, {M, K}, 2, {K, N}, 2, {M, N}};
  const example e = product(&s, GD_F32, false);
  outcome found = apply(gpu, &e);
  double a[M * K], b[K * N], dy[M * N];
  double *const to[3] = {a, b, dy};
  const int n[3] = {M * K, K * N, M * N}, seed[3] = {1, 2, 9};
  for (int t = 0; t < 3; t++)
    for (int i = 0; i < n[t]; i++)
      to[t][i] = bf16(gd_rng_normal(gd_rng_stream((uint64_t)seed[t], GD_RNG_TEST, 0), (uint64_t)i));
  const double near = tolerance(GD_F32, K);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      double y = 0;
      for (int k = 0; k < K; k++) y += a[i * K + k] * b[k * N + j];
      assert_close(found.value[0][i * N + j], y, near);
    }
  for (int i = 0; i < M; i++)
    for (int k = 0; k < K; k++) {
      double da = 0;
      for (int j = 0; j < N; j++) da += dy[i * N + j] * b[k * N + j];
      assert_close(found.value[1][i * K + k], da, near);
    }
  for (int k = 0; k < K; k++)
    for (int j = 0; j < N; j++) {
      double db = 0;
      for (int i = 0; i < M; i++) db += a[i * K + k] * dy[i * N + j];
      assert_close(found.value[2][k * N + j], db, near);
    }
  forget(&found);
  gd_device_close(gpu);
}

/* v [K] m [2,K,N] -> [2,N]; that times w [N] -> [2]; that times u [2] -> a scalar */
static gd_tensor *scalar_of_products(gd_tape *t, gd_tensor *const leaf[], int n, void *user) {
  (void)n;
  (void)user;
  return gd_matmul(t, gd_matmul(t, gd_matmul(t, leaf[0], leaf[1]), leaf[2]), leaf[3]);
}

static void gradients_agree_with_differences(void **state) {
  (void)state;
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  gd_arena *arena;
  assert_ok(gd_arena_new(&arena, "test"));
  gd_tensor *leaf[] = {
      made(gpu, arena, GD_F64, GD_SHAPE(3), 1, 1, 0), made(gpu, arena, GD_F64, GD_SHAPE(2, 3, 4), 2, 1, 0),
      made(gpu, arena, GD_F64, GD_SHAPE(4), 3, 1, 0), made(gpu, arena, GD_F64, GD_SHAPE(2), 4, 1, 0)};
  for (int i = 0; i < 4; i++) assert_ok(gd_require_grad(leaf[i], true));
  assert_ok(gd_gradcheck(gpu, scalar_of_products, leaf, 4, NULL, NULL));
  gd_arena_free(arena);
  gd_device_close(gpu);
}

/* More forms than the first table holds: every one is found again. */
static void plans_are_kept_for_many_shapes(void **state) {
  (void)state;
  gd_device *cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), *gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  for (int round = 0; round < 2; round++)
    for (int64_t k = 1; k < 80; k++) {
      const shapes s = {2, {2, k}, 2, {k, 3}, 2, {2, 3}};
      const example e = product(&s, GD_F64, false);
      outcome expected = apply(cpu, &e), found = apply(gpu, &e);
      assert_near(&found, &expected, tolerance(GD_F64, k));
      forget(&expected), forget(&found);
    }
  gd_device_close(gpu), gd_device_close(cpu);
}

static void the_ceiling_of_a_layer_is_measured(void **state) {
  (void)state;
  double seconds[3];
  gd_device *gpu = device_of(GD_CUDA, GD_MATMUL_BF16);
  assert_ok(gpu->layer_seconds(gpu, GD_F32, 8, 16, 4, seconds));
  for (int i = 0; i < 3; i++) assert_true(seconds[i] > 0 && seconds[i] < 1);
  gd_device_close(gpu);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_shape_gives_the_cpus_results),
      cmocka_unit_test(empty_results_have_gradients),
      cmocka_unit_test(an_equal_call_has_equal_bits),
      cmocka_unit_test(gradients_that_nobody_wants_are_left_out),
      cmocka_unit_test(bf16_products_have_rounded_operands),
      cmocka_unit_test(gradients_agree_with_differences),
      cmocka_unit_test(plans_are_kept_for_many_shapes),
      cmocka_unit_test(the_ceiling_of_a_layer_is_measured),
  };
  if (no_gpu()) return 77;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
