/* Convolutions on a GPU, beside what gpu/ops.c compares: bf16, chunks, shapes at random, NaN, and no memory in warm calls. */
#include "gpu/both.h"
#include "random.h"

typedef struct shape {
  int64_t B, H, W, C, O, kernel[2], groups;
  gd_window window;
  gd_activation act;
  bool bias, transposed;
} shape;

static gd_tensor *convolve(gd_tape *t, const shape *s, gd_tensor *x, gd_tensor *W, gd_tensor *b) {
  static const int64_t none[2];
  return s->transposed ? gd_conv_transpose2d(t, x, W, b, &s->window, none, s->groups)
                       : gd_conv2d(t, x, W, b, &s->window, s->groups, s->act);
}

/* Halves of small whole numbers, which bf16 has exactly, and whose sums f32 has; `nan` puts one in front. */
static gd_tensor *leaf(gd_tape *t, gd_dtype type, uint64_t stream, double nan, int ndim,
                       const int64_t extent[]) {
  int64_t n = 1;
  for (int i = 0; i < ndim; i++) n *= extent[i];
  double *values = malloc((size_t)(n + 1) * sizeof *values);
  const gd_rng r = gd_rng_stream(3, GD_RNG_TEST, stream);
  for (int64_t i = 0; i < n; i++) values[i] = floor(9 * gd_rng_uniform(r, (uint64_t)i) - 4) / 2;
  if (nan != 0 && n > 0) values[0] = nan;
  gd_tensor *x = gd_values(t, type, values, ndim, extent);
  free(values);
  assert_ok(gd_require_grad(x, true));
  return x;
}

/* Two passes: the second adds to the gradients of the first. */
static outcome run(gd_device *d, const shape *s, gd_dtype type, double nan) {
  outcome o = {0};
  gd_tape *t;
  assert_ok(gd_tape_new(&t, d));
  const int64_t I = s->transposed ? s->C : s->O, J = (s->transposed ? s->O : s->C) / s->groups;
  gd_tensor *x[] = {leaf(t, type, 1, nan, GD_SHAPE(s->B, s->H, s->W, s->C)),
                    leaf(t, type, 2, 0, GD_SHAPE(I, J, s->kernel[0], s->kernel[1])),
                    s->bias ? leaf(t, type, 3, 0, GD_SHAPE(s->O)) : NULL};
  gd_tensor *y = convolve(t, s, x[0], x[1], x[2]);
  assert_ok(gd_tape_status(t));
  gd_tensor *seed = leaf(t, type, 4, 0, y->ndim, y->shape);
  take(&o, y);
  for (int pass = 0; pass < 2; pass++) {
    assert_ok(gd_backward(t, y, seed));
    for (int i = 0; i < 2 + s->bias; i++) take(&o, x[i]->grad);
  }
  gd_tape_free(t);
  return o;
}

static void assert_equal(const shape *s, const outcome *got, const outcome *expected) {
  assert_int_equal(got->parts, expected->parts);
  for (int k = 0; k < got->parts; k++)
    for (int64_t i = 0; i < got->n[k]; i++)
      if (!(got->values[k][i] == expected->values[k][i]))
        fail_msg("part %d, element %lld: %.9g, not %.9g: [%lld,%lld,%lld,%lld], %lld x %lld to %lld, %lld "
                 "groups%s",
                 k, (long long)i, got->values[k][i], expected->values[k][i], (long long)s->B, (long long)s->H,
                 (long long)s->W, (long long)s->C, (long long)s->kernel[0], (long long)s->kernel[1],
                 (long long)s->O, (long long)s->groups, s->transposed ? ", transposed" : "");
}

static gd_device *tuned(const char *tune, gd_matmul_type matmul) {
  gd_device *d;
  if (tune) setenv("GDTRAIN_TUNE", tune, 1);
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CUDA, .threads = 1, .matmul = matmul}));
  unsetenv("GDTRAIN_TUNE");
  return d;
}

static shape drawn(uint64_t number) {
  const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, number);
  uint64_t k = 0;
