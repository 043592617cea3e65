/* Convolutions in f32 and bf16, which oneDNN computes in chunks: they agree with f64, and threads do not show in the bits. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "random.h"
#include "test.h"

enum { TENSORS = 4, MOST = 1 << 20 }; /* y, dx, dW, db */

typedef struct shape {
  int64_t B, H, W, C, O, k[2], groups;
  gd_window window;
  bool relu, transposed;
} shape;

typedef struct results {
  int64_t n[TENSORS];
  double *value[TENSORS];
} results;

static gd_tensor *leaf(gd_tape *t, gd_dtype type, uint64_t stream, int ndim, const int64_t extent[]) {
  static double values[MOST];
  int64_t n = 1;
  for (int i = 0; i < ndim; i++) n *= extent[i];
  assert_true(n <= MOST);
  const gd_rng r = gd_rng_stream(3, GD_RNG_TEST, stream);
  for (int64_t i = 0; i < n; i++) values[i] = (float)(gd_rng_uniform(r, (uint64_t)i) - 0.5);
  gd_tensor *x = gd_values(t, type, values, ndim, extent);
  assert_ok(gd_require_grad(x, true));
  return x;
}

static double *copy(const gd_tensor *x, int64_t *n) {
  *n = gd_numel(x);
  double *values = malloc((size_t)*n * sizeof *values);
  assert_ok(gd_tensor_get(x, values, *n));
  return values;
}

/* On a device of so many threads, twice: the second run finds everything prepared. */
static results run(const shape *s, gd_dtype type, gd_matmul_type matmul, int threads) {
  results r = {0};
  gd_device *d;
  gd_tape *t;
  static const int64_t none[2];
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CPU, .threads = threads, .matmul = matmul}));
  assert_ok(gd_tape_new(&t, d));
  for (int again = 0; again < 2; again++) {
    gd_tape_reset(t);
    const int64_t I = s->transposed ? s->C : s->O, J = (s->transposed ? s->O : s->C) / s->groups;
    gd_tensor *x = leaf(t, type, 1, GD_SHAPE(s->B, s->H, s->W, s->C));
    gd_tensor *W = leaf(t, type, 2, GD_SHAPE(I, J, s->k[0], s->k[1])), *b = leaf(t, type, 3, GD_SHAPE(s->O));
    gd_tensor *y = s->transposed
                       ? gd_conv_transpose2d(t, x, W, b, &s->window, none, s->groups)
                       : gd_conv2d(t, x, W, b, &s->window, s->groups, s->relu ? GD_ACT_RELU : GD_ACT_NONE);
    assert_ok(gd_tape_status(t));
    gd_tensor *seed = leaf(t, type, 4, y->ndim, y->shape);
    assert_ok(gd_backward(t, y, seed));
    gd_tensor *of[TENSORS] = {y, x->grad, W->grad, b->grad};
    for (int i = 0; i < TENSORS; i++) free(r.value[i]), r.value[i] = copy(of[i], &r.n[i]);
  }
  gd_tape_free(t);
  gd_device_close(d);
  return r;
}

static void release(results *r) {
  for (int i = 0; i < TENSORS; i++) free(r->value[i]);
}

/* Sums of up to thousands of products of halves: f32 is off by some 1e-6 of their size. */
static void compare(const char *what, const shape *s, const results *a, const results *b, double tolerance) {
  static const char *const names[] = {"y", "dx", "dW", "db"};
  for (int i = 0; i < TENSORS; i++) {
    double size = 0;
    assert_int_equal(a->n[i], b->n[i]);
    for (int64_t k = 0; k < b->n[i]; k++) size = fmax(size, fabs(b->value[i][k]));
    for (int64_t k = 0; k < b->n[i]; k++)
      if (!(fabs(a->value[i][k] - b->value[i][k]) <= tolerance * size))
        fail_msg("%s: %s[%lld] is %.9g, not %.9g: [%lld,%lld,%lld,%lld], %lld x %lld to %lld channels, %lld "
                 "groups, "
                 "stride %lld, %s%s",
                 what, names[i], (long long)k, a->value[i][k], b->value[i][k], (long long)s->B,
                 (long long)s->H, (long long)s->W, (long long)s->C, (long long)s->k[0], (long long)s->k[1],
                 (long long)s->O, (long long)s->groups, (long long)s->window.stride[0],
                 s->transposed ? "transposed " : "", s->relu ? "relu" : "");
  }
}

