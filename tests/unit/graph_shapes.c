/* What does not fit is refused with a message that names the operation and the shapes. */
#include <string.h>

#include "gd/gd.h"
#include "test.h"

static gd_device *device;
static gd_tape *t;

static gd_tensor *of(gd_dtype type, int ndim, const int64_t shape[]) {
  gd_tensor *x;
  assert_ok(gd_tensor_new(&x, gd_tape_arena(t), device, type, ndim, shape));
  assert_ok(gd_tensor_fill(x, 1));
  return x;
}
#define F32(...) of(GD_F32, GD_SHAPE(__VA_ARGS__))

static void refused(gd_tensor *result, gd_status expected, const char *message) {
  assert_null(result);
  assert_int_equal(gd_tape_status(t), expected);
  if (strcmp(gd_error_last()->message, message) != 0)
    fail_msg("\"%s\" instead of \"%s\"", gd_error_last()->message, message);
  gd_tape_reset(t);
}

static void shapes_that_do_not_fit_are_named(void **state) {
  (void)state;
  refused(gd_matmul(t, F32(64, 784), F32(512, 10)), GD_ERR_SHAPE,
          "matmul: [64, 784] and [512, 10] do not fit");
  refused(gd_add(t, F32(3, 4), F32(3)), GD_ERR_SHAPE, "add: [3, 4] and [3] do not fit");
  refused(gd_linear(t, F32(8, 5), F32(2, 6), NULL, GD_ACT_NONE), GD_ERR_SHAPE,
          "linear: [8, 5] and [2, 6] do not fit");
  refused(gd_linear(t, F32(8, 5), F32(2, 5), F32(3), GD_ACT_NONE), GD_ERR_SHAPE,
          "linear: [2, 5] and [3] do not fit");
  refused(gd_concat(t, (gd_tensor *[]){F32(2, 3), F32(2, 4)}, 2, 0), GD_ERR_SHAPE,
          "concat: [2, 3] and [2, 4] do not fit");
  refused(gd_cross_entropy_sum(t, F32(4, 3), of(GD_I64, GD_SHAPE(5)), NULL, -100, NULL), GD_ERR_SHAPE,
          "cross_entropy: [4, 3] and [5] do not fit");
  refused(gd_where(t, of(GD_U8, GD_SHAPE(5)), F32(3), F32(3)), GD_ERR_SHAPE, "where: [5] and [3] do not fit");
  refused(gd_reshape(t, F32(3, 4), GD_SHAPE(5, -1)), GD_ERR_SHAPE, "reshape: [3, 4] does not fill [5, -1]");
  refused(gd_slice(t, F32(3, 4), 1, 2, 5), GD_ERR_SHAPE, "slice: [2, 5) of dimension 1 is outside [3, 4]");
  refused(gd_slice(t, F32(3, 4), 0, -1, 2), GD_ERR_SHAPE, "slice: [-1, 2) of dimension 0 is outside [3, 4]");
  refused(gd_sum(t, F32(3, 4), GD_DIMS(2), false), GD_ERR_SHAPE, "sum: [3, 4] has no dimension 2");
  refused(gd_softmax(t, F32(3, 4), -3), GD_ERR_SHAPE, "softmax: [3, 4] has no dimension -3");
  refused(gd_max(t, F32(0, 4), GD_ALL, false), GD_ERR_SHAPE, "max of no elements: [0, 4]");
}

static void types_that_do_not_fit_are_named(void **state) {
  (void)state;
  refused(gd_add(t, F32(3), of(GD_F64, GD_SHAPE(3))), GD_ERR_DTYPE,
          "add: f32 and f64 do not fit: cast one of them");
  refused(gd_exp(t, of(GD_I64, GD_SHAPE(3))), GD_ERR_DTYPE, "exp takes f32 or f64, not i64");
  refused(gd_where(t, F32(3), F32(3), F32(3)), GD_ERR_DTYPE, "where: the condition must be u8, not f32");
  refused(gd_index_select(t, F32(3), 0, F32(3)), GD_ERR_DTYPE,
          "index_select: the index must be i64, not f32");
  gd_tensor *label = of(GD_I64, GD_SHAPE(3)), *x = F32(3);
  assert_int_equal(gd_require_grad(label, true), GD_ERR_DTYPE);
  assert_ok(gd_require_grad(x, true)); /* and none goes through such a type */
  for (int type = GD_F32; type <= GD_U8; type++)
    assert_int_equal(gd_cast(t, x, (gd_dtype)type)->requires_grad, type == GD_F32 || type == GD_F64);
}

