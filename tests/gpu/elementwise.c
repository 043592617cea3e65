/* Element by element, where arithmetic alone does not say what becomes: odd values, types, neighbours in memory. */
#include "gpu/both.h"

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

static bool element_wise(const gd_op *op) {
  static const gd_op *const list[] = {
#define GDI_UNARY(name, ...)   &gdi_op_##name,
#define GDI_UNARY_1(name, ...) &gdi_op_##name,
#define GDI_UNARY_2(name, ...) &gdi_op_##name,
#define GDI_BINARY(name, ...)  &gdi_op_##name,
#define GDI_COMPARE(name, ...) &gdi_op_##name,
#include "ops/elementwise.def"
      NULL};
  for (int i = 0; list[i]; i++)
    if (list[i] == op) return true;
  return false;
}

static void odd_values_become_what_they_become_on_the_cpu(void **state) {
  (void)state;
  double expected[ODD * ODD], got[ODD * ODD];
  for (int c = 0; c < CASES; c++)
    for (int type = GD_F32; type <= GD_F64; type++) {
      if (!element_wise(cases[c].op)) continue;
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

static gd_tensor *to_f32(gd_tape *t, gd_tensor *const x[]) {
  return gd_cast(t, x[0], GD_F32);
}

static gd_tensor *there_and_back(gd_tape *t, gd_tensor *const x[]) {
  return gd_mul(t, x[0], gd_cast(t, gd_cast(t, x[0], GD_F64), GD_F32));
}

/* Rounding hides small differences from a gradient check. */
static void a_gradient_comes_back_through_another_type(void **state) {
  (void)state;
  const op_case narrow = {.op = &gdi_op_cast, .name = "to f32", .f = to_f32, .lo = -3, .hi = 300};
  const op_case wide = {.op = &gdi_op_cast, .name = "there and back", .f = there_and_back, .lo = -3, .hi = 3};
  same_on_both(&narrow, "3,4", GD_F64);
  same_on_both(&narrow, "1031", GD_F64);
  same_on_both(&wide, "5,9", GD_F32);
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
