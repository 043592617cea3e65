/* A profile gives every part of a model its own time, once: what runs inside an operation is not counted in it too. */
#include "autograd/autograd.h"
#include "base/clock.h"
#include "test_tape.h"

static gd_scope outer = {.name = "outer", .kind = "A"}, inner = {.name = "inner", .kind = "B"};

static gd_tensor *layers(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  gd_tensor *y = x[0];
  (void)n, (void)user;
  gd_tape_enter(t, &inner);
  for (int i = 0; i < 10; i++) y = gd_tanh(t, y);
  gd_tape_leave(t);
  return y;
}

/* Enters `outer`, and what is recomputed of it enters `inner`; the loss is in neither. */
static void run(gd_tensor *x) {
  gd_tape_reset(tape);
  gd_tape_enter(tape, &outer);
  gd_tensor *y = gd_recompute(tape, layers, NULL, 1, &x, 0, NULL);
  y = gd_mul(tape, y, y);
  gd_tape_leave(tape);
  assert_ok(gd_backward(tape, gd_sum(tape, y, GD_ALL, false), NULL));
}

static void time_is_counted_once(void **state) {
  (void)state;
  gd_arena *a;
  gd_tensor *x;
  gdi_profile p = {0};
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tensor_new(&x, a, device, GD_F64, GD_SHAPE(100000)));
  assert_ok(gd_tensor_fill(x, 0.5));
  assert_ok(gd_require_grad(x, true));
  run(x);
  const double t0 = gdi_now();
  tape->profile = &p;
  run(x);
  tape->profile = NULL;
  const double wall = gdi_now() - t0;
  run(x); /* nobody asks */
  assert_int_equal(p.rows, 3);
  const gd_scope *const scope[] = {&inner, &outer, NULL};
  double sum = 0;
  for (int i = 0; i < 3; i++) {
    assert_ptr_equal(p.row[i].scope, scope[i]);
    for (int pass = 0; pass < 2; pass++) {
      assert_true(p.row[i].seconds[pass] > 0);
      sum += p.row[i].seconds[pass];
    }
  }
  assert_true(sum <= wall);
  gdi_profile_free(&p);
  gd_arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(time_is_counted_once)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