#define DRAW(lo, hi) ((lo) + (int64_t)gd_rng_below(r, k++, (uint64_t)((hi) - (lo) + 1)))
  shape s = {.B = DRAW(1, 5), .groups = DRAW(1, 3), .transposed = DRAW(0, 2) == 0};
  s.bias = DRAW(0, 1), s.act = DRAW(0, 1) && !s.transposed ? GD_ACT_RELU : GD_ACT_NONE;
  const int64_t each = DRAW(0, 2) ? 1 : 4; /* groups of one channel are of depth; of four, packs */
  s.C = s.groups * each * DRAW(1, 2), s.O = s.groups * DRAW(1, 5);
  for (int i = 0; i < 2; i++) {
    s.kernel[i] = DRAW(1, 3), s.window.stride[i] = DRAW(1, 3), s.window.dilation[i] = DRAW(1, 2);
    s.window.begin[i] = DRAW(0, 2), s.window.end[i] = DRAW(0, 2);
  }
  s.H = DRAW(5, 8), s.W = DRAW(5, 8);
  if (DRAW(0, 4) == 0) /* pointwise */
    s.groups = 1, s.window = (gd_window){0}, s.kernel[0] = s.kernel[1] = 1;
  return s;
}

/*
 * Sums of these values are exact in f32, products of their halves in tf32 and bf16 too: so nothing is near, all is equal. By
 * cuDNN, and by columns, of all images and of each by itself.
 */
static void in_every_precision_and_cut_a_result_is_the_cpus(void **state) {
  (void)state;
  gd_device *const devices[] = {gpu, tuned(NULL, GD_MATMUL_TF32), tuned("cudnn=0", GD_MATMUL_BF16),
                                tuned("cudnn=0,columns_mb=0", GD_MATMUL_NATIVE)};
  enum { DEVICES = sizeof devices / sizeof *devices };
  const int64_t n = test_count(200);
  for (int64_t i = 0; i < n; i++) {
    const shape s = drawn((uint64_t)i);
    outcome expected = run(cpu, &s, GD_F64, 0);
    for (int k = 0; k <= DEVICES; k++) {
      outcome got = k < DEVICES ? run(devices[k], &s, GD_F32, 0) : run(gpu, &s, GD_F64, 0);
      assert_equal(&s, &got, &expected);
      forget(&got);
    }
    forget(&expected);
  }
  for (int k = 1; k < DEVICES; k++) gd_device_close(devices[k]);
}

/* cuDNN's results of bf16 are bf16: rounded once. */
static void bf16_by_cudnn_is_near(void **state) {
  (void)state;
  gd_device *bf16 = tuned(NULL, GD_MATMUL_BF16);
  for (uint64_t i = 0; i < 40; i++) {
    const shape s = drawn(i);
    outcome expected = run(cpu, &s, GD_F64, 0), got = run(bf16, &s, GD_F32, 0);
    for (int k = 0; k < got.parts; k++)
      for (int64_t e = 0; e < got.n[k]; e++)
        assert_true(fabs(got.values[k][e] - expected.values[k][e]) <=
                    1. / 128 * (1 + fabs(expected.values[k][e])));
    forget(&got), forget(&expected);
  }
  gd_device_close(bf16);
}

static void an_equal_call_has_equal_bits(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_TF32; matmul++) {
    gd_device *d = tuned(NULL, (gd_matmul_type)matmul), *other = tuned(NULL, (gd_matmul_type)matmul);
    const op_case *c = cases;
    while (c->op != &gdi_op_conv2d) c++;
    outcome first = play(d, c, "9,12,10,16 32,16,3,3 32", GD_F32);
    for (int again = 0; again < 2; again++) {
      outcome o = play(again ? other : d, c, "9,12,10,16 32,16,3,3 32", GD_F32);
      for (int k = 0; k < o.parts; k++)
        assert_memory_equal(o.values[k], first.values[k], (size_t)o.n[k] * sizeof(double));
      forget(&o);
    }
    forget(&first);
    gd_device_close(other), gd_device_close(d);
  }
}

/* Heuristics that find nothing, or nothing with a bias: then it is done without. Only the emulator can be told so. */
static void without_engines_results_are_the_same(void **state) {
  (void)state;
  static const char *const none[] = {"fused", "all"};
  for (int i = 0; i < 2; i++)
    for (int act = GD_ACT_NONE; act <= GD_ACT_RELU; act++) {
      gd_device *d = tuned(NULL, GD_MATMUL_NATIVE);
      shape s = {.B = 2,
                 .H = 4,
                 .W = 4,
                 .C = 4,
                 .O = 4,
                 .kernel = {3, 3},
                 .groups = 1,
                 .bias = true,
                 .act = (gd_activation)act};
      setenv("GDTRAIN_EMULATED_NO_ENGINE", none[i], 1);
      outcome got = run(d, &s, GD_F32, 0);
      unsetenv("GDTRAIN_EMULATED_NO_ENGINE");
      outcome expected = run(gpu, &s, GD_F32, 0);
      assert_equal(&s, &got, &expected);
      forget(&got), forget(&expected);
      gd_device_close(d);
    }
}

