/* Cross-entropy on a GPU: bits of its sums, the gradient that forward makes, odd labels and logits. */
#include "device/gpu.h"
#include "gpu/both.h"

static gd_tensor *cross_entropy(gd_tape *t, gd_tensor *x, gd_tensor *class_weight, gd_tensor **weight) {
  return gd_cross_entropy_sum(t, x, labels_of(t, x), class_weight, -100, weight);
}

/* On one device: the f64 sum of the weights that count, of classes of weights 0.1, 1.1, 2.1 ... or 1 each. */
static double weight_on(gd_device *d, gd_dtype type, int64_t B, bool weighted) {
  const double class_weight[] = {0.1, 1.1, 2.1};
  gd_tape *t;
  gd_tensor *weight, *w;
  double *zeros = calloc((size_t)B * 3, sizeof *zeros);
  assert_ok(gd_tape_new(&t, d));
  w = weighted ? gd_values(t, type, class_weight, GD_SHAPE(3)) : NULL;
  (void)cross_entropy(t, gd_values(t, type, zeros, GD_SHAPE(B, 3)), w, &weight);
  assert_ok(gd_tape_status(t));
  assert_int_equal(weight->dtype, GD_F64);
  const double sum = gd_item(weight);
  gd_tape_free(t);
  free(zeros);
  return sum;
}

static void weights_have_the_bits_of_the_tree(void **state) {
  (void)state;
  const int64_t B[] = {1, 4, 100, 256, 257, 3000};
  for (size_t i = 0; i < sizeof B / sizeof *B; i++)
    for (int variant = 0; variant < 4; variant++) {
      const gd_dtype type = variant & 1 ? GD_F64 : GD_F32;
      const double expected = weight_on(cpu, type, B[i], variant & 2);
      assert_true(expected > 0 && weight_on(gpu, type, B[i], variant & 2) == expected);
    }
}

/* ---- the gradient that forward has made ---- */

enum { ROWS = 20, CLASSES = 11 };

/* Logits are a result; the loss is a tape's root, or not, and alone in using them, or not. */
typedef struct ways {
  bool seeded, scaled, used_twice, again;
} ways;

static gd_tensor *leaf_of(gd_arena *a, gd_dtype type, double *values) {
  gd_tensor *x;
  for (int i = 0; i < ROWS * CLASSES; i++)
    values[i] = gd_rng_normal(gd_rng_stream(3, GD_RNG_TEST, 0), (uint64_t)i);
  assert_ok(gd_tensor_new(&x, a, gpu, type, GD_SHAPE(ROWS, CLASSES)));
  assert_ok(gd_tensor_set(x, values, ROWS * CLASSES));
  assert_ok(gd_require_grad(x, true));
  return x;
}

/* dloss/dx of logits 2 x, to `grad`. Returns the launches of a forward and backward. */
static int gradient_by(ways w, gd_dtype type, double grad[ROWS * CLASSES]) {
  gd_arena *a;
  gd_tape *t;
  gdi_graph *g = NULL;
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tape_new(&t, gpu));
  gd_tensor *x = leaf_of(a, type, grad), *seed, *label;
  double labels_of[ROWS];
  for (int i = 0; i < ROWS; i++) labels_of[i] = i % 5 == 3 ? -100 : i * 7 % CLASSES;
  assert_ok(gd_tensor_new(&label, a, gpu, GD_I64, GD_SHAPE(ROWS)));
  assert_ok(gd_tensor_set(label, labels_of, ROWS));
  assert_ok(gd_tensor_new(&seed, a, gpu, type, GD_SCALAR));
  assert_ok(gd_tensor_fill(seed, 1));
  for (int recorded = 0; recorded < 2; recorded++) {
    gd_zero_grad(x);
    gd_tape_reset(t);
    if (recorded) assert_ok(gpu->gpu->capture(gpu));
    gd_tensor *logits = gd_mul_scalar(t, x, 2), *sum = gd_sum(t, logits, GD_ALL, false),
              *loss = gd_cross_entropy_sum(t, logits, label, NULL, -100, NULL);
    if (w.used_twice) loss = gd_add(t, loss, sum);
    if (w.scaled) loss = gd_mul_scalar(t, loss, 3);
    assert_ok(gd_tape_status(t));
    assert_ok(gd_backward(t, loss, w.seeded ? seed : NULL));
    if (w.again) assert_ok(gd_backward(t, sum, NULL)); /* writes to the gradient of logits */
    if (w.again) assert_ok(gd_backward(t, loss, w.seeded ? seed : NULL));
    if (recorded) assert_ok(gpu->gpu->captured(gpu, &g));
  }
  assert_ok(gd_tensor_fill(x->grad, NAN));
  assert_ok(gpu->gpu->replay(gpu, g));
  assert_ok(gd_tensor_get(x->grad, grad, ROWS * CLASSES));
  const int n = gpu->gpu->graph_kernels(g, NULL);
  gpu->gpu->graph_free(gpu, g);
  gd_tape_free(t);
  gd_arena_free(a);
  return n;
}

