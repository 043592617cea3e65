/* Small models train as PyTorch trains them: ten losses, and every parameter after them. Values:
 * make_nn.py. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

enum { ROWS = 12, FEATURES = 7, STEPS = 10, MAX_PARAMS = 6, MAX_NUMBERS = 128 };

static void sines(double *out, int64_t n, double phase, double factor) {
  assert_true(n <= MAX_NUMBERS);
  for (int64_t i = 0; i < n; i++) out[i] = factor * sin(1.7 * (double)i + phase);
}

static gd_tensor *target(gd_arena *a, gd_dtype dtype, const gd_loss_class *kind, int64_t outputs) {
  double value[MAX_NUMBERS];
  gd_tensor *y;
  const bool labels = kind == &gd_cross_entropy;
  sines(value, ROWS * outputs, 0.6, 1);
  for (int i = 0; i < ROWS * outputs && kind == &gd_bce_with_logits; i++) value[i] = value[i] > 0;
  for (int i = 0; i < ROWS && labels; i++) value[i] = i == 5 ? -100 : (double)(i * i % outputs);
  const int64_t shape[] = {ROWS, outputs};
  assert_ok(gd_tensor_new(&y, a, device, labels ? GD_I64 : dtype, labels ? 1 : 2, shape));
  assert_ok(gd_tensor_set(y, value, gd_numel(y)));
  return y;
}

/* One case: `losses` [STEPS] and `after`, the sum and the norm of each parameter, are PyTorch's in f64. */
static void check_case(gd_dtype dtype, const gd_loss_class *kind, double momentum, const char *spec,
                       const double *losses, const double *after) {
  const double tolerance = dtype == GD_F64 ? 1e-12 : 2e-5;
  gd_module *m;
  gd_named p[MAX_PARAMS];
  gd_tensor *leaves[MAX_PARAMS], *x;
  gd_arena *arena;
  double value[MAX_NUMBERS];
  int64_t outputs;
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_model_parse(&m, spec, GD_SHAPE(FEATURES), device, dtype, &outputs));
  const int n = gd_module_params(m, p, MAX_PARAMS);
  for (int i = 0; i < n; i++) {
    leaves[i] = p[i].tensor;
    sines(value, gd_numel(leaves[i]), i + 1, 0.5);
    assert_ok(gd_tensor_set(leaves[i], value, gd_numel(leaves[i])));
  }
  sines(value, ROWS * FEATURES, 0.3, 1);
  assert_ok(gd_tensor_new(&x, arena, device, dtype, GD_SHAPE(ROWS, FEATURES)));
  assert_ok(gd_tensor_set(x, value, ROWS * FEATURES));
  gd_tensor *y = target(arena, dtype, kind, outputs);

  gd_optim o = gd_optim_defaults(GD_SGD);
  o.momentum = momentum;
  gd_stepper *sgd;
  assert_ok(gd_stepper_new(&sgd, &o, leaves, n));
  for (int step = 0; step < STEPS; step++) {
    gd_loss loss = gd_loss_of(tape, kind, gd_forward(m, tape, x), y);
    gd_tensor *mean = gd_mul_scalar(tape, loss.sum, 1 / gd_item(loss.weight));
    assert_ok(gd_backward(tape, mean, NULL));
    assert_close(gd_item(mean), losses[step], tolerance);
    assert_ok(gd_stepper_step(sgd, 0.1));
    gd_stepper_zero_grad(sgd);
    gd_tape_reset(tape);
  }
  for (int i = 0; i < n; i++) {
    double sum = 0, squares = 0;
    assert_ok(gd_tensor_get(leaves[i], value, gd_numel(leaves[i])));
    for (int64_t k = 0; k < gd_numel(leaves[i]); k++) sum += value[k], squares += value[k] * value[k];
    assert_close(sum, after[2 * i], 10 * tolerance);
    assert_close(sqrt(squares), after[2 * i + 1], 10 * tolerance);
  }
  gd_stepper_free(sgd);
  gd_module_free(m);
  gd_arena_free(arena);
}

static void models_train_as_in_pytorch(void **state) {
  (void)state;
  FILE *f = fopen(GD_SOURCE_DIR "/tests/golden/nn.txt", "r");
  assert_non_null(f);
  char name[32], spec[128];
  double momentum, losses[STEPS], after[2 * MAX_PARAMS];
  int cases = 0;
  for (; fscanf(f, "%31s %lf %127s", name, &momentum, spec) == 3; cases++) {
    const gd_loss_class *kind;
    int n = 0;
    assert_ok(gd_loss_find(&kind, name));
    for (char *comma; (comma = strchr(spec, ',')) != NULL;) *comma = ' ';
    for (const char *word = spec; (word = strstr(word, "linear:")) != NULL; word++) n += 2 * 2;
    for (const char *word = spec; (word = strstr(word, "layer_norm")) != NULL; word++) n += 2 * 2;
    assert_true(n <= 2 * MAX_PARAMS);
    for (int i = 0; i < STEPS; i++) assert_int_equal(fscanf(f, "%lf", &losses[i]), 1);
    for (int i = 0; i < n; i++) assert_int_equal(fscanf(f, "%lf", &after[i]), 1);
    check_case(GD_F64, kind, momentum, spec, losses, after);
    check_case(GD_F32, kind, momentum, spec, losses, after);
  }
  assert_int_equal(cases, 6);
  fclose(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(models_train_as_in_pytorch)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
