/* Reductions and rows by index where values are odd or lie askew. */
#include "gpu/both.h"

/* The variance of one value, and the gradient of what has none. */
static void what_is_undefined_is_so_on_both(void **state) {
  (void)state;
  static const struct {
    const char *name, *shapes;
  } undefined[] = {{"var_last", "1,1"}, {"var", "1,3"}, {"mean_first", "0,5"}};
  for (size_t k = 0; k < sizeof undefined / sizeof undefined[0]; k++)
    for (int i = 0; i < CASES; i++)
      if (strcmp(cases[i].name, undefined[k].name) == 0)
        for (int type = GD_F32; type <= GD_F64; type++)
          same_on_both(&cases[i], undefined[k].shapes, (gd_dtype)type);
}

/* A NaN anywhere among many is the largest, the smallest, and found by argmax where it stands first. */
static void nan_wins(void **state) {
  (void)state;
  enum { R = 9000 };
  static double values[2 * R];
  const int64_t at[] = {0, 77, 4500, R - 1};
  for (size_t k = 0; k < sizeof at / sizeof at[0]; k++) {
    gd_tape *t;
    double y[2];
    assert_ok(gd_tape_new(&t, gpu));
    for (int64_t i = 0; i < 2 * R; i++) values[i] = (double)(i % 100);
    values[at[k]] = NAN, values[R - 1] = NAN;
    gd_tensor *x = gd_values(t, GD_F32, values, GD_SHAPE(2, R));
    assert_ok(gd_tensor_get(gd_max(t, x, GD_DIMS(1), false), y, 2));
    assert_true(y[0] != y[0] && y[1] == 99);
    assert_ok(gd_tensor_get(gd_min(t, x, GD_DIMS(1), false), y, 2));
    assert_true(y[0] != y[0] && y[1] == 0);
    assert_ok(gd_tensor_get(gd_argmax(t, x, 1), y, 2));
    assert_close(y[0], (double)at[k], 0);
    assert_close(y[1], 99, 0);
    gd_tape_free(t);
  }
}

/* The order of a sum follows from sizes alone: where the values lie in memory does not show. */
static void sums_do_not_depend_on_where_values_lie(void **state) {
  (void)state;
  enum { N = 50000, OFFSETS = 5 };
  static double values[N];
  double sum[OFFSETS];
  gd_tape *t;
  assert_ok(gd_tape_new(&t, gpu));
  for (int64_t i = 0; i < N; i++) values[i] = gd_rng_normal(gd_rng_stream(1, GD_RNG_TEST, 0), (uint64_t)i);
  for (int k = 0; k < OFFSETS; k++) {
    gd_tensor *x, *part;
    assert_ok(gd_tensor_new(&x, gd_tape_arena(t), gpu, GD_F64, GD_SHAPE(N + OFFSETS)));
    part = gd_slice(t, x, 0, k, N + k);
    assert_ok(gd_tensor_set(part, values, N));
    sum[k] = gd_item(gd_sum(t, part, GD_ALL, false));
    assert_memory_equal(&sum[k], &sum[0], sizeof sum[0]);
  }
  gd_tape_free(t);
}

/* The CPU refuses such an index; a GPU, which nobody waits for, gives NaN and touches nothing else. */
static void an_index_out_of_range_gives_nan(void **state) {
  (void)state;
  gd_tape *t;
  double y[10], dx[6];
  assert_ok(gd_tape_new(&t, gpu));
  gd_tensor *beyond = gd_values(t, GD_F32, (double[]){1, 2, 3, 4, 5, 6, 7, 7}, GD_SHAPE(4, 2));
  gd_tensor *x = gd_detach(t, gd_slice(t, beyond, 0, 0, 3));
  assert_ok(gd_require_grad(x, true));
  gd_tensor *rows = gd_index_select(t, x, 0, INDEX(2, 3, -1, 0, 1e15));
  assert_ok(gd_tensor_get(rows, y, 10));
  const double expected[] = {5, 6, NAN, NAN, NAN, NAN, 1, 2, NAN, NAN}, ones[] = {1, 1, 0, 0, 1, 1};
  for (int i = 0; i < 10; i++)
    if (!agrees(GD_F64, y[i], expected[i])) fail_msg("element %d: %g", i, y[i]);
  assert_ok(gd_backward(t, gd_sum(t, rows, GD_ALL, false), NULL));
  assert_ok(gd_tensor_get(x->grad, dx, 6));
  for (int i = 0; i < 6; i++) assert_close(dx[i], ones[i], 0);
  gd_tape_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_undefined_is_so_on_both),
      cmocka_unit_test(nan_wins),
      cmocka_unit_test(sums_do_not_depend_on_where_values_lie),
      cmocka_unit_test(an_index_out_of_range_gives_nan),
  };
  int st = open_both();
  if (st != 0) return st;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_both();
  return failed;
}
