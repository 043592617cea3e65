/* The operations whose gradients are checked: expressions of one each, with shapes and values to try. */
#ifndef GD_TEST_GRAD_OPS_CASES_H
#define GD_TEST_GRAD_OPS_CASES_H

#include "ops/ops.h"
#include "gd/gd.h"

enum { MAX_LEAVES = 3 };

typedef gd_tensor *(*expression)(gd_tape *t, gd_tensor *const x[]);

/* Shapes of up to three leaves: "2,3 3" is [2,3] and [3]; "." is a scalar. Values: in [lo, hi], none twice. */
typedef struct grad_case {
  const gd_op *op;
  expression f;
  double lo, hi;
  const char *shapes;
} grad_case;

/* ---- expressions ---- */

#define ONE(name)                                                                                            \
  static gd_tensor *name(gd_tape *t, gd_tensor *const x[]) {                                                 \
    return gd_##name(t, x[0]);                                                                               \
  }
#define TWO(name)                                                                                            \
  static gd_tensor *name(gd_tape *t, gd_tensor *const x[]) {                                                 \
    return gd_##name(t, x[0], x[1]);                                                                         \
  }
#define AS(name, value)                                                                                      \
  static gd_tensor *name(gd_tape *t, gd_tensor *const x[]) {                                                 \
    return (value);                                                                                          \
  }
ONE(neg)
ONE(square)
AS(root, gd_sqrt(t, x[0]))
AS(exponential, gd_exp(t, x[0]))
AS(logarithm, gd_log(t, x[0]))
AS(sine, gd_sin(t, x[0]))
AS(cosine, gd_cos(t, x[0]))
AS(hyperbolic, gd_tanh(t, x[0]))
ONE(sigmoid)
ONE(relu)
ONE(gelu)
ONE(softplus)
AS(absolute, gd_abs(t, x[0]))
TWO(add)
TWO(sub)
TWO(mul)
AS(quotient, gd_div(t, x[0], x[1]))
AS(power, gd_pow(t, x[0], x[1]))
TWO(minimum)
TWO(maximum)
TWO(matmul)
AS(power_of_number, gd_pow_scalar(t, x[0], 3))
AS(twice_the_same, gd_mul(t, x[0], x[0]))
AS(leaky_relu, gd_leaky_relu(t, x[0], 0.1))
AS(clamp, gd_clamp(t, x[0], -0.5, 0.7))
AS(where, gd_where(t, gd_greater(t, gd_detach(t, x[0]), gd_constant(t, x[0]->dtype, 0)), x[1], x[2]))
AS(sum_all, gd_sum(t, x[0], GD_ALL, false))
AS(sum_first, gd_sum(t, x[0], GD_DIMS(0), true))
AS(sum_last, gd_sum(t, x[0], GD_DIMS(-1), false))
AS(sum_outer, gd_sum(t, x[0], GD_DIMS(0, -1), false))
AS(sum_scattered, gd_sum(t, x[0], GD_DIMS(1, 3), false))
AS(mean_all, gd_mean(t, x[0], GD_ALL, false))
AS(mean_first, gd_mean(t, x[0], GD_DIMS(0), false))
AS(var_all, gd_var(t, x[0], GD_ALL, 0, false))
AS(var_first, gd_var(t, x[0], GD_DIMS(0), 1, true))
AS(var_last, gd_var(t, x[0], GD_DIMS(-1), 1, false))
AS(var_scattered, gd_var(t, x[0], GD_DIMS(0, 2), 0, false))
AS(max_all, gd_max(t, x[0], GD_ALL, false))
AS(max_last, gd_max(t, x[0], GD_DIMS(-1), true))
AS(min_first, gd_min(t, x[0], GD_DIMS(0), false))
AS(min_scattered, gd_min(t, x[0], GD_DIMS(0, 2), false))
AS(flat, gd_reshape(t, x[0], GD_SHAPE(-1)))
AS(cast_to_itself, gd_cast(t, x[0], GD_F64))
AS(turned, gd_transpose(t, x[0], 0, -1))
AS(turned_inside, gd_transpose(t, x[0], 1, 2))
AS(turned_and_itself, gd_mul(t, x[0], gd_transpose(t, x[0], 0, 1)))
AS(slice_rows, gd_slice(t, x[0], 0, 1, 3))
AS(slice_columns, gd_slice(t, x[0], -1, 0, 2))
AS(slices_that_overlap, gd_mul(t, gd_slice(t, x[0], 1, 0, 3), gd_slice(t, x[0], 1, 1, 4)))
AS(rows_by_index, gd_index_select(t, x[0], 0, gd_values(t, GD_I64, (double[]){2, 0, 2, 1}, GD_SHAPE(4))))
AS(columns_by_index, gd_index_select(t, x[0], 1, gd_values(t, GD_I64, (double[]){1, 1}, GD_SHAPE(2))))
AS(concat_first, gd_concat(t, (gd_tensor *[]){x[0], x[1], x[0]}, 3, 0))
AS(concat_last, gd_concat(t, x, 3, -1))
AS(linear, gd_linear(t, x[0], x[1], x[2], GD_ACT_NONE))
AS(linear_without_bias, gd_linear(t, x[0], x[1], NULL, GD_ACT_NONE))
AS(linear_of_itself, gd_linear(t, x[0], x[0], NULL, GD_ACT_TANH))
AS(linear_plus_itself, gd_linear(t, x[0], x[1], x[0], GD_ACT_TANH))
AS(linear_relu, gd_linear(t, x[0], x[1], x[2], GD_ACT_RELU))
AS(linear_tanh, gd_linear(t, x[0], x[1], x[2], GD_ACT_TANH))
AS(linear_sigmoid, gd_linear(t, x[0], x[1], x[2], GD_ACT_SIGMOID))
AS(linear_gelu, gd_linear(t, x[0], x[1], x[2], GD_ACT_GELU))
AS(softmax_last, gd_softmax(t, x[0], -1))
AS(softmax_first, gd_softmax(t, x[0], 0))
AS(log_softmax_last, gd_log_softmax(t, x[0], -1))
AS(log_softmax_middle, gd_log_softmax(t, x[0], 1))
AS(cross_entropy, gd_cross_entropy_sum(t, x[0], gd_values(t, GD_I64, (double[]){1, 0, -100, 3}, GD_SHAPE(4)),
                                       NULL, -100, NULL))
