/* The stepper: each leaf has its own state and its own count of updates. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "running.h"
#include "test.h"

static gd_device *device;
static gd_arena *arena;
static gd_tape *tape;

static int open_device(void **state) {
  (void)state;
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 2}) != GD_OK) return -1;
  if (gd_arena_new(&arena, "test") != GD_OK) return -1;
  return gd_tape_new(&tape, device) == GD_OK ? 0 : -1;
}

static int close_device(void **state) {
  (void)state;
  gd_tape_free(tape);
  gd_arena_free(arena);
  gd_device_close(device);
  return 0;
}

static gd_tensor *leaf(int64_t n, double value) {
  gd_tensor *t;
  assert_ok(gd_tensor_new(&t, arena, device, GD_F64, GD_SHAPE(n)));
  assert_ok(gd_tensor_fill(t, value));
  assert_ok(gd_require_grad(t, true));
  return t;
}

/* The gradient becomes `g` everywhere. */
static void backward(gd_tensor *w, double g) {
  assert_ok(gd_backward(tape, gd_mul_scalar(tape, gd_sum(tape, w, GD_ALL, false), g), NULL));
  gd_tape_reset(tape);
}

static void a_leaf_without_a_gradient_is_left_alone_and_starts_later(void **state) {
  (void)state;
  gd_tensor *leaves[] = {leaf(3, 1), leaf(3, 1)};
  gd_optim o = gd_optim_defaults(GD_ADAM);
  gd_stepper *s;
  assert_ok(gd_stepper_new(&s, &o, leaves, 2));
  for (int i = 0; i < 2; i++) {
    backward(leaves[0], 2);
    if (i == 1) backward(leaves[1], 2);
    assert_ok(gd_stepper_step(s, 0.1));
    gd_stepper_zero_grad(s);
  }
  /* Adam's every step under a constant gradient is the rate itself: bias correction counts each leaf's own
   * steps. */
  assert_close(((double *)leaves[0]->data)[0], 0.8, 1e-8);
  assert_close(((double *)leaves[1]->data)[0], 0.9, 1e-8);
  gd_stepper_free(s);
}

static void large_leaves_get_the_same_update_everywhere(void **state) {
  (void)state;
  enum { N = 200001 };
  gd_tensor *w = leaf(N, 1);
  gd_optim o = gd_optim_defaults(GD_SGD);
  o.momentum = 0.9;
  gd_stepper *s;
  assert_ok(gd_stepper_new(&s, &o, &w, 1));
  for (int i = 0; i < 3; i++) {
    backward(w, 1);
    assert_ok(gd_stepper_step(s, 0.1));
    gd_stepper_zero_grad(s);
  }
  for (int i = 0; i < N; i++) assert_close(((double *)w->data)[i], 1 - 0.1 * (1 + 1.9 + 2.71), 1e-15);
  gd_stepper_free(s);
}

static void lars_uses_the_norms_of_each_leaf(void **state) {
  (void)state;
  gd_tensor *w;
  assert_ok(gd_tensor_new(&w, arena, device, GD_F32, GD_SHAPE(2)));
  assert_ok(gd_tensor_set(w, (double[]){3, 4}, 2));
  assert_ok(gd_require_grad(w, true));
  gd_tensor *direction = gd_values(tape, GD_F32, (double[]){0, 2}, GD_SHAPE(2));
  assert_ok(gd_backward(tape, gd_sum(tape, gd_mul(tape, w, direction), GD_ALL, false), NULL));
  gd_tape_reset(tape);
  gd_optim o = gd_optim_defaults(GD_LARS);
  o.weight_decay = 0.1;
  gd_stepper *s;
  assert_ok(gd_stepper_new(&s, &o, &w, 1));
  assert_ok(gd_stepper_step(s, 10)); /* local rate 0.002: w -= 0.02 (g + 0.1 w) */
  assert_close(((float *)w->data)[0], 3 - 0.02 * 0.3, 1e-6);
  assert_close(((float *)w->data)[1], 4 - 0.02 * 2.4, 1e-6);
  gd_stepper_free(s);
}

static void divergence_names_the_parameter(void **state) {
  (void)state;
  gd_tensor *w = leaf(4, 1);
  w->name = "slope";
  gd_optim o = gd_optim_defaults(GD_SGD);
  gd_stepper *s;
  assert_ok(gd_stepper_new(&s, &o, &w, 1));
  backward(w, 1e300);
  assert_int_equal(gd_stepper_step(s, 1e300), GD_ERR_NONFINITE);
  assert_non_null(strstr(gd_error_last()->message, "slope"));
  gd_stepper_free(s);
}

/* Groups, frozen parameters and statistics of a module. */
static void a_module_has_groups_frozen_parameters_and_statistics(void **state) {
  (void)state;
  gd_device *d;
  gd_tape *t;
  gd_module *m;
  gd_stepper *s;
  const gd_optim sgd = gd_optim_defaults(GD_SGD);
  const char *const freeze[] = {"0.weight"};
  const gd_param_group group[] = {{"*.bias", 0.5, NAN}};
  const gd_params_options how = {1, freeze, 1, group};
  if (!gd_module_class_find("running")) assert_ok(gd_module_register(&running_class));
  assert_ok(gd_device_open(&d, &(gd_device_options){.threads = 1}));
  assert_ok(gd_tape_new(&t, d));
  assert_ok(gd_model_parse(&m, "linear:1 running", GD_SHAPE(1), d, GD_F64, NULL));
  gd_module_reset(m, 1);
  running *r = (running *)m->child[1].module;
  double *weight = m->child[0].module->param[0].tensor->data,
         *bias = m->child[0].module->param[1].tensor->data;
  *weight = 2, *bias = 1;
  assert_ok(gd_stepper_new_module(&s, &sgd, m, &how));
  gd_tensor *x = gd_values(t, GD_F64, (double[]){1, 2, 3, 6}, GD_SHAPE(4, 1));
  assert_ok(gd_backward(t, gd_mean(t, gd_forward(m, t, x), GD_ALL, false), NULL));
  assert_int_equal(gd_stepper_step(s, 0.1), GD_ERR_USAGE);
  gd_stepper_samples(s, 4);
  assert_ok(gd_stepper_step(s, 0.1));
  assert_true(*weight == 2);
  assert_close(*bias, 1 - 0.1 * 0.5 * 0.75, 1e-15);
  assert_close(*(double *)r->mean->data, 0.1 * 7, 1e-15);                /* of 3 5 7 13 */
  assert_close(*(double *)r->variance->data, 0.9 + 0.1 * 56 / 3, 1e-14); /* unbiased */
  gd_stepper_free(s);
  assert_true(m->child[0].module->param[0].tensor->requires_grad);
  gd_module_free(m);
  gd_tape_free(t);
  gd_device_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_module_has_groups_frozen_parameters_and_statistics),
      cmocka_unit_test(a_leaf_without_a_gradient_is_left_alone_and_starts_later),
      cmocka_unit_test(large_leaves_get_the_same_update_everywhere),
      cmocka_unit_test(lars_uses_the_norms_of_each_leaf),
      cmocka_unit_test(divergence_names_the_parameter),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