static void a_gradient_made_by_forward_is_that_of_backward(void **state) {
  (void)state;
  static const struct {
    ways w;
    double factor, plus; /* against the gradient of the loss alone */
  } forms[] = {{{.again = true}, 2, 2},
               {{.scaled = true}, 3, 0},
               {{.used_twice = true}, 1, 2},
               {{.used_twice = true, .again = true}, 2, 6},
               {{.seeded = true, .again = true}, 2, 2}};
  double alone[ROWS * CLASSES], other[ROWS * CLASSES];
  for (int type = GD_F32; type <= GD_F64; type++) {
    const int launches = gradient_by((ways){0}, (gd_dtype)type, alone);
    /* one for the gradient; the seed is copied without a kernel */
    assert_int_equal(gradient_by((ways){.seeded = true}, (gd_dtype)type, other), launches + 1);
    assert_memory_equal(alone, other, sizeof alone);
    assert_true(fabs(alone[0]) > 1e-3 && alone[3 * CLASSES] == 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
      gradient_by(forms[i].w, (gd_dtype)type, other);
      for (int k = 0; k < ROWS * CLASSES; k++)
        assert_close(other[k], forms[i].factor * alone[k] + forms[i].plus, 1e-5);
    }
  }
}

static double loss_of(gd_device *d, gd_dtype type, const double logits[4], double label, double grad[4]) {
  gd_tape *t;
  gd_arena *a;
  gd_tensor *x, *weight;
  const double all[] = {0, label};
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tape_new(&t, d));
  assert_ok(gd_tensor_new(&x, a, d, type, GD_SHAPE(2, 2)));
  assert_ok(gd_tensor_set(x, logits, 4));
  assert_ok(gd_require_grad(x, true));
  gd_tensor *loss = gd_cross_entropy_sum(t, x, gd_values(t, GD_I64, all, GD_SHAPE(2)), NULL, -100, &weight);
  assert_ok(gd_tape_status(t));
  assert_ok(gd_backward(t, loss, NULL));
  assert_ok(gd_tensor_get(x->grad, grad, 4));
  const double value = gd_item(loss);
  gd_tape_free(t);
  gd_arena_free(a);
  return value;
}

/* On the CPU it is refused; here nobody waits to be told, and nothing outside the row may be read. */
static void a_label_that_is_no_class_makes_the_loss_nan(void **state) {
  (void)state;
  const double logits[4] = {1, 2, 3, 4}, bad[] = {2, -1, 1e15, -1e15};
  double grad[4];
  for (int type = 0; type < 2; type++) {
    const gd_dtype of = type ? GD_F64 : GD_F32;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
      assert_true(isnan(loss_of(gpu, of, logits, bad[i], grad)));
      assert_false(isnan(grad[0]) || isnan(grad[1]));
      assert_true(isnan(grad[2]) && isnan(grad[3]));
    }
  }
}

static void an_ignored_row_leaves_no_trace_whatever_is_in_it(void **state) {
  (void)state;
  const double logits[4] = {1, 2, NAN, 1e4};
  double grad[4];
  for (int type = 0; type < 2; type++) {
    assert_close(loss_of(gpu, type ? GD_F64 : GD_F32, logits, -100, grad), log(1 + exp(1)), 1e-6);
    assert_true(grad[2] == 0 && grad[3] == 0);
  }
}

static void nan_and_large_logits_are_what_they_should_be(void **state) {
  (void)state;
  const double rows[12] = {1, NAN, 2, 3, -INFINITY, 0, 0, -INFINITY, 3e38, -3e38, 3e38, 0},
               expected[8] = {0, 0.5, 0.5, 0, 0.5, 0, 0.5, 0};
  double got[12];
  for (int type = 0; type < 2; type++) {
    gd_tape *t;
    assert_ok(gd_tape_new(&t, gpu));
    gd_tensor *y = gd_softmax(t, gd_values(t, type ? GD_F64 : GD_F32, rows, GD_SHAPE(3, 4)), 1);
    assert_ok(gd_tape_status(t));
    assert_ok(gd_tensor_get(y, got, 12));
    for (int i = 0; i < 4; i++) assert_true(isnan(got[i]));
    for (int i = 0; i < 8; i++) assert_close(got[4 + i], expected[i], 1e-7);
    gd_tape_free(t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_have_the_bits_of_the_tree),
      cmocka_unit_test(a_gradient_made_by_forward_is_that_of_backward),
      cmocka_unit_test(a_label_that_is_no_class_makes_the_loss_nan),
      cmocka_unit_test(an_ignored_row_leaves_no_trace_whatever_is_in_it),
      cmocka_unit_test(nan_and_large_logits_are_what_they_should_be),
  };
  const int opened = open_both();
  if (opened) return opened;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_both();
  return failed;
}
