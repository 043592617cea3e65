/* The number of threads does not show in the bits, and large arrays give what plain loops give. */
#include <math.h>
#include <stdlib.h>

#include "gd/gd.h"
#include "test.h"

/* Results and gradients of many large operations, hashed. */
static gd_digest run(int threads) {
  gd_device *d;
  gd_tape *t;
  gd_sha256 h;
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CPU, .threads = threads}));
  assert_ok(gd_tape_new(&t, d));
  gd_sha256_init(&h);
  const int64_t rows = 301, columns = 517;
  double *values = malloc((size_t)(rows * columns) * sizeof *values);
  for (int64_t i = 0; i < rows * columns; i++)
    values[i] = gd_rng_uniform(gd_rng_stream(1, GD_RNG_TEST, 0), (uint64_t)i) * 4 - 2;
  for (int type = GD_F32; type <= GD_F64; type++) {
    gd_tensor *x = gd_values(t, (gd_dtype)type, values, GD_SHAPE(rows, columns));
    gd_tensor *row = gd_values(t, (gd_dtype)type, values, GD_SHAPE(columns));
    gd_tensor *column = gd_values(t, (gd_dtype)type, values, GD_SHAPE(rows, 1));
    gd_tensor *cube = gd_values(t, (gd_dtype)type, values, GD_SHAPE(43, 7, 517));
    gd_tensor *leaves[] = {x, row, column, cube};
    for (int i = 0; i < 4; i++) assert_ok(gd_require_grad(leaves[i], true));
    gd_tensor *results[] = {
        gd_gelu(t, x),
        gd_add(t, x, row),
        gd_mul(t, x, column),
        gd_maximum(t, row, x),
        gd_div(t, gd_tanh(t, x), gd_exp(t, x)),
        gd_transpose(t, x, 0, 1),
        gd_transpose(t, cube, 0, 2),
        gd_sum(t, x, GD_ALL, false),
        gd_mean(t, x, GD_DIMS(0), false),
        gd_var(t, x, GD_DIMS(1), 1, false),
        gd_var(t, x, GD_ALL, 0, false),
        gd_max(t, x, GD_DIMS(0), true),
        gd_sum(t, cube, GD_DIMS(0, 2), false),
        gd_sum(t, cube, GD_DIMS(1), false),
        gd_slice(t, x, 1, 100, 400),
        gd_where(t, gd_greater(t, x, row), x, column),
        gd_softmax(t, x, 1),
        gd_matmul(t, gd_slice(t, x, 1, 0, 301), x),
    };
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
      assert_non_null(results[i]);
      gd_sha256_add(&h, results[i]->data, gd_tensor_bytes(results[i]));
      assert_ok(gd_backward(t, gd_sum(t, gd_square(t, results[i]), GD_ALL, false), NULL));
    }
    for (int i = 0; i < 4; i++) gd_sha256_add(&h, leaves[i]->grad->data, gd_tensor_bytes(leaves[i]->grad));
  }
  free(values);
  gd_tape_free(t);
  gd_device_close(d);
  return gd_sha256_end(&h);
}

static void the_number_of_threads_does_not_show(void **state) {
  (void)state;
  gd_digest one = run(1);
  for (int threads = 2; threads <= 5; threads++) {
    gd_digest many = run(threads);
    assert_memory_equal(&one, &many, sizeof one);
  }
}

static double at(const gd_tensor *x, int64_t i) {
  return ((const double *)x->data)[i];
}

