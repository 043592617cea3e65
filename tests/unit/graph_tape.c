/* What a tape promises: errors that say why, memory that repeats, and a drawing. */
#include "graph_leaves.h"

static void without_recording_there_is_no_gradient_and_the_error_says_why(void **state) {
  (void)state;
  gd_tensor *x = LEAF(1, 2);
  bool was = gd_tape_record(tape, false);
  gd_tensor *y = gd_sum(tape, x, GD_ALL, false);
  gd_tape_record(tape, was);
  assert_false(y->requires_grad);
  assert_message(gd_backward(tape, y, NULL), GD_ERR_NO_GRAD, "recording was off");
  gd_tensor *z = gd_detach(tape, gd_sum(tape, x, GD_ALL, false));
  assert_false(z->requires_grad);
  assert_message(gd_backward(tape, z, NULL), GD_ERR_NO_GRAD, "detached");
  assert_ok(gd_require_grad(x, false));
  assert_message(gd_backward(tape, gd_sum(tape, x, GD_ALL, false), NULL), GD_ERR_NO_GRAD,
                 "do not require a gradient");
  assert_message(gd_backward(tape, x, NULL), GD_ERR_NO_GRAD, "leaf");
  assert_ok(gd_require_grad(x, true));
  gd_tensor *result = gd_neg(tape, x);
  assert_message(gd_require_grad(result, false), GD_ERR_NO_GRAD, "detach it first");
  assert_ok(gd_tape_status(tape));
  gd_tape_reset(tape);
}

static void the_first_error_is_kept_and_passes_through(void **state) {
  (void)state;
  gd_tensor *x = gd_values(tape, GD_F64, (double[6]){0}, GD_SHAPE(2, 3));
  gd_tensor *y = gd_values(tape, GD_F64, (double[8]){0}, GD_SHAPE(4, 2));
  gd_tensor *bad = gd_matmul(tape, x, y);
  assert_null(bad);
  assert_null(gd_add(tape, x, gd_relu(tape, bad)));
  assert_null(gd_sub(tape, x, y));
  assert_message(gd_backward(tape, gd_sum(tape, bad, GD_ALL, false), NULL), GD_ERR_SHAPE,
                 "matmul: [2, 3] and [4, 2] do not fit");
  assert_message(gd_tape_status(tape), GD_ERR_SHAPE, "matmul: [2, 3] and [4, 2] do not fit");
  gd_tape_reset(tape);
  assert_ok(gd_tape_status(tape));
  assert_null(gd_exp(tape, NULL));
  assert_message(gd_tape_status(tape), GD_ERR_USAGE, "exp: operand 1 is NULL");
  gd_tape_reset(tape);
}

static void a_warm_step_allocates_nothing_and_repeats_its_addresses(void **state) {
  (void)state;
  gd_tensor *x = leaf(GD_SHAPE(8, 3), (double[24]){1, 2, 3}), *W = leaf(GD_SHAPE(5, 3), (double[15]){1, -1});
  void *first[3] = {0};
  size_t bytes = 0;
  for (int step = 0; step < 4; step++) {
    gd_tape_reset(tape);
    gd_zero_grad(x);
    gd_zero_grad(W);
    gd_tensor *h = gd_tanh(tape, gd_linear(tape, x, W, NULL, GD_ACT_NONE)),
              *v = gd_var(tape, h, GD_DIMS(0), 1, false);
    gd_tensor *y = gd_mean(tape, v, GD_ALL, false);
    assert_ok(gd_backward(tape, y, NULL));
    size_t now = gd_arena_reserved_bytes(gd_tape_arena(tape)) + gd_arena_reserved_bytes(arena);
    if (step > 0) {
      assert_ptr_equal(h->data, first[0]);
      assert_ptr_equal(y->data, first[1]);
      assert_ptr_equal(x->grad->data, first[2]);
      assert_int_equal(now, bytes);
    }
    first[0] = h->data, first[1] = y->data, first[2] = x->grad->data, bytes = now;
  }
  gd_tape_reset(tape);
}

static void tapes_do_not_mix(void **state) {
  (void)state;
  gd_tape *other;
  assert_ok(gd_tape_new(&other, device));
  gd_tensor *x = LEAF(1), *y = gd_neg(tape, x);
  assert_null(gd_neg(other, y));
  assert_message(gd_tape_status(other), GD_ERR_USAGE, "another tape");
  gd_tape_reset(other);
  assert_message(gd_backward(other, y, NULL), GD_ERR_USAGE, "another tape");
  gd_tape_free(other);
  gd_tape_reset(tape);
}

/* The sum of (x W) W. */
static void draw(char text[4096]) {
  gd_tensor *x = LEAF(1, 2), *W = LEAF(3, 4);
  x->name = "x", W->name = "the \"weight\"";
  gd_tensor *y = gd_sum(tape, gd_mul(tape, gd_mul(tape, x, W), W), GD_ALL, false);
  FILE *f = tmpfile();
  assert_non_null(f);
  assert_ok(gd_tape_write_dot(tape, y, f));
  rewind(f);
  memset(text, 0, 4096);
  assert_true(fread(text, 1, 4095, f) > 100);
  fclose(f);
}

static void the_drawing_names_leaves_and_operations_alike_each_time(void **state) {
  (void)state;
  char text[4096], again[4096];
  draw(text);
  assert_non_null(strstr(text, "digraph"));
  assert_non_null(strstr(text, "\"mul\""));
  assert_non_null(strstr(text, "the \\\"weight\\\"\\nf64 [2]"));
  assert_null(strstr(strstr(text, "the \\\"") + 1, "the \\\"")); /* used twice, drawn once */
  assert_non_null(strstr(text, "op0_in1 -> op1;"));
  draw(again); /* elsewhere in memory, and behind other operations */
  assert_string_equal(again, text);
  assert_message(gd_tape_write_dot(tape, LEAF(1), stdout), GD_ERR_NO_GRAD, "nothing is recorded");
  gd_tape_reset(tape);
}

static void a_device_describes_what_decides_the_bits(void **state) {
  (void)state;
  assert_null(strstr(gd_device_describe(device), "2 threads")); /* they do not change the bits */
  assert_non_null(strstr(gd_device_describe(device), "oneDNN"));
  gd_device *none;
  assert_message(gd_device_open(&none, &(gd_device_options){.kind = GD_CUDA, .threads = 1}), GD_ERR_GPU,
                 "GPU");
  assert_message(gd_device_open(&none, &(gd_device_options){.kind = GD_CPU}), GD_ERR_USAGE, "thread");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_recording_there_is_no_gradient_and_the_error_says_why),
      cmocka_unit_test(the_first_error_is_kept_and_passes_through),
      cmocka_unit_test(a_warm_step_allocates_nothing_and_repeats_its_addresses),
      cmocka_unit_test(tapes_do_not_mix),
      cmocka_unit_test(the_drawing_names_leaves_and_operations_alike_each_time),
      cmocka_unit_test(a_device_describes_what_decides_the_bits),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
