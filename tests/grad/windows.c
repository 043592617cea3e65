/*
 * What slides a window over images, in f64 against central differences: every combination of kernels, strides, paddings,
 * dilations and groups that fits.
 */
#include "gd/gd.h"
#include "random.h"
#include "test.h"

enum { B = 2, H = 5, W = 4, C = 4, O = 4, PER_LEAF = 16 /* elements of each that are moved */ };

typedef enum kind { CONV, CONV_TRANSPOSE, MAX_POOL, AVG_POOL } kind;

typedef struct window_case {
  kind kind;
  gd_window window;
  int64_t groups;
} window_case;

static gd_device *device;

static gd_tensor *apply(gd_tape *t, gd_tensor *const x[], const window_case *c) {
  static const int64_t none[2];
  switch (c->kind) {
  case CONV: return gd_conv2d(t, x[0], x[1], x[2], &c->window, c->groups, GD_ACT_NONE);
  case CONV_TRANSPOSE: return gd_conv_transpose2d(t, x[0], x[1], x[2], &c->window, none, c->groups);
  case MAX_POOL: return gd_max_pool2d(t, x[0], &c->window);
  default: return gd_avg_pool2d(t, x[0], &c->window, false);
  }
}

/* A scalar of which every element has another derivative. */
static gd_tensor *weighted(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  gd_tensor *y = apply(t, x, user);
  (void)n;
  return y ? gd_sum(t, gd_mul(t, y, gd_sin(t, y)), GD_ALL, false) : NULL;
}

/* No two elements are equal, nor near enough to change places when one is moved. */
static gd_tensor *leaf(gd_arena *a, uint64_t stream, int ndim, const int64_t shape[]) {
  gd_tensor *x;
  double v[B * H * W * C];
  assert_ok(gd_tensor_new(&x, a, device, GD_F64, ndim, shape));
  assert_true(gd_numel(x) <= B * H * W * C);
  for (int64_t i = 0; i < gd_numel(x); i++)
    v[i] = gd_rng_uniform(gd_rng_stream(3, GD_RNG_TEST, stream), (uint64_t)i) - 0.5 + 1e-4 * (double)i;
  assert_ok(gd_tensor_set(x, v, gd_numel(x)));
  assert_ok(gd_require_grad(x, true));
  return x;
}

/* Is there one output at least? Pooling refuses padding beyond half of the kernel. */
static bool fits(const window_case *c) {
  const gd_window *w = &c->window;
  bool all = true;
  for (int i = 0; i < 2; i++) {
    const int64_t span = w->dilation[i] * (w->kernel[i] - 1) + 1, extent = i ? W : H;
    if (c->kind == CONV_TRANSPOSE)
      all &= (extent - 1) * w->stride[i] + span > w->begin[i] + w->end[i];
    else
      all &= extent + w->begin[i] + w->end[i] >= span;
    if (c->kind >= MAX_POOL) all &= 2 * w->begin[i] <= w->kernel[i] && 2 * w->end[i] <= w->kernel[i];
  }
  return all;
}

static void check(const window_case *c) {
  gd_arena *a;
  const gd_window *w = &c->window;
  assert_ok(gd_arena_new(&a, "leaves"));
  const bool turned = c->kind == CONV_TRANSPOSE;
  gd_tensor *x[] = {
      leaf(a, 1, GD_SHAPE(B, H, W, C)),
      leaf(a, 2, GD_SHAPE(turned ? C : O, (turned ? O : C) / c->groups, w->kernel[0], w->kernel[1])),
      leaf(a, 3, GD_SHAPE(O))};
  const gd_gradcheck_options options = {.max_elements = PER_LEAF};
  if (gd_gradcheck(device, weighted, x, c->kind < MAX_POOL ? 3 : 1, (void *)c, &options) != GD_OK)
    fail_msg("kind %d, kernel %ld x %ld, stride %ld x %ld, padding %ld %ld to %ld %ld, dilation %ld x %ld, "
             "%ld groups: %s",
             c->kind, w->kernel[0], w->kernel[1], w->stride[0], w->stride[1], w->begin[0], w->begin[1],
             w->end[0], w->end[1], w->dilation[0], w->dilation[1], c->groups, gd_error_last()->message);
  gd_arena_free(a);
}

static void gradients_are_right_over_a_grid(void **state) {
  (void)state;
  static const int64_t kernels[][2] = {{1, 1}, {2, 3}, {3, 2}}, strides[][2] = {{1, 1}, {2, 1}, {2, 3}},
                       dilations[][2] = {{1, 1}, {2, 1}, {1, 3}}, groups[] = {1, 2, C},
                       paddings[][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {0, 1, 1, 0}, {2, 0, 1, 3}};
  int checked[4] = {0};
  for (int i = 0; i < 4 * 3 * 3 * 3 * 4 * 3; i++) {
    const int64_t *k = kernels[i / 4 % 3], *s = strides[i / 12 % 3], *d = dilations[i / 36 % 3],
                  *p = paddings[i / 108 % 4];
    window_case c = {.kind = (kind)(i % 4), .groups = groups[i / 432]};
    c.window = (gd_window){.kernel = {k[0], k[1]},
                           .stride = {s[0], s[1]},
                           .dilation = {d[0], d[1]},
                           .begin = {p[0], p[1]},
                           .end = {p[2], p[3]}};
    const bool again = c.kind >= MAX_POOL && c.groups > 1; /* pooling has no groups */
    if (again || !fits(&c)) continue;
    if (c.kind == AVG_POOL && (d[0] > 1 || d[1] > 1)) continue; /* nor averages dilation */
    check(&c);
    checked[c.kind]++;
  }
  assert_true(checked[CONV] > 200 && checked[CONV_TRANSPOSE] > 200 && checked[MAX_POOL] > 30 &&
              checked[AVG_POOL] > 12);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_are_right_over_a_grid)};
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) != GD_OK) return 1;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(device);
  return failed;
}