static const shape plain = {
    .B = 2, .H = 4, .W = 4, .C = 4, .O = 4, .kernel = {3, 3}, .groups = 1, .bias = true};

/* 1 + 2^-10 is none of bf16's numbers. */
static void bf16_rounds_what_is_multiplied(void **state) {
  (void)state;
  gd_device *d = tuned(NULL, GD_MATMUL_BF16);
  for (int depthwise = 0; depthwise < 2; depthwise++) {
    gd_tape *t;
    assert_ok(gd_tape_new(&t, d));
    const double x = 1 + 1. / 1024, w[] = {1, 1};
    gd_tensor *image = gd_values(t, GD_F32, (double[]){x, x}, GD_SHAPE(1, 1, 1, 2)),
              *W = gd_values(t, GD_F32, w, GD_SHAPE(depthwise ? 2 : 1, depthwise ? 1 : 2, 1, 1));
    gd_tensor *y = gd_conv2d(t, image, W, NULL, &(gd_window){0}, depthwise ? 2 : 1, GD_ACT_NONE);
    double value[2];
    assert_ok(gd_tape_status(t));
    assert_ok(gd_tensor_get(y, value, gd_numel(y)));
    assert_true(value[0] == (depthwise ? x : 2)); /* of depth they are sums in f32 */
    gd_tape_free(t);
  }
  gd_device_close(d);
}

static void nan_shows(void **state) {
  (void)state;
  for (int act = GD_ACT_NONE; act <= GD_ACT_RELU; act++)
    for (int64_t groups = 1; groups <= 4; groups += 3) {
      shape s = plain;
      s.act = (gd_activation)act, s.groups = groups;
      outcome o = run(gpu, &s, GD_F32, NAN);
      const bool fused = act == GD_ACT_RELU && groups == 1; /* may make 0 of NaN: see linear.c */
      assert_true(fused || isnan(o.values[0][0]));
      assert_false(isnan(o.values[0][o.n[0] - 1]));
      assert_true(isnan(o.values[2][0]));
      forget(&o);
    }
}

static void no_images_give_a_gradient_of_zeros(void **state) {
  (void)state;
  shape s = plain;
  s.B = 0;
  for (s.groups = 1; s.groups <= 4; s.groups += 3) {
    outcome got = run(gpu, &s, GD_F32, 0), expected = run(cpu, &s, GD_F32, 0);
    assert_equal(&s, &got, &expected);
    forget(&got), forget(&expected);
  }
}

static void a_warm_call_takes_no_scratch(void **state) {
  (void)state;
  shape s = plain;
  for (s.groups = 1; s.groups <= 4; s.groups++) {
    if (s.groups == 3) continue;
    outcome o = run(gpu, &s, GD_F32, 0);
    const size_t reserved = gd_arena_reserved_bytes(gpu->scratch), at = gd_arena_mark(gpu->scratch);
    for (int i = 0; i < 3; i++) forget(&o), o = run(gpu, &s, GD_F32, 0);
    assert_int_equal(gd_arena_reserved_bytes(gpu->scratch), reserved);
    assert_int_equal(gd_arena_mark(gpu->scratch), at);
    forget(&o);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_every_precision_and_cut_a_result_is_the_cpus),
      cmocka_unit_test(bf16_by_cudnn_is_near),
      cmocka_unit_test(an_equal_call_has_equal_bits),
      cmocka_unit_test(without_engines_results_are_the_same),
      cmocka_unit_test(bf16_rounds_what_is_multiplied),
      cmocka_unit_test(nan_shows),
      cmocka_unit_test(no_images_give_a_gradient_of_zeros),
      cmocka_unit_test(a_warm_call_takes_no_scratch),
  };
  int st = open_both();
  if (st != 0) return st;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_both();
  return failed;
}
