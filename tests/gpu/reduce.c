/* Reductions, argmax, and operations that move elements give on a GPU what they give on the CPU. */
#include "gpu/both.h"

#define AS(name, value)                                                                                      \
  static gd_tensor *name(gd_tape *t, gd_tensor *const x[]) {                                                 \
    return (value);                                                                                          \
  }
#define REDUCTIONS(name)                                                                                     \
  AS(name##_all, gd_##name(t, x[0], GD_ALL, false))                                                          \
  AS(name##_first, gd_##name(t, x[0], GD_DIMS(0), true))                                                     \
  AS(name##_last, gd_##name(t, x[0], GD_DIMS(-1), false))                                                    \
  AS(name##_scattered, gd_##name(t, x[0], GD_DIMS(0, 2), false))
#define gd_var_1(t, x, over, keep) gd_var(t, x, over, 1, keep)
#define gd_var_0(t, x, over, keep) gd_var(t, x, over, 0, keep)
REDUCTIONS(sum)
REDUCTIONS(mean)
REDUCTIONS(var_0)
REDUCTIONS(var_1)
REDUCTIONS(max)
REDUCTIONS(min)
AS(rounded, gd_cast(t, gd_cast(t, x[0], GD_I32), x[0]->dtype)) /* full of ties */
AS(max_of_ties, gd_max(t, gd_mul(t, x[0], rounded(t, x)), GD_DIMS(-1), false))
AS(min_of_ties, gd_min(t, gd_relu(t, x[0]), GD_ALL, false))
AS(argmax_first, gd_argmax(t, x[0], 0))
AS(argmax_last, gd_argmax(t, x[0], -1))
AS(argmax_of_ties, gd_argmax(t, rounded(t, x), -1))
AS(sum_outer, gd_sum(t, x[0], GD_DIMS(0, 2, 4), true))
AS(mean_inner, gd_mean(t, x[0], GD_DIMS(1, 3, 5), false))
AS(flat, gd_reshape(t, x[0], GD_SHAPE(-1)))
AS(turned, gd_transpose(t, x[0], 0, -1))
AS(turned_inside, gd_transpose(t, x[0], 1, 2))
AS(turned_and_itself, gd_mul(t, x[0], gd_transpose(t, x[0], 0, 1)))
AS(turned_u8, gd_transpose(t, gd_cast(t, x[0], GD_U8), 0, 1))
AS(turned_bf16, gd_transpose(t, gd_cast(t, x[0], GD_BF16), 0, 1))
AS(slice_rows, gd_slice(t, x[0], 0, 1, 3))
AS(slice_columns, gd_slice(t, x[0], -1, 1, 3))
AS(slice_nothing, gd_slice(t, x[0], 1, 2, 2))
AS(slices_that_overlap, gd_mul(t, gd_slice(t, x[0], 1, 0, 3), gd_slice(t, x[0], 1, 1, 4)))
AS(concat_first, gd_concat(t, (gd_tensor *[]){x[0], x[1], x[0]}, 3, 0))
AS(concat_last, gd_concat(t, x, 3, -1))
#define INDEX(...)                                                                                           \
  gd_values(t, GD_I64, (double[]){__VA_ARGS__}, GD_SHAPE(sizeof((double[]){__VA_ARGS__}) / sizeof(double)))
AS(rows_by_index, gd_index_select(t, x[0], 0, INDEX(2, 0, 2, 1, 2)))
AS(columns_by_index, gd_index_select(t, x[0], -1, INDEX(1, 1, 0)))
AS(no_rows, gd_index_select(t, x[0], 0, gd_values(t, GD_I64, NULL, GD_SHAPE(0))))
/* The index is longer than what a block looks through at a time, and in no order. */
static gd_tensor *many_rows(gd_tape *t, gd_tensor *const x[]) {
  enum { N = 5000 };
  static double index[N];
  for (int i = 0; i < N; i++) index[i] = (double)((i * 7919ll + i / 3) % x[0]->shape[0]);
  return gd_index_select(t, x[0], 0, gd_values(t, GD_I64, index, GD_SHAPE(N)));
}

#define SHAPES(op, f)                                                                                        \
  {op, f##_all, -2, 2, "3,4"}, {op, f##_all, -2, 2, "70001"}, {op, f##_first, -2, 2, "5,4"},                 \
      {op, f##_first, -2, 2, "20000,3"}, {op, f##_first, -2, 2, "700,40"}, {op, f##_last, -2, 2, "2,3,4"},   \
      {op, f##_last, -2, 2, "3,9001"}, {op, f##_last, -2, 2, "300,17"}, {op, f##_scattered, -2, 2, "2,3,4"}, \
      {op, f##_scattered, -2, 2, "3,2,5,2"}, {op, f##_scattered, -2, 2, "40,5,60,7"}, {                      \
    op, f##_first, -2, 2, "4,0"                                                                              \
  }

static const device_case cases[] = {
    SHAPES(&gdi_op_sum, sum),
    SHAPES(&gdi_op_mean, mean),
    SHAPES(&gdi_op_var, var_0),
    SHAPES(&gdi_op_var, var_1),
    SHAPES(&gdi_op_max, max),
    SHAPES(&gdi_op_min, min),
    {&gdi_op_sum, sum_all, -2, 2, "."},
    {&gdi_op_sum, sum_all, -2, 2, "0"},
    {&gdi_op_sum, sum_first, -2, 2, "0,5"},
    {&gdi_op_sum, sum_outer, -2, 2, "3,2,4,3,2,5"},
    {&gdi_op_mean, mean_inner, -2, 2, "3,2,4,3,2,5"},
    {&gdi_op_max, max_of_ties, -3, 3, "4,301"},
    {&gdi_op_min, min_of_ties, -2, 2, "4,30"},
    {&gdi_op_argmax, argmax_first, -2, 2, "7,5"},
    {&gdi_op_argmax, argmax_first, -2, 2, "3000,3"},
    {&gdi_op_argmax, argmax_last, -2, 2, "300,10"},
    {&gdi_op_argmax, argmax_last, -2, 2, "2,30011"},
    {&gdi_op_argmax, argmax_of_ties, -9, 9, "5,4999"},
    {&gdi_op_reshape, flat, -2, 2, "3,4"},
    {&gdi_op_reshape, flat, -2, 2, "3,0"},
    {&gdi_op_transpose, turned, -2, 2, "3,4"},
    {&gdi_op_transpose, turned, -2, 2, "2,3,4"},
    {&gdi_op_transpose, turned, -2, 2, "67,45"},
    {&gdi_op_transpose, turned, -2, 2, "1,5"},
    {&gdi_op_transpose, turned, -2, 2, "3,0"},
    {&gdi_op_transpose, turned, -2, 2, "5"},
    {&gdi_op_transpose, turned, -2, 2, "3,2,33,2,1,35"},
    {&gdi_op_transpose, turned_inside, -2, 2, "2,3,2,2"},
    {&gdi_op_transpose, turned_inside, -2, 2, "2,33,34,3"},
    {&gdi_op_transpose, turned_inside, -2, 2, "3,40,35"},
    {&gdi_op_transpose, turned_and_itself, -2, 2, "3,3,2"},
    {&gdi_op_transpose, turned_u8, 0, 200, "33,70"},
    {&gdi_op_transpose, turned_bf16, -2, 2, "33,70"},
    {&gdi_op_slice, slice_rows, -2, 2, "4,3"},
    {&gdi_op_slice, slice_columns, -2, 2, "2,3,4"},
    {&gdi_op_slice, slice_nothing, -2, 2, "3,4"},
    {&gdi_op_slice, slices_that_overlap, -2, 2, "2,4,3"},
    {&gdi_op_slice, slices_that_overlap, -2, 2, "2,4,64"},
    {&gdi_op_concat, concat_first, -2, 2, "2,3 1,3"},
    {&gdi_op_concat, concat_first, -2, 2, "2,3 0,3"},
    {&gdi_op_concat, concat_last, -2, 2, "2,2 2,1 2,3"},
    {&gdi_op_concat, concat_last, -2, 2, "30,64 30,128 30,5"},
    {&gdi_op_index_select, rows_by_index, -2, 2, "3,4"},
    {&gdi_op_index_select, rows_by_index, -2, 2, "3,2,129"},
    {&gdi_op_index_select, columns_by_index, -2, 2, "2,3,2"},
    {&gdi_op_index_select, columns_by_index, -2, 2, "300,5"},
    {&gdi_op_index_select, no_rows, -2, 2, "3,4"},
    {&gdi_op_index_select, many_rows, -2, 2, "7,3"},
    {&gdi_op_index_select, many_rows, -2, 2, "2050,2"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* The variance of one value, and the gradient of what has none. */
static const device_case undefined[] = {
    {&gdi_op_var, var_1_last, -2, 2, "1,1"},
    {&gdi_op_var, var_1_first, -2, 2, "1,3"},
    {&gdi_op_mean, mean_first, -2, 2, "0,5"},
};

static void results_and_gradients_are_those_of_the_cpu(void **state) {
  (void)state;
  all_same_on_both(cases, CASES);
  all_same_on_both(undefined, sizeof undefined / sizeof undefined[0]);
}

static void every_gradient_agrees_with_central_differences(void **state) {
  (void)state;
  gradients_agree_with_differences(cases, CASES);
}

static void every_operation_is_here(void **state) {
  (void)state;
  every_operation_has_a_case(reductions_and_moves, cases, CASES);
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
      cmocka_unit_test(results_and_gradients_are_those_of_the_cpu),
      cmocka_unit_test(every_gradient_agrees_with_central_differences),
      cmocka_unit_test(every_operation_is_here),
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
