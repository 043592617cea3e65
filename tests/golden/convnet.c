/*
 * Convnets train as PyTorch trains them: ten losses, parameters and running statistics after them, and what they then give.
 * In f64 to rounding, in f32 the losses to 1e-3. Values: make_convnet.py.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

enum { ROWS = 6, SIDE = 16, COLOURS = 3, CLASSES = 10, STEPS = 10, MOST = 128, MAX_NUMBERS = 1 << 17 };

typedef struct expected {
  char spec[1200];
  double losses[STEPS];
  int n; /* parameters and statistics */
  char name[MOST][64];
  double after[MOST][2], logits[2];
} expected;

static bool read_expected(FILE *f, expected *e) {
  if (fscanf(f, " model %1199[^\n]", e->spec) != 1) return false;
  for (int i = 0; i < STEPS; i++) assert_int_equal(fscanf(f, "%lf", &e->losses[i]), 1);
  for (e->n = 0;; e->n++) {
    double *to = e->after[e->n];
    assert_in_range(e->n, 0, MOST - 1);
    assert_int_equal(fscanf(f, "%63s %lf %lf", e->name[e->n], &to[0], &to[1]), 3);
    if (strcmp(e->name[e->n], "end") != 0) continue;
    memcpy(e->logits, to, sizeof e->logits);
    return true;
  }
}

static double *numbers(void) {
  static double value[MAX_NUMBERS];
  return value;
}

static double wave(int64_t i, double phase) {
  return sin(1.7 * (double)i + 0.01 * (double)i * (double)i + phase);
}

/* Element i of [N,C,H,W] goes to [N,H,W,C]. */
static void set_images(gd_tensor *x) {
  for (int64_t n = 0; n < ROWS; n++)
    for (int64_t c = 0; c < COLOURS; c++)
      for (int64_t p = 0; p < SIDE * SIDE; p++)
        numbers()[(n * SIDE * SIDE + p) * COLOURS + c] = wave((n * COLOURS + c) * SIDE * SIDE + p, 0.3);
  assert_ok(gd_tensor_set(x, numbers(), gd_numel(x)));
}

static void set_parameter(const gd_named *p, int i) {
  gd_tensor *w = p->tensor;
  const char *dot = strrchr(p->name, '.');
  const double fan_in = (double)gd_numel(w) / (double)w->shape[0],
               factor = w->ndim > 1 ? 2 / sqrt(fan_in) : 0.2,
               level = w->ndim == 1 && strcmp(dot, ".weight") == 0;
  for (int64_t k = 0; k < gd_numel(w); k++) numbers()[k] = level + factor * wave(k, i + 1);
  assert_ok(gd_tensor_set(w, numbers(), gd_numel(w)));
}

static void check_sums(const char *name, const gd_tensor *t, const double torch[2], double tolerance) {
  double sum = 0, norm = 0;
  assert_ok(gd_tensor_get(t, numbers(), gd_numel(t)));
  for (int64_t i = 0; i < gd_numel(t); i++) sum += numbers()[i], norm += numbers()[i] * numbers()[i];
  norm = sqrt(norm);
  if (!(fabs(sum - torch[0]) <= 30 * tolerance * (1 + norm)) ||
      !(fabs(norm - torch[1]) <= tolerance * (1 + norm)))
    fail_msg("%s: sum %.12g, norm %.12g; torch has %.12g, %.12g", name, sum, norm, torch[0], torch[1]);
}

static void train(gd_module *m, const expected *e, gd_tensor *x, gd_tensor *y, double tolerance) {
  gd_optim o = gd_optim_defaults(GD_SGD);
  gd_stepper *sgd;
  o.momentum = 0.9;
  assert_ok(gd_stepper_new_module(&sgd, &o, m, &(gd_params_options){0}));
  for (int step = 0; step < STEPS; step++) {
    gd_loss loss = gd_loss_of(tape, &gd_cross_entropy, gd_forward(m, tape, x), y);
    assert_ok(gd_tape_status(tape));
    /* gradients of the sum: statistics weigh samples by themselves, the rate makes it the mean */
    assert_ok(gd_backward(tape, gd_mul_scalar(tape, loss.sum, 1.0 / ROWS), NULL));
    if (!(fabs(gd_item(loss.sum) / ROWS - e->losses[step]) <= tolerance * fabs(e->losses[step])))
      fail_msg("%s, step %d: loss %.12g, torch has %.12g", e->spec, step, gd_item(loss.sum) / ROWS,
               e->losses[step]);
    gd_stepper_samples(sgd, ROWS);
    assert_ok(gd_stepper_step(sgd, 0.02));
    gd_stepper_zero_grad(sgd);
    gd_tape_reset(tape);
  }
  gd_stepper_free(sgd);
}

static void check(const expected *e, gd_dtype dtype, double tolerance) {
  gd_arena *arena;
  gd_module *m;
  gd_named p[MOST];
  gd_tensor *x, *y;
  double label[ROWS];
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_model_parse(&m, e->spec, GD_SHAPE(SIDE, SIDE, COLOURS), device, dtype, NULL));
  const int n = gd_module_params(m, p, MOST), all = n + gd_module_statistics(m, p + n, MOST - n);
  assert_int_equal(all, e->n);
  for (int i = 0; i < n; i++) set_parameter(&p[i], i);
  assert_ok(gd_tensor_new(&x, arena, device, dtype, GD_SHAPE(ROWS, SIDE, SIDE, COLOURS)));
  assert_ok(gd_tensor_new(&y, arena, device, GD_I64, GD_SHAPE(ROWS)));
  set_images(x);
  for (int i = 0; i < ROWS; i++) label[i] = i * i % CLASSES;
  assert_ok(gd_tensor_set(y, label, ROWS));
  train(m, e, x, y, tolerance);
  for (int i = 0; i < all && dtype == GD_F64; i++) {
    assert_string_equal(p[i].name, e->name[i]);
    check_sums(p[i].name, p[i].tensor, e->after[i], tolerance);
  }
  gd_module_train(m, false);
  gd_tape_record(tape, false);
  check_sums("logits", gd_forward(m, tape, x), e->logits, dtype == GD_F64 ? tolerance : 30 * tolerance);
  gd_tape_record(tape, true);
  gd_tape_reset(tape);
  gd_module_free(m);
  gd_arena_free(arena);
}

static void convnets_train_as_in_pytorch(void **state) {
  (void)state;
  static expected e;
  FILE *f = fopen(GD_SOURCE_DIR "/tests/golden/convnet.txt", "r");
  int models = 0;
  assert_non_null(f);
  assert_ok(gd_models_register());
  for (; read_expected(f, &e); models++) {
    check(&e, GD_F64, 1e-8);
    check(&e, GD_F32, 1e-3);
  }
  assert_int_equal(models, 5);
  fclose(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(convnets_train_as_in_pytorch)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