static void values_out_of_range_are_named(void **state) {
  (void)state;
  gd_tensor *index = gd_values(t, GD_I64, (double[]){0, 3}, GD_SHAPE(2));
  refused(gd_index_select(t, F32(3, 2), 0, index), GD_ERR_DATA,
          "index_select: index 3 at position 1 is outside [0, 3)");
  refused(gd_clamp(t, F32(3), 1, 0), GD_ERR_USAGE, "clamp: lo = 1, hi = 0, but lo <= hi must hold");
  refused(gd_dropout(t, F32(3), 1), GD_ERR_USAGE, "dropout: p = 1 is not in [0, 1)");
}

static void impossible_tensors_are_refused(void **state) {
  (void)state;
  gd_tensor *x;
  gd_arena *a = gd_tape_arena(t);
  assert_int_equal(gd_tensor_new(&x, a, device, GD_F32, GD_SHAPE(1, 1, 1, 1, 1, 1, 1)), GD_ERR_SHAPE);
  assert_int_equal(gd_tensor_new(&x, a, device, GD_F32, GD_SHAPE(-1)), GD_ERR_SHAPE);
  assert_int_equal(gd_tensor_new(&x, a, device, GD_F32, GD_SHAPE(INT64_MAX, INT64_MAX)), GD_ERR_SHAPE);
  assert_int_equal(gd_tensor_new(&x, a, device, GD_F64, GD_SHAPE(INT64_MAX / 4)), GD_ERR_SHAPE);
  assert_int_equal(gd_tensor_new(&x, a, device, GD_F32, GD_SHAPE(INT64_MAX / 4)), GD_ERR_OOM);
  assert_null(x);
}

static void every_pair_of_types_converts(void **state) {
  (void)state;
  const double values[] = {0, 1, 2, 100};
  for (int from = GD_F32; from <= GD_U8; from++)
    for (int to = GD_F32; to <= GD_U8; to++) {
      double back[4];
      gd_tensor *x = gd_cast(t, gd_values(t, (gd_dtype)from, values, GD_SHAPE(4)), (gd_dtype)to);
      assert_ok(gd_tensor_get(x, back, 4));
      for (int i = 0; i < 4; i++) assert_close(back[i], values[i], 0);
    }
  double out[3];
  gd_tensor *x = gd_cast(t, gd_values(t, GD_F32, (double[]){-5, 1e9, 0.0 / 0.0}, GD_SHAPE(3)), GD_U8);
  assert_ok(gd_tensor_get(x, out, 3));
  assert_close(out[0], 0, 0);
  assert_close(out[1], 255, 0);
  assert_close(out[2], 0, 0);
  gd_tensor *rounded =
      gd_cast(t, gd_values(t, GD_F32, (double[]){1.00390625, 1.01171875}, GD_SHAPE(2)), GD_BF16);
  assert_ok(gd_tensor_get(rounded, out, 2)); /* halfway between neighbours: to the even one */
  assert_close(out[0], 1, 0);
  assert_close(out[1], 1.015625, 0);
  gd_tape_reset(t);
}

static void tensors_without_elements_are_fine(void **state) {
  (void)state;
  gd_tensor *x = F32(0, 4);
  assert_ok(gd_require_grad(x, true));
  gd_tensor *y = gd_sum(t, gd_exp(t, gd_add(t, x, F32(4))), GD_ALL, false);
  assert_ok(gd_backward(t, y, NULL));
  assert_close(gd_item(y), 0, 0);
  gd_tape_reset(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shapes_that_do_not_fit_are_named), cmocka_unit_test(types_that_do_not_fit_are_named),
      cmocka_unit_test(values_out_of_range_are_named),    cmocka_unit_test(impossible_tensors_are_refused),
      cmocka_unit_test(every_pair_of_types_converts),     cmocka_unit_test(tensors_without_elements_are_fine),
  };
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) != GD_OK) return 1;
  if (gd_tape_new(&t, device) != GD_OK) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_tape_free(t);
  gd_device_close(device);
  return failed;
}