static void check(const shape *s) {
  results exact = run(s, GD_F64, GD_MATMUL_NATIVE, 1), one = run(s, GD_F32, GD_MATMUL_NATIVE, 1),
          low = run(s, GD_F32, GD_MATMUL_BF16, 1);
  compare("f32 beside f64", s, &one, &exact, 1e-5);
  if (!s->relu) compare("bf16 beside f64", s, &low, &exact, 1e-2); /* beside 0, relu may be on either side */
  for (int threads = 2; threads <= 3; threads++) {
    results more = run(s, GD_F32, GD_MATMUL_NATIVE, threads),
            more64 = run(s, GD_F64, GD_MATMUL_NATIVE, threads),
            more16 = run(s, GD_F32, GD_MATMUL_BF16, threads);
    compare("more threads", s, &more, &one, 0);
    compare("more threads, f64", s, &more64, &exact, 0);
    compare("more threads, bf16", s, &more16, &low, 0);
    release(&more), release(&more64), release(&more16);
  }
  release(&exact), release(&one), release(&low);
}

static void f32_agrees_with_f64_on_any_number_of_threads(void **state) {
  (void)state;
  static const shape shapes[] = {
      {.B = 17,
       .H = 12,
       .W = 10,
       .C = 16,
       .O = 32,
       .k = {3, 3},
       .groups = 1,
       .window = {.begin = {1, 1}, .end = {1, 1}}},
      {.B = 9,
       .H = 8,
       .W = 8,
       .C = 32,
       .O = 16,
       .k = {3, 3},
       .groups = 1,
       .window = {.stride = {2, 2}, .begin = {1, 1}, .end = {1, 1}},
       .relu = true},
      {.B = 16,
       .H = 14,
       .W = 14,
       .C = 1,
       .O = 8,
       .k = {5, 5},
       .groups = 1,
       .window = {.begin = {2, 2}, .end = {2, 2}}},
      {.B = 10,
       .H = 12,
       .W = 12,
       .C = 3,
       .O = 16,
       .k = {3, 3},
       .groups = 1,
       .window = {.begin = {1, 1}, .end = {1, 1}}},
      {.B = 9,
       .H = 6,
       .W = 7,
       .C = 48,
       .O = 48,
       .k = {3, 3},
       .groups = 48,
       .window = {.begin = {1, 1}, .end = {1, 1}},
       .relu = true},
      {.B = 9, .H = 6, .W = 7, .C = 20, .O = 12, .k = {3, 2}, .groups = 4},
      {.B = 12, .H = 5, .W = 5, .C = 64, .O = 40, .k = {1, 1}, .groups = 1},
      {.B = 11,
       .H = 5,
       .W = 4,
       .C = 16,
       .O = 24,
       .k = {2, 2},
       .groups = 1,
       .window = {.stride = {2, 2}},
       .transposed = true},
      {.B = 3, .H = 13, .W = 11, .C = 10, .O = 10, .k = {3, 3}, .groups = 1, .window = {.dilation = {2, 3}}},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i]);
}

/* Any number from lo to hi. */
static int64_t draw(gd_rng r, uint64_t *i, int64_t lo, int64_t hi) {
  return lo + (int64_t)(gd_rng_uniform(r, (*i)++) * (double)(hi - lo + 1));
}

static void random_shapes_agree(void **state) {
  (void)state;
  const uint64_t count = (uint64_t)test_count(2000) / 8; /* a case is a dozen runs */
  for (uint64_t n = 0; n < count; n++) {
    const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, n);
    uint64_t i = 0;
    const int64_t groups = draw(r, &i, 1, 3);
    shape s = {.B = draw(r, &i, 1, 20),
               .groups = groups,
               .C = groups * draw(r, &i, 1, 12),
               .O = groups * draw(r, &i, 1, 16)};
    s.transposed = draw(r, &i, 0, 3) == 0;
    for (int a = 0; a < 2; a++) {
      s.k[a] = draw(r, &i, 1, 4), s.window.stride[a] = draw(r, &i, 1, 3),
      s.window.dilation[a] = draw(r, &i, 1, 2);
      s.window.begin[a] = draw(r, &i, 0, s.k[a] - 1), s.window.end[a] = draw(r, &i, 0, s.k[a] - 1);
    }
    s.H = draw(r, &i, 7, 9), s.W = draw(r, &i, 7, 9);
    check(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(f32_agrees_with_f64_on_any_number_of_threads),
                                     cmocka_unit_test(random_shapes_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
