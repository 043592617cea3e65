/*
 * Batch norm between convolutions: what they do for it, a chunk at a time, has the bits of what it does by itself, on any number
 * of threads. Views between the operations keep them apart.
 */
#include <string.h>

#include "gd/gd.h"
#include "test.h"

enum { BLOCKS = 3, C = 24, MOST_LEAVES = 8 * BLOCKS + 1, MOST = 1 << 20 };

typedef struct network {
  gd_dtype type;
  int threads;
  bool apart, bf16;
} network;

typedef struct tally {
  gd_tensor *leaf[MOST_LEAVES];
  int n;
} tally;

static gd_tensor *leaf(gd_tape *t, const network *s, tally *all, int ndim, const int64_t extent[]) {
  static double values[MOST];
  int64_t n = 1;
  for (int i = 0; i < ndim; i++) n *= extent[i];
  const gd_rng r = gd_rng_stream(7, GD_RNG_TEST, (uint64_t)all->n);
  for (int64_t i = 0; i < n; i++) values[i] = (float)(gd_rng_uniform(r, (uint64_t)i) - 0.45);
  gd_tensor *x = gd_values(t, s->type, values, ndim, extent);
  assert_ok(gd_require_grad(x, true));
  return all->leaf[all->n++] = x;
}

static gd_tensor *apart(gd_tape *t, const network *s, gd_tensor *x) {
  return s->apart ? gd_reshape(t, x, x->ndim, x->shape) : x;
}

static gd_tensor *conv(gd_tape *t, const network *s, tally *all, gd_tensor *x) {
  const gd_window w = {.begin = {1, 1}, .end = {1, 1}};
  gd_tensor *W = leaf(t, s, all, GD_SHAPE(C, C, 3, 3));
  return apart(t, s, gd_conv2d(t, x, W, NULL, &w, 1, GD_ACT_NONE));
}

static gd_tensor *norm(gd_tape *t, const network *s, tally *all, gd_tensor *x, gd_tensor *residual) {
  gd_tensor *w = leaf(t, s, all, GD_SHAPE(C)), *b = leaf(t, s, all, GD_SHAPE(C));
  return apart(t, s, gd_batch_norm(t, x, w, b, NULL, NULL, true, 1e-5, residual, GD_ACT_RELU));
}

/* Blocks of two convolutions: around the first nothing leads, around the second x, around the third a convolution. */
static gd_tensor *result(gd_tape *t, const network *s, tally *all) {
  gd_tensor *x = leaf(t, s, all, GD_SHAPE(19, 5, 6, C));
  for (int i = 0; i < BLOCKS; i++) {
    gd_tensor *y = conv(t, s, all, norm(t, s, all, conv(t, s, all, x), NULL));
    x = norm(t, s, all, y, i == 0 ? NULL : i == 1 ? x : conv(t, s, all, x));
  }
  return x;
}

/* All gradients, one after the other, and the result. */
static void run(const network *s, double *out, int64_t *n) {
  gd_device *d;
  gd_tape *t;
  assert_ok(gd_device_open(
      &d,
      &(gd_device_options){.kind = GD_CPU, .threads = s->threads, .matmul = s->bf16 ? GD_MATMUL_BF16 : 0}));
  assert_ok(gd_tape_new(&t, d));
  for (int again = 0; again < 2; again++) {
    tally all = {0};
    gd_tape_reset(t);
    gd_tensor *y = result(t, s, &all);
    assert_ok(gd_tape_status(t));
    assert_ok(gd_backward(t, gd_sum(t, gd_mul(t, y, y), GD_ALL, false), NULL));
    *n = gd_numel(y);
    assert_ok(gd_tensor_get(y, out, *n));
    for (int i = 0; i < all.n; *n += gd_numel(all.leaf[i]), i++)
      assert_ok(gd_tensor_get(all.leaf[i]->grad, out + *n, gd_numel(all.leaf[i])));
  }
  gd_tape_free(t);
  gd_device_close(d);
}

static void equal_bits_beside_convolutions_and_apart(void **state) {
  (void)state;
  static double first[MOST], other[MOST];
  static const network as[] = {
      {GD_F32, 1, false, false}, {GD_F32, 1, false, true}, {GD_F64, 1, false, false}};
  for (int i = 0; i < 3; i++) {
    int64_t n, m;
    run(&as[i], first, &n);
    for (int threads = 1; threads <= 3; threads++)
      for (int split = 0; split < 2; split++) {
        network s = as[i];
        s.threads = threads, s.apart = split;
        run(&s, other, &m);
        assert_int_equal(n, m);
        for (int64_t k = 0; k < n; k++)
          if (memcmp(&first[k], &other[k], sizeof *first) != 0)
            fail_msg("%s%s, %d threads, %s: number %lld is %.17g, not %.17g", gd_dtype_name(s.type),
                     s.bf16 ? " of bf16" : "", threads, split ? "apart" : "together", (long long)k, other[k],
                     first[k]);
      }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equal_bits_beside_convolutions_and_apart)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
