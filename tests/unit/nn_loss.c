/* Losses: their formulas, their weights, and no silent broadcasting. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

static int reset_tape(void **state) {
  (void)state;
  gd_tape_reset(tape);
  return 0;
}

static double element(const gd_loss_class *cls, double p, double y) {
  const double d = p - y, a = fabs(d);
  if (cls == &gd_mse) return d * d;
  if (cls == &gd_l1) return a;
  if (cls == &gd_huber) return a <= 1 ? d * d / 2 : a - 0.5;
  return fmax(p, 0) - p * y + log(1 + exp(-fabs(p)));
}

static void losses_are_sums_over_elements_with_their_weight(void **state) {
  (void)state;
  const double p[6] = {0.3, -2, 1.5, 0, 30, -40}, y[6] = {0, 1, 1, 0.5, 1, 0};
  const gd_loss_class *const kinds[] = {&gd_mse, &gd_l1, &gd_huber, &gd_bce_with_logits};
  for (int type = GD_F32; type <= GD_F64; type++)
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
      double expected = 0;
      for (int i = 0; i < 6; i++) expected += element(kinds[k], p[i], y[i]);
      gd_tensor *prediction = gd_values(tape, (gd_dtype)type, p, GD_SHAPE(3, 2));
      gd_tensor *target = gd_values(tape, (gd_dtype)type, y, GD_SHAPE(3, 2));
      gd_loss loss = gd_loss_of(tape, kinds[k], prediction, target);
      assert_ok(gd_tape_status(tape));
      assert_close(gd_item(loss.sum), expected, (type == GD_F32 ? 1e-6 : 1e-14) * expected);
      assert_close(gd_item(loss.weight), 6, 0);
      assert_int_equal(loss.weight->dtype, GD_F64);
    }
  gd_tensor *prediction = gd_values(tape, GD_F64, p, GD_SHAPE(6)),
            *target = gd_values(tape, GD_F64, y, GD_SHAPE(6));
  assert_close(gd_item(gd_mse_loss(tape, prediction, target, GD_REDUCE_MEAN)) * 6,
               gd_item(gd_mse_loss(tape, prediction, target, GD_REDUCE_SUM)), 1e-10);
  assert_close(gd_item(gd_huber_loss(tape, prediction, target, 0.5, GD_REDUCE_SUM)),
               0.045 + 0.5 * (3 - 0.25) + 0.125 + 0.125 + 0.5 * (29 - 0.25) + 0.5 * (40 - 0.25), 1e-12);
}

static void cross_entropy_weighs_rows_that_count(void **state) {
  (void)state;
  const double logits[] = {1, 2, 3, 0, 0, 0, 5, 5, 5};
  int64_t labels[] = {2, -100, 0};
  gd_tensor *y, *x = gd_values(tape, GD_F64, logits, GD_SHAPE(3, 3));
  assert_ok(gd_tensor_over(&y, gd_tape_arena(tape), device, GD_I64, GD_SHAPE(3), labels));
  const double expected = log(exp(-2) + exp(-1) + 1) + log(3);
  gd_loss loss = gd_loss_of(tape, &gd_cross_entropy, x, y);
  assert_ok(gd_tape_status(tape));
  assert_close(gd_item(loss.sum), expected, 1e-14);
  assert_close(gd_item(loss.weight), 2, 0);
  assert_close(gd_item(gd_cross_entropy_loss(tape, x, y, GD_REDUCE_MEAN)), expected / 2, 1e-14);
}

/* A micro-batch of many rows in f32: the sum is good to the last bits of the result, not of its terms. */
static void large_sums_stay_accurate_in_f32(void **state) {
  (void)state;
  enum { N = 1 << 20 };
  gd_tensor *p, *y;
  gd_arena *a = gd_tape_arena(tape);
  assert_ok(gd_tensor_new(&p, a, device, GD_F32, GD_SHAPE(N)));
  assert_ok(gd_tensor_new(&y, a, device, GD_F32, GD_SHAPE(N)));
  assert_ok(gd_tensor_fill(p, 0.1));
  assert_ok(gd_tensor_fill(y, 0));
  const double expected = (double)(0.1f * 0.1f) * N;
  assert_close(gd_item(gd_loss_of(tape, &gd_mse, p, y).sum), expected, 1e-7 * expected);
}

