/* A residual MLP, a tree of blocks, trains as PyTorch trains it: gradients and ten losses. Values: make_residual.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

enum { ROWS = 16, FEATURES = 20, CLASSES = 10, STEPS = 10, PARAMS = 16, PICKED = 4, MAX_NUMBERS = 256 * 256 };

static const char model[] =
    "[{linear: 256}, {repeat: {times: 3, body: [{residual: {body: [{linear: 256}, relu, {linear: "
    "256}]}}]}}, {linear: 10}]";

typedef struct expected {
  char name[PARAMS][64];
  double grad[PARAMS][2 + PICKED], losses[STEPS], after[PARAMS][2];
} expected;

static void read_expected(expected *e) {
  FILE *f = fopen(GD_SOURCE_DIR "/tests/golden/residual.txt", "r");
  assert_non_null(f);
  for (int i = 0; i < PARAMS; i++) {
    assert_int_equal(fscanf(f, "%63s", e->name[i]), 1);
    for (int k = 0; k < 2 + PICKED; k++) assert_int_equal(fscanf(f, "%lf", &e->grad[i][k]), 1);
  }
  for (int i = 0; i < STEPS; i++) assert_int_equal(fscanf(f, "%lf", &e->losses[i]), 1);
  for (int i = 0; i < PARAMS; i++)
    assert_int_equal(fscanf(f, "%lf %lf", &e->after[i][0], &e->after[i][1]), 2);
  fclose(f);
}

static double *numbers(void) {
  static double value[MAX_NUMBERS];
  return value;
}

static void set(gd_tensor *t, double phase, double factor) {
  double *value = numbers();
  const int64_t n = gd_numel(t);
  for (int64_t i = 0; i < n; i++)
    value[i] = factor * sin(1.7 * (double)i + 0.01 * (double)i * (double)i + phase);
  assert_ok(gd_tensor_set(t, value, n));
}

static void sum_and_norm(const gd_tensor *t, double *sum, double *norm) {
  double *value = numbers();
  *sum = *norm = 0;
  assert_ok(gd_tensor_get(t, value, gd_numel(t)));
  for (int64_t i = 0; i < gd_numel(t); i++) *sum += value[i], *norm += value[i] * value[i];
  *norm = sqrt(*norm);
}

static void check_gradients(const expected *e, const gd_named *p, double tolerance) {
  for (int i = 0; i < PARAMS; i++) {
    const gd_tensor *g = p[i].tensor->grad;
    double sum, norm;
    assert_string_equal(p[i].name, e->name[i]);
    sum_and_norm(g, &sum, &norm);
    assert_close(sum, e->grad[i][0], 100 * tolerance);
    assert_close(norm, e->grad[i][1], tolerance);
    for (int k = 0; k < PICKED; k++)
      assert_close(numbers()[k * (gd_numel(g) - 1) / (PICKED - 1)], e->grad[i][2 + k], tolerance);
  }
}

static void check(gd_dtype dtype, double tolerance) {
  static expected e;
  gd_arena *arena;
  gd_module *m;
  gd_named p[PARAMS];
  gd_tensor *leaves[PARAMS], *x, *y;
  double label[ROWS];
  read_expected(&e);
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_model_parse(&m, model, GD_SHAPE(FEATURES), device, dtype, NULL));
  assert_int_equal(gd_module_params(m, p, PARAMS), PARAMS);
  for (int i = 0; i < PARAMS; i++) set(leaves[i] = p[i].tensor, i + 1, 0.08);
  assert_ok(gd_tensor_new(&x, arena, device, dtype, GD_SHAPE(ROWS, FEATURES)));
  assert_ok(gd_tensor_new(&y, arena, device, GD_I64, GD_SHAPE(ROWS)));
  set(x, 0.3, 1);
  for (int i = 0; i < ROWS; i++) label[i] = i * i % CLASSES;
  assert_ok(gd_tensor_set(y, label, ROWS));
  gd_optim o = gd_optim_defaults(GD_SGD);
  o.momentum = 0.9;
  gd_stepper *sgd;
  assert_ok(gd_stepper_new(&sgd, &o, leaves, PARAMS));
  for (int step = 0; step < STEPS; step++) {
    gd_tensor *loss = gd_cross_entropy_loss(tape, gd_forward(m, tape, x), y, GD_REDUCE_MEAN);
    assert_ok(gd_backward(tape, loss, NULL));
    assert_close(gd_item(loss), e.losses[step], tolerance);
    if (step == 0) check_gradients(&e, p, tolerance);
    assert_ok(gd_stepper_step(sgd, 0.05));
    gd_stepper_zero_grad(sgd);
    gd_tape_reset(tape);
  }
  for (int i = 0; i < PARAMS; i++) {
    double sum, norm;
    sum_and_norm(p[i].tensor, &sum, &norm);
    assert_close(sum, e.after[i][0], 100 * tolerance);
    assert_close(norm, e.after[i][1], 10 * tolerance);
  }
  gd_stepper_free(sgd);
  gd_module_free(m);
  gd_arena_free(arena);
}

static void a_residual_mlp_trains_as_in_pytorch(void **state) {
  (void)state;
  check(GD_F64, 1e-12);
  check(GD_F32, 1e-5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_residual_mlp_trains_as_in_pytorch)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
