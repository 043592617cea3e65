/* What is recomputed has the bits of what is kept, in less memory. */
#include "recompute.h"

static gd_device *device;

static void what_is_recomputed_has_the_same_bits(void **state) {
  (void)state;
  recomputing_changes_no_bit(device);
}

static size_t bytes_of(const gd_tape *t) {
  size_t bytes = gd_arena_mark(t->arena);
  for (int i = 0; i < GDI_RECOMPUTE_DEPTH; i++)
    if (t->inner[i]) bytes += gd_arena_reserved_bytes(t->inner[i]);
  return bytes;
}

static gd_tensor *ten_layers(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  gd_tensor *y = x[0];
  (void)n, (void)user;
  for (int i = 0; i < 10; i++) y = gd_tanh(t, y);
  return y;
}

/* 160 layers in blocks of 10: results of 10 at a time, and one of each block. */
static void memory_is_that_of_a_block(void **state) {
  (void)state;
  size_t bytes[2];
  for (int recompute = 0; recompute < 2; recompute++) {
    gd_arena *a;
    gd_tape *t;
    gd_tensor *x, *y;
    assert_ok(gd_arena_new(&a, "leaves"));
    assert_ok(gd_tape_new(&t, device));
    assert_ok(gd_tensor_new(&x, a, device, GD_F32, GD_SHAPE(20000)));
    assert_ok(gd_tensor_fill(x, 0.5));
    assert_ok(gd_require_grad(x, true));
    y = x;
    for (int i = 0; i < 16; i++)
      y = recompute ? gd_recompute(t, ten_layers, NULL, 1, &y, 0, NULL) : ten_layers(t, &y, 1, NULL);
    assert_ok(gd_backward(t, gd_sum(t, y, GD_ALL, false), NULL));
    bytes[recompute] = bytes_of(t);
    gd_tape_free(t);
    gd_arena_free(a);
  }
  assert_true(bytes[1] < bytes[0] / 3);
}

static gd_tensor *uses_an_outer_result(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  (void)n;
  return gd_add(t, x[0], user);
}

static gd_tensor *fails(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  (void)n, (void)user;
  return gd_reshape(t, x[0], GD_SHAPE(5, 5));
}

static gd_tensor *identity(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  (void)t, (void)n, (void)user;
  return x[0];
}

static gd_tensor *only_the_second(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  (void)n, (void)user;
  return gd_square(t, x[1]);
}

static void errors_inside_are_told(void **state) {
  (void)state;
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device));
  gd_tensor *x = gd_values(t, GD_F64, (double[]){1, 2, 3}, GD_SHAPE(3));
  assert_ok(gd_require_grad(x, true));
  gd_tensor *outer = gd_square(t, x);
  assert_null(gd_recompute(t, uses_an_outer_result, outer, 1, &x, 0, NULL));
  assert_int_equal(gd_tape_status(t), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "give it to gd_recompute() as an input"));
  gd_tape_reset(t);
  x = gd_values(t, GD_F64, (double[]){1, 2, 3}, GD_SHAPE(3));
  assert_ok(gd_require_grad(x, true));
  assert_null(gd_recompute(t, fails, NULL, 1, &x, 0, NULL));
  assert_int_equal(gd_tape_status(t), GD_ERR_SHAPE);
  gd_tape_free(t);
}

/* A function that does nothing, and one that does not look at an input that wants a gradient. */
static void odd_functions_have_right_gradients(void **state) {
  (void)state;
  gd_tape *t;
  double g[3];
  assert_ok(gd_tape_new(&t, device));
  gd_tensor *x[] = {gd_values(t, GD_F64, (double[]){1, 2, 3}, GD_SHAPE(3)),
                    gd_values(t, GD_F64, (double[]){4, 5, 6}, GD_SHAPE(3))};
  for (int i = 0; i < 2; i++) assert_ok(gd_require_grad(x[i], true));
  gd_tensor *y = gd_recompute(t, identity, NULL, 1, x, 0, NULL);
  y = gd_mul(t, y, gd_recompute(t, only_the_second, NULL, 2, x, 0, NULL));
  assert_ok(gd_backward(t, gd_sum(t, y, GD_ALL, false), NULL));
  assert_ok(gd_tensor_get(x[0]->grad, g, 3));
  for (int i = 0; i < 3; i++) assert_close(g[i], (4 + i) * (4 + i), 0);
  assert_ok(gd_tensor_get(x[1]->grad, g, 3));
  for (int i = 0; i < 3; i++) assert_close(g[i], 2 * (4 + i) * (1 + i), 0);
  gd_tape_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_recomputed_has_the_same_bits),
      cmocka_unit_test(memory_is_that_of_a_block),
      cmocka_unit_test(errors_inside_are_told),
      cmocka_unit_test(odd_functions_have_right_gradients),
  };
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 2}) != GD_OK) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(device);
  return failed;
}