static void a_target_that_is_not_alike_is_refused(void **state) {
  (void)state;
  const double v[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  gd_tensor *column = gd_values(tape, GD_F64, v, GD_SHAPE(4, 1)),
            *row = gd_values(tape, GD_F64, v, GD_SHAPE(4));
  assert_close(gd_item(gd_loss_of(tape, &gd_mse, column, row).sum), 0, 0); /* [4,1] and [4] are alike */
  assert_ok(gd_tape_status(tape));
  gd_loss loss = gd_loss_of(tape, &gd_mse, gd_values(tape, GD_F64, v, GD_SHAPE(4, 2)), column);
  assert_null(loss.sum);
  assert_null(loss.weight);
  assert_int_equal(gd_tape_status(tape), GD_ERR_SHAPE);
  assert_non_null(strstr(gd_error_last()->message, "[4, 2]"));
  assert_non_null(strstr(gd_error_last()->message, "[4, 1]"));
}

static void losses_are_named(void **state) {
  (void)state;
  const gd_loss_class *k;
  for (int i = 0; gd_loss_at(i); i++) {
    assert_ok(gd_loss_find(&k, gd_loss_at(i)->name));
    assert_ptr_equal(k, gd_loss_at(i));
  }
  assert_int_equal(gd_loss_find(&k, "cros_entropy"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "'cross_entropy'"));
}

static gd_loss half(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n, const gd_batch *b) {
  (void)c, (void)n;
  return (gd_loss){gd_mul_scalar(t, gd_mse_loss(t, output[0], b->y, GD_REDUCE_SUM), 0.5), NULL};
}

static void losses_of_ones_own_are_registered(void **state) {
  (void)state;
  static const gd_loss_class own = {.name = "half_mse", .target = GD_NUMBERS, .forward = half},
                             same = {.name = "mse", .target = GD_NUMBERS, .forward = half},
                             bad = {.name = "half mse", .forward = half}, empty = {.name = "empty"};
  const gd_loss_class *found;
  assert_ok(gd_loss_register(&own));
  assert_ok(gd_loss_register(&own)); /* a plug-in that is loaded twice */
  assert_ok(gd_loss_find(&found, "half_mse"));
  assert_ptr_equal(found, &own);
  assert_int_equal(gd_loss_register(&same), GD_ERR_USAGE);
  assert_int_equal(gd_loss_register(&bad), GD_ERR_USAGE);
  assert_int_equal(gd_loss_register(&empty), GD_ERR_USAGE);
  const double p[] = {1, 2, 3, 4}, y[] = {0, 0, 0, 0};
  gd_loss loss = gd_loss_of(tape, &own, gd_values(tape, GD_F64, p, GD_SHAPE(2, 2)),
                            gd_values(tape, GD_F64, y, GD_SHAPE(2, 2)));
  assert_ok(gd_tape_status(tape));
  assert_close(gd_item(loss.sum), 15, 0);
  assert_close(gd_item(loss.weight), 2, 0); /* without one of its own: rows */
}

static gd_loss powered(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                       const gd_batch *b) {
  (void)n;
  gd_tensor *d = gd_abs(t, gd_sub(t, output[0], b->y));
  return (gd_loss){gd_sum(t, gd_pow_scalar(t, d, gd_arg_f64(c->args, "p")), GD_ALL, false), NULL};
}

static void a_loss_has_arguments_as_a_layer_has(void **state) {
  (void)state;
  static const gd_arg args[] = {
      {.name = "p", .type = GD_ARG_REAL, .def = "2", .lo = 1, .hi = 8, .help = "power"}, {0}};
  static const gd_loss_class own = {.name = "power", .target = GD_NUMBERS, .args = args, .forward = powered};
  const double p[] = {1, 2}, y[] = {0, 0};
  const struct {
    const char *text;
    double sum;
  } good[] = {{"power", 5}, {"power:3", 9}, {"power:p=4", 17}};
  const char *const bad[] = {"power:q=1", "power:9", "power:x", "mse:3"};
  assert_ok(gd_loss_register(&own));
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    gd_criterion *c;
    const gd_loss_class *cls;
    assert_ok(gd_loss_find(&cls, good[i].text));
    assert_ok(gd_criterion_new(&c, cls, &(gd_loss_settings){.text = good[i].text}, device, GD_F64, 1));
    gd_tensor *x = gd_values(tape, GD_F64, p, GD_SHAPE(2));
    const gd_batch b = gd_batch_of(x, gd_values(tape, GD_F64, y, GD_SHAPE(2)), (gd_range){0, 2});
    assert_close(gd_item(gd_criterion_forward(c, tape, &x, 1, &b).sum), good[i].sum, 1e-12);
    gd_criterion_free(c);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gd_criterion *c;
    const gd_loss_class *cls;
    assert_ok(gd_loss_find(&cls, bad[i]));
    assert_int_equal(gd_criterion_new(&c, cls, &(gd_loss_settings){.text = bad[i]}, device, GD_F64, 1),
                     GD_ERR_USAGE);
    assert_non_null(strstr(gd_error_last()->message, "loss: "));
  }
}

static void settings_that_a_loss_does_not_take_are_refused(void **state) {
  (void)state;
  static const double w[] = {1, 2, 3};
  const gd_loss_settings smooth = {.label_smoothing = 0.1}, three = {.classes = 3, .class_weight = w},
                         positive = {.positives = 3, .pos_weight = w}, far = {.label_smoothing = 1.5};
  const struct {
    const gd_loss_class *cls;
    const gd_loss_settings *s;
    const char *says;
  } bad[] = {{&gd_mse, &smooth, "label_smoothing: the loss mse"},
             {&gd_cross_entropy, &three, "3 numbers for 4 classes"},
             {&gd_bce_with_logits, &positive, "3 numbers for 4 outputs"},
             {&gd_cross_entropy, &far, "from 0 to 1"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gd_criterion *c;
    assert_int_equal(gd_criterion_new(&c, bad[i].cls, bad[i].s, device, GD_F64, 4), GD_ERR_USAGE);
    assert_null(c);
    assert_non_null(strstr(gd_error_last()->message, bad[i].says));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(losses_are_sums_over_elements_with_their_weight, reset_tape),
      cmocka_unit_test_teardown(cross_entropy_weighs_rows_that_count, reset_tape),
      cmocka_unit_test_teardown(large_sums_stay_accurate_in_f32, reset_tape),
      cmocka_unit_test_teardown(a_target_that_is_not_alike_is_refused, reset_tape),
      cmocka_unit_test(losses_are_named),
      cmocka_unit_test_teardown(losses_of_ones_own_are_registered, reset_tape),
      cmocka_unit_test_teardown(a_loss_has_arguments_as_a_layer_has, reset_tape),
      cmocka_unit_test(settings_that_a_loss_does_not_take_are_refused),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