AS(cross_entropy_weighted,
   gd_cross_entropy_sum(t, x[0], gd_values(t, GD_I64, (double[]){1, 0, 2, 3}, GD_SHAPE(4)),
                        gd_values(t, x[0]->dtype, (double[]){0.5, 2, 1, 3}, GD_SHAPE(4)), -100, NULL))
AS(dropout, gd_dropout(t, x[0], 0.4))

static const grad_case cases[] = {
    {&gdi_op_add, add, -2, 2, "3,4 3,4"},
    {&gdi_op_add, add, -2, 2, "3,4 4"},
    {&gdi_op_add, add, -2, 2, "2,1,4 3,1"},
    {&gdi_op_add, add, -2, 2, "3,4 ."},
    {&gdi_op_sub, sub, -2, 2, "3,4 3,4"},
    {&gdi_op_sub, sub, -2, 2, "4 3,4"},
    {&gdi_op_sub, sub, -2, 2, "3,1 1,4"},
    {&gdi_op_mul, mul, -2, 2, "3,4 3,4"},
    {&gdi_op_mul, mul, -2, 2, "3,4 3,1"},
    {&gdi_op_mul, mul, -2, 2, "2,1,3,1 4,1,5"},
    {&gdi_op_mul, mul, -2, 2, ". 3"},
    {&gdi_op_mul, twice_the_same, -2, 2, "3,4"},
    {&gdi_op_div, quotient, 0.5, 2, "3,4 3,4"},
    {&gdi_op_div, quotient, -2, -0.5, "3,4 4"},
    {&gdi_op_div, quotient, 0.5, 2, "4 3,1"},
    {&gdi_op_pow, power, 0.3, 2, "3,4 3,4"},
    {&gdi_op_pow, power, 0.3, 2, "3,1 4"},
    {&gdi_op_pow, power_of_number, -2, 2, "3,4"},
    {&gdi_op_minimum, minimum, -2, 2, "3,4 3,4"},
    {&gdi_op_minimum, minimum, -2, 2, "3,1 4"},
    {&gdi_op_maximum, maximum, -2, 2, "3,4 3,4"},
    {&gdi_op_maximum, maximum, -2, 2, "4 2,3,1"},
    {&gdi_op_where, where, -2, 2, "3,4 3,4 3,4"},
    {&gdi_op_where, where, -2, 2, "3,1 4 2,1,4"},
    {&gdi_op_neg, neg, -2, 2, "3,4"},
    {&gdi_op_square, square, -2, 2, "3,4"},
    {&gdi_op_sqrt, root, 0.2, 3, "3,4"},
    {&gdi_op_exp, exponential, -2, 2, "3,4"},
    {&gdi_op_log, logarithm, 0.2, 3, "3,4"},
    {&gdi_op_sin, sine, -4, 4, "3,4"},
    {&gdi_op_cos, cosine, -4, 4, "3,4"},
    {&gdi_op_tanh, hyperbolic, -3, 3, "3,4"},
    {&gdi_op_sigmoid, sigmoid, -5, 5, "3,4"},
    {&gdi_op_relu, relu, -2, 2, "3,4"},
    {&gdi_op_leaky_relu, leaky_relu, -2, 2, "3,4"},
    {&gdi_op_gelu, gelu, -3, 3, "3,4"},
    {&gdi_op_gelu, gelu, -3, 3, "."},
    {&gdi_op_softplus, softplus, -5, 5, "3,4"},
    {&gdi_op_abs, absolute, -2, 2, "3,4"},
    {&gdi_op_clamp, clamp, -2, 2, "3,4"},
    {&gdi_op_sum, sum_all, -2, 2, "3,4"},
    {&gdi_op_sum, sum_all, -2, 2, "."},
    {&gdi_op_sum, sum_first, -2, 2, "3,4"},
    {&gdi_op_sum, sum_last, -2, 2, "2,3,4"},
    {&gdi_op_sum, sum_outer, -2, 2, "2,3,4"},
    {&gdi_op_sum, sum_scattered, -2, 2, "2,3,2,3"},
    {&gdi_op_mean, mean_all, -2, 2, "3,4"},
    {&gdi_op_mean, mean_first, -2, 2, "3,4"},
    {&gdi_op_var, var_all, -2, 2, "3,4"},
    {&gdi_op_var, var_first, -2, 2, "5,4"},
    {&gdi_op_var, var_last, -2, 2, "2,3,4"},
    {&gdi_op_var, var_scattered, -2, 2, "2,3,4"},
    {&gdi_op_max, max_all, -2, 2, "3,4"},
    {&gdi_op_max, max_last, -2, 2, "2,3,4"},
    {&gdi_op_min, min_first, -2, 2, "3,4"},
    {&gdi_op_min, min_scattered, -2, 2, "2,3,4"},
    {&gdi_op_cast, cast_to_itself, -2, 2, "3,4"},
    {&gdi_op_reshape, flat, -2, 2, "3,4"},
    {&gdi_op_transpose, turned, -2, 2, "3,4"},
    {&gdi_op_transpose, turned, -2, 2, "2,3,4"},
    {&gdi_op_transpose, turned_inside, -2, 2, "2,3,2,2"},
    {&gdi_op_transpose, turned_and_itself, -2, 2, "3,3,2"},
    {&gdi_op_slice, slice_rows, -2, 2, "4,3"},
    {&gdi_op_slice, slice_columns, -2, 2, "2,3,4"},
    {&gdi_op_slice, slices_that_overlap, -2, 2, "2,4,3"},
    {&gdi_op_index_select, rows_by_index, -2, 2, "3,4"},
    {&gdi_op_index_select, columns_by_index, -2, 2, "2,3,2"},
    {&gdi_op_concat, concat_first, -2, 2, "2,3 1,3"},
    {&gdi_op_concat, concat_last, -2, 2, "2,2 2,1 2,3"},
    {&gdi_op_matmul, matmul, -2, 2, "3,4 4,2"},
    {&gdi_op_matmul, matmul, -2, 2, "4 4"},
    {&gdi_op_matmul, matmul, -2, 2, "4 4,2"},
    {&gdi_op_matmul, matmul, -2, 2, "3,4 4"},
    {&gdi_op_matmul, matmul, -2, 2, "2,3,4 4,2"},
    {&gdi_op_matmul, matmul, -2, 2, "2,1,3,4 2,4,2"},
    {&gdi_op_linear, linear, -2, 2, "3,4 2,4 2"},
    {&gdi_op_linear, linear, -2, 2, "4 2,4 2"},
    {&gdi_op_linear, linear, -2, 2, "2,3,4 2,4 2"},
    {&gdi_op_linear, linear_without_bias, -2, 2, "3,4 2,4"},
    {&gdi_op_linear, linear_of_itself, -1, 1, "3,4"},
    {&gdi_op_linear, linear_plus_itself, -1, 1, "4 4,4"},
    {&gdi_op_linear, linear_relu, -2, 2, "3,4 5,4 5"},
    {&gdi_op_linear, linear_tanh, -1, 1, "3,4 5,4 5"},
    {&gdi_op_linear, linear_sigmoid, -2, 2, "3,4 5,4 5"},
    {&gdi_op_linear, linear_gelu, -2, 2, "3,4 5,4 5"},
    {&gdi_op_softmax, softmax_last, -3, 3, "3,4"},
    {&gdi_op_softmax, softmax_first, -3, 3, "3,4"},
    {&gdi_op_log_softmax, log_softmax_last, -3, 3, "3,4"},
    {&gdi_op_log_softmax, log_softmax_middle, -3, 3, "2,3,4"},
    {&gdi_op_cross_entropy, cross_entropy, -3, 3, "4,5"},
    {&gdi_op_cross_entropy, cross_entropy_weighted, -3, 3, "4,4"},
    {&gdi_op_dropout, dropout, -2, 2, "3,4"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

#endif
