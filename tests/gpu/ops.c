/* Every operation gives on a GPU what it gives on the CPU, forward and backward: the cases of ops_cases.def. */
#include "gpu/both.h"

static void compare(const op_case *c, const char *shapes) {
  if (!c->op->kernel[GD_CUDA].forward) return; /* it refuses: below */
  same_on_both(c, shapes, GD_F32);
  same_on_both(c, shapes, GD_F64);
}

static void results_and_gradients_are_those_of_the_cpu(void **state) {
  (void)state;
  each_shape(compare);
}

/* Of the cases that have a gradient and are small. */
static void check_gradient(const op_case *c, const char *shapes) {
  const gd_gradcheck_options o = {.max_elements = 5};
  gd_arena *a;
  gd_tensor *x[MAX_LEAVES] = {0};
  assert_ok(gd_arena_new(&a, "leaves"));
  int n = leaves_at(shapes, gpu, a, c, GD_F64, x);
  if (c->op->kernel[GD_CUDA].backward && is_small(x, n, SMALL) &&
      gd_gradcheck(gpu, weighted, x, n, (void *)c, &o) != GD_OK)
    fail_msg("%s of %s: %s", c->name, shape_text(shapes), gd_error_last()->message);
  gd_arena_free(a);
}

static void every_gradient_agrees_with_central_differences(void **state) {
  (void)state;
  each_shape(check_gradient);
}

/* No operation of a user's own falls back to the CPU. */
static void an_operation_without_a_kernel_is_refused(void **state) {
  (void)state;
  gd_op here = gdi_op_exp;
  gd_tape *t;
  here.name = "mine";
  here.kernel[GD_CUDA] = (gd_kernel){NULL, NULL};
  assert_ok(gd_tape_new(&t, gpu));
  gd_tensor *x = gd_constant(t, GD_F32, 1);
  assert_null(gd_apply(t, &here, &(gdi_numbers){{0}}, 1, &x));
  assert_int_equal(gd_tape_status(t), GD_ERR_NO_KERNEL);
  assert_non_null(strstr(gd_error_last()->message, "mine has no kernel for GPUs"));
  gd_tape_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_and_gradients_are_those_of_the_cpu),
      cmocka_unit_test(every_gradient_agrees_with_central_differences),
      cmocka_unit_test(every_operation_has_a_case),
      cmocka_unit_test(an_operation_without_a_kernel_is_refused),
  };
  int st = open_both();
  if (st != 0) return st;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_both();
  return failed;
}