/* Against loops that anybody can check, where tiles, chunks and merged dimensions have edges. */
static void large_arrays_give_what_plain_loops_give(void **state) {
  (void)state;
  enum { A = 37, B = 45, C = 67 };
  gd_device *d;
  gd_tape *t;
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CPU, .threads = 3}));
  assert_ok(gd_tape_new(&t, d));
  double *v = malloc(sizeof(double) * A * B * C);
  for (int i = 0; i < A * B * C; i++) v[i] = gd_rng_normal(gd_rng_stream(2, GD_RNG_TEST, 0), (uint64_t)i);
  gd_tensor *x = gd_values(t, GD_F64, v, GD_SHAPE(A, B, C)),
            *bc = gd_values(t, GD_F64, v + 9, GD_SHAPE(B, 1));
  gd_tensor *turned = gd_transpose(t, x, 0, 2), *middle = gd_transpose(t, x, 1, 2), *plus = gd_add(t, x, bc);
  gd_tensor *sum = gd_sum(t, x, GD_DIMS(0, 2), false), *all = gd_sum(t, x, GD_ALL, false);
  gd_tensor *top = gd_max(t, x, GD_DIMS(1), false);
  double total = 0;
  for (int a = 0; a < A; a++)
    for (int b = 0; b < B; b++)
      for (int c = 0; c < C; c++) {
        double value = v[(a * B + b) * C + c];
        total += value;
        assert_true(at(turned, (c * B + b) * A + a) == value);
        assert_true(at(middle, (a * C + c) * B + b) == value);
        assert_true(at(plus, (a * B + b) * C + c) == value + v[9 + b]);
        assert_true(at(top, a * C + c) >= value);
      }
  assert_close(gd_item(all), total, 1e-9);
  for (int b = 0; b < B; b++) {
    double line = 0;
    for (int a = 0; a < A; a++)
      for (int c = 0; c < C; c++) line += v[(a * B + b) * C + c];
    assert_close(at(sum, b), line, 1e-10);
  }
  free(v);
  gd_tape_free(t);
  gd_device_close(d);
}

/* A million equal f32 values, which a sum in f32 gets wrong in the third digit. */
static void sums_of_f32_are_accumulated_in_f64(void **state) {
  (void)state;
  gd_device *d;
  gd_tape *t;
  gd_tensor *x;
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CPU, .threads = 2}));
  assert_ok(gd_tape_new(&t, d));
  assert_ok(gd_tensor_new(&x, gd_tape_arena(t), d, GD_F32, GD_SHAPE(1000000)));
  assert_ok(gd_tensor_fill(x, 0.1));
  assert_close(gd_item(gd_sum(t, x, GD_ALL, false)), 1e6 * (double)0.1f, 0.01);
  assert_close(gd_item(gd_var(t, x, GD_ALL, 0, false)), 0, 1e-12);
  gd_tape_free(t);
  gd_device_close(d);
}

static void nan_and_infinity_pass_through(void **state) {
  (void)state;
  gd_device *d;
  gd_tape *t;
  assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  assert_ok(gd_tape_new(&t, d));
  gd_tensor *x = gd_values(t, GD_F32, (double[]){1, NAN, -INFINITY, INFINITY}, GD_SHAPE(4));
  gd_tensor *one = gd_constant(t, GD_F32, 1);
  gd_tensor *results[] = {
      gd_relu(t, x), gd_exp(t, x),          gd_tanh(t, x),         gd_gelu(t, x),         gd_sigmoid(t, x),
      gd_abs(t, x),  gd_clamp(t, x, -2, 2), gd_minimum(t, x, one), gd_maximum(t, one, x), gd_softplus(t, x)};
  for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
    assert_true(isnan(((float *)results[i]->data)[1]));
  assert_true(isnan(gd_item(gd_max(t, x, GD_ALL, false))));
  assert_true(isnan(gd_item(gd_min(t, x, GD_ALL, false))));
  assert_int_equal((int)gd_item(gd_argmax(t, x, 0)), 1);
  gd_tensor *e = results[1], *th = results[2], *s = results[4];
  assert_true(((float *)e->data)[2] == 0 && isinf(((float *)e->data)[3]));
  assert_true(((float *)th->data)[2] == -1 && ((float *)th->data)[3] == 1);
  assert_true(((float *)s->data)[2] == 0 && ((float *)s->data)[3] == 1);
  gd_tape_free(t);
  gd_device_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_number_of_threads_does_not_show),
      cmocka_unit_test(large_arrays_give_what_plain_loops_give),
      cmocka_unit_test(sums_of_f32_are_accumulated_in_f64),
      cmocka_unit_test(nan_and_infinity_pass_through),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
