/* Draws depend on the sample, the token and who draws: not on the micro-batch, nor on what else draws. */
#include <string.h>

#include "test_tape.h"

enum { SAMPLES = 12, TOKENS = 5, WIDTH = 7, ALL = SAMPLES * TOKENS * WIDTH };

/* What dropout leaves of ones [rows TOKENS, WIDTH] that are samples row0, row0 + 1 ... */
static void drop(int64_t row0, int64_t rows, double *y) {
  double ones[ALL];
  for (int i = 0; i < ALL; i++) ones[i] = 1;
  gd_tape_reset(tape);
  gd_tape_draws(tape, 1, 2, row0, rows);
  gd_tensor *x = gd_values(tape, GD_F64, ones, GD_SHAPE(rows * TOKENS, WIDTH));
  assert_ok(gd_tensor_get(gd_dropout(tape, x, 0.5), y, gd_numel(x)));
}

static void tokens_draw_alike_in_any_micro_batch(void **state) {
  (void)state;
  double whole[ALL], part[ALL];
  drop(0, SAMPLES, whole);
  for (int cut = 1; cut <= SAMPLES; cut++) {
    for (int row = 0; row < SAMPLES; row += cut)
      drop(row, row + cut < SAMPLES ? cut : SAMPLES - row, part + row * TOKENS * WIDTH);
    assert_memory_equal(part, whole, sizeof whole);
  }
  for (int i = 1; i < SAMPLES * TOKENS; i++) /* and no two rows alike, in a mask of 60 */
    if (memcmp(whole, whole + i * WIDTH, WIDTH * sizeof *whole) != 0) return;
  fail_msg("all rows draw the same");
}

static double mark(int64_t number) {
  double y[64], sum = 0;
  double ones[64];
  for (int i = 0; i < 64; i++) ones[i] = 1;
  gd_tensor *x = gd_values(tape, GD_F64, ones, GD_SHAPE(64));
  x = number < 0 ? gd_dropout(tape, x, 0.5) : gd_dropout_numbered(tape, x, 0.5, number);
  assert_ok(gd_tensor_get(x, y, 64));
  for (int i = 0; i < 64; i++) sum = sum * 1.5 + y[i]; /* tells masks apart */
  return sum;
}

static void numbers_make_draws_independent_of_each_other(void **state) {
  (void)state;
  double plain[3], second[3];
  gd_tape_reset(tape);
  for (int i = 0; i < 3; i++) plain[i] = mark(-1);
  assert_true(plain[0] != plain[1] && plain[1] != plain[2]);
  gd_tape_reset(tape);
  for (int i = 2; i >= 0; i--) assert_true(mark(i) == plain[i]); /* first calls, in any order */
  for (int i = 0; i < 3; i++) second[i] = mark(i);
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) assert_true(second[i] != plain[k]);
  gd_tape_reset(tape);
  for (int i = 0; i < 3; i++) assert_true(mark(i) == plain[i] && mark(i) == second[i]);
}

static void no_two_calls_draw_the_same(void **state) {
  (void)state;
  const int64_t number[] = {0, -1, 1024, 0, -1, 1, 2048, -1};
  enum { CALLS = sizeof number / sizeof *number };
  double drawn[CALLS];
  gd_tape_reset(tape);
  for (int i = 0; i < CALLS; i++) {
    drawn[i] = mark(number[i]);
    for (int k = 0; k < i; k++) assert_true(drawn[i] != drawn[k]);
  }
}

static void negative_numbers_and_too_many_calls_are_refused(void **state) {
  (void)state;
  gd_tape_reset(tape);
  assert_null(gd_dropout_numbered(tape, gd_constant(tape, GD_F64, 1), 0.5, -1));
  assert_int_equal(gd_tape_status(tape), GD_ERR_USAGE);
  gd_tape_reset(tape);
  for (int i = 0; i < 1024; i++)
    assert_non_null(gd_dropout_numbered(tape, gd_constant(tape, GD_F64, 1), 0, 3));
  assert_null(gd_dropout_numbered(tape, gd_constant(tape, GD_F64, 1), 0, 3));
  gd_tape_reset(tape);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_draw_alike_in_any_micro_batch),
      cmocka_unit_test(numbers_make_draws_independent_of_each_other),
      cmocka_unit_test(no_two_calls_draw_the_same),
      cmocka_unit_test(negative_numbers_and_too_many_calls_are_refused),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
