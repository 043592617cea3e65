/* Operations element by element give on a GPU what they give on the CPU, forward and backward. */
#include "gpu/both.h"

#define AS(name, value)                                                                                      \
  static gd_tensor *name(gd_tape *t, gd_tensor *const x[]) {                                                 \
    return (value);                                                                                          \
  }
#define ONE(name) AS(of_##name, gd_##name(t, x[0]))
#define TWO(name) AS(of_##name, gd_##name(t, x[0], x[1]))
ONE(neg)
ONE(square)
ONE(sqrt)
ONE(exp)
ONE(log)
ONE(sin)
ONE(cos)
ONE(tanh)
ONE(sigmoid)
ONE(relu)
ONE(gelu)
ONE(softplus)
ONE(abs)
AS(leaky, gd_leaky_relu(t, x[0], 0.1))
AS(clamp, gd_clamp(t, x[0], -0.5, 0.7))
TWO(add)
TWO(sub)
TWO(mul)
TWO(div)
TWO(pow)
TWO(minimum)
TWO(maximum)
AS(twice_the_same, gd_mul(t, x[0], x[0]))
AS(from_the_second_row, gd_mul(t, gd_slice(t, x[0], 0, 1, 6), x[1])) /* not aligned to 16 bytes */
AS(greater, gd_greater(t, x[0], x[1]))
AS(equal, gd_equal(t, gd_relu(t, x[0]), gd_relu(t, x[1])))
#define COMPARED(suffix, type)                                                                               \
  AS(greater_##suffix, gd_greater(t, gd_cast(t, x[0], type), gd_cast(t, x[1], type)))                        \
  AS(equal_##suffix, gd_equal(t, gd_cast(t, x[0], type), gd_cast(t, x[1], type)))
COMPARED(i32, GD_I32)
COMPARED(i64, GD_I64)
COMPARED(u8, GD_U8)
AS(where, gd_where(t, gd_greater(t, gd_detach(t, x[0]), gd_constant(t, x[0]->dtype, 0)), x[1], x[2]))
AS(to_f32, gd_cast(t, x[0], GD_F32))
AS(to_f64, gd_cast(t, x[0], GD_F64))
AS(there_and_back, gd_mul(t, x[0], gd_cast(t, gd_cast(t, x[0], GD_F64), GD_F32)))

#define SHAPES(op, f, lo, hi)                                                                                \
  {op, f, lo, hi, "."}, {op, f, lo, hi, "3,4"}, {op, f, lo, hi, "1031"}, {                                   \
    op, f, lo, hi, "2,0,3"                                                                                   \
  }
#define PAIRS(op, f, lo, hi)                                                                                 \
  {op, f, lo, hi, "3,4 3,4"}, {op, f, lo, hi, "3,5 5"}, {op, f, lo, hi, "3,1 4"}, {op, f, lo, hi, ". 3"},    \
      {op, f, lo, hi, "4,8 8"}, {op, f, lo, hi, "4,8 4,1"}, {op, f, lo, hi, "2,1,4 3,1"},                    \
      {op, f, lo, hi, "2,1,3,1,2,1 4,1,2,1,3"}, {op, f, lo, hi, "0,4 4"}, {op, f, lo, hi, "61,67 1"}, {      \
    op, f, lo, hi, "300,12 12"                                                                               \
  }

static const device_case cases[] = {
    SHAPES(&gdi_op_neg, of_neg, -2, 2),
    SHAPES(&gdi_op_square, of_square, -2, 2),
    SHAPES(&gdi_op_sqrt, of_sqrt, 0.2, 3),
    SHAPES(&gdi_op_exp, of_exp, -2, 2),
    SHAPES(&gdi_op_log, of_log, 0.2, 3),
    SHAPES(&gdi_op_sin, of_sin, -4, 4),
    SHAPES(&gdi_op_cos, of_cos, -4, 4),
    SHAPES(&gdi_op_tanh, of_tanh, -3, 3),
    SHAPES(&gdi_op_sigmoid, of_sigmoid, -5, 5),
    SHAPES(&gdi_op_relu, of_relu, -2, 2),
    SHAPES(&gdi_op_leaky_relu, leaky, -2, 2),
    SHAPES(&gdi_op_gelu, of_gelu, -6, 6),
    SHAPES(&gdi_op_softplus, of_softplus, -5, 5),
    SHAPES(&gdi_op_abs, of_abs, -2, 2),
    SHAPES(&gdi_op_clamp, clamp, -2, 2),
    PAIRS(&gdi_op_add, of_add, -2, 2),
    PAIRS(&gdi_op_sub, of_sub, -2, 2),
    PAIRS(&gdi_op_mul, of_mul, -2, 2),
    PAIRS(&gdi_op_div, of_div, 0.5, 2),
    PAIRS(&gdi_op_pow, of_pow, 0.3, 2),
    PAIRS(&gdi_op_minimum, of_minimum, -2, 2),
    PAIRS(&gdi_op_maximum, of_maximum, -2, 2),
    {&gdi_op_mul, twice_the_same, -2, 2, "3,4"},
    {&gdi_op_mul, from_the_second_row, -2, 2, "6,5 5,5"},
    {&gdi_op_mul, from_the_second_row, -2, 2, "6,1,3 4,3"},
    PAIRS(&gdi_op_greater, greater, -2, 2),
    PAIRS(&gdi_op_equal, equal, -2, 2),
    {&gdi_op_greater, greater_i32, -3, 3, "7,9 9"},
    {&gdi_op_greater, greater_i64, -3, 3, "7,9 7,1"},
    {&gdi_op_greater, greater_u8, 0, 3, "5,16 5,16"},
    {&gdi_op_equal, equal_i32, -3, 3, "7,9 9"},
    {&gdi_op_equal, equal_i64, -3, 3, "7,9 7,1"},
    {&gdi_op_equal, equal_u8, 0, 3, "5,17 5,17"},
    {&gdi_op_where, where, -2, 2, "3,4 3,4 3,4"},
    {&gdi_op_where, where, -2, 2, "3,1 4 2,1,4"},
    {&gdi_op_where, where, -2, 2, "5,8 8 5,1"},
    {&gdi_op_where, where, -2, 2, "8 301,8 ."},
    {&gdi_op_where, where, -2, 2, "2,0 2,0 ."},
    SHAPES(&gdi_op_cast, to_f64, -3, 300),
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void results_and_gradients_are_those_of_the_cpu(void **state) {
  (void)state;
  all_same_on_both(cases, CASES);
}

static void every_gradient_agrees_with_central_differences(void **state) {
  (void)state;
  gradients_agree_with_differences(cases, CASES);
}

static void every_operation_is_here(void **state) {
  (void)state;
  every_operation_has_a_case(element_wise, cases, CASES);
}

/* Values of which arithmetic alone does not say what becomes: every pair of them. */
static const double odd[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1e-40, -1e-310, 1, -1, 90, -700, 3e38};
enum { ODD = sizeof odd / sizeof odd[0] };

static void take_odd(gd_device *d, gd_dtype type, expression f, double y[ODD * ODD]) {
  gd_tape *t;
  assert_ok(gd_tape_new(&t, d));
  gd_tensor *x[] = {gd_values(t, type, odd, GD_SHAPE(ODD, 1)), gd_values(t, type, odd, GD_SHAPE(ODD))};
  gd_tensor *result = f(t, x);
  assert_ok(gd_tape_status(t));
  assert_ok(gd_tensor_get(result, y, gd_numel(result)));
  gd_tape_free(t);
}

static void odd_values_become_what_they_become_on_the_cpu(void **state) {
  (void)state;
  double expected[ODD * ODD], got[ODD * ODD];
  for (int c = 0; c < CASES; c++)
    for (int type = GD_F32; type <= GD_F64; type++) {
      if (strncmp(cases[c].shapes, "3,4", 3) != 0 || cases[c].op == &gdi_op_where) continue;
      memset(expected, 0, sizeof expected), memset(got, 0, sizeof got);
      take_odd(cpu, (gd_dtype)type, cases[c].f, expected);
      take_odd(gpu, (gd_dtype)type, cases[c].f, got);
      for (int i = 0; i < ODD * ODD; i++)
        if (!agrees((gd_dtype)type, got[i], expected[i]))
          fail_msg("%s of %s, element %d: %.17g on the GPU, %.17g on the CPU", cases[c].op->name,
                   gd_dtype_name((gd_dtype)type), i, got[i], expected[i]);
    }
}

/* Between every two types, the odd values included: NaN, what does not fit, what lies half-way. */
static void every_pair_of_types_converts_as_on_the_cpu(void **state) {
  (void)state;
  const double values[] = {NAN,   INFINITY,   -INFINITY,  -5, 1e9,  -3e9, 1e19,
                           255.9, 1.00390625, 1.01171875, 77, -0.5, 3};
  enum { N = sizeof values / sizeof values[0] };
  for (int from = GD_F32; from <= GD_U8; from++)
    for (int to = GD_F32; to <= GD_U8; to++) {
      double y[2][N];
      for (int k = 0; k < 2; k++) {
        gd_tape *t;
        assert_ok(gd_tape_new(&t, k ? gpu : cpu));
        assert_ok(gd_tensor_get(gd_cast(t, gd_values(t, (gd_dtype)from, values, GD_SHAPE(N)), (gd_dtype)to),
                                y[k], N));
        gd_tape_free(t);
      }
      for (int i = 0; i < N; i++)
        if (y[0][i] != y[1][i] && (y[0][i] == y[0][i] || y[1][i] == y[1][i]))
          fail_msg("%s to %s: %g became %g on the GPU, %g on the CPU", gd_dtype_name((gd_dtype)from),
                   gd_dtype_name((gd_dtype)to), values[i], y[1][i], y[0][i]);
    }
}

/* Rounding hides small differences from a gradient check. */
static void a_gradient_comes_back_through_another_type(void **state) {
  (void)state;
  const device_case narrow[] = {SHAPES(&gdi_op_cast, to_f32, -3, 300)};
  const device_case wide = {&gdi_op_cast, there_and_back, -3, 3, "5,9"};
  all_same_on_both(narrow, 4);
  same_on_both(&wide, GD_F32);
}

/* Lengths around those of vectors, at every offset from an aligned address; the neighbours stay. */
static void filling_touches_nothing_else(void **state) {
  (void)state;
  enum { ALL = 64, TOP = 21 };
  gd_arena *a;
  gd_tensor *x;
  double values[ALL];
  assert_ok(gd_arena_new(&a, "fill"));
  for (int type = GD_F32; type <= GD_U8; type++)
    for (int64_t at = 1; at < 5; at++)
      for (int64_t n = 0; n < TOP; n += at) {
        assert_ok(gd_tensor_new(&x, a, gpu, (gd_dtype)type, GD_SHAPE(ALL)));
        assert_ok(gd_tensor_fill(x, 3));
        assert_ok(gpu->fill(gpu, (gd_dtype)type,
                            (char *)x->data + at * (int64_t)gd_dtype_bytes((gd_dtype)type), n, 7));
        assert_ok(gd_tensor_get(x, values, ALL));
        for (int64_t i = 0; i < ALL; i++) assert_close(values[i], i >= at && i < at + n ? 7 : 3, 0);
      }
  gd_arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_and_gradients_are_those_of_the_cpu),
      cmocka_unit_test(every_gradient_agrees_with_central_differences),
      cmocka_unit_test(every_operation_is_here),
      cmocka_unit_test(odd_values_become_what_they_become_on_the_cpu),
      cmocka_unit_test(every_pair_of_types_converts_as_on_the_cpu),
      cmocka_unit_test(a_gradient_comes_back_through_another_type),
      cmocka_unit_test(filling_touches_nothing_else),
  };
  int st = open_both();
  if (st != 0) return st;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_both();
  return failed;
}
