/*
 * Known models have torchvision's names of parameters, and with equal weights PyTorch's logits to 1e-4. Values: make_models.py,
 * which draws weights and images as here.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

enum { ROWS = 2, COLOURS = 3, CLASSES = 10, MOST = 300, MAX_NUMBERS = 1 << 22 };

static double number[MAX_NUMBERS];

/* Uniform in [-1, 1), of 24 bits: splitmix64 of the index. */
static double draw(int64_t i, int stream) {
  uint64_t z = (uint64_t)i + ((uint64_t)stream << 32) + 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return (double)(z >> 40) / (1 << 23) - 1;
}

static bool ends_in(const char *name, const char *end) {
  const size_t n = strlen(name), m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0;
}

static void set(const gd_named *p, int stream) {
  const int64_t n = gd_numel(p->tensor);
  const bool factor = ends_in(p->name, "running_var") || ends_in(p->name, "weight");
  double level = factor ? 0.7 : 0, by = 0.2;
  if (p->tensor->ndim > 1) level = 0, by = sqrt(6 / (double)(n / p->tensor->shape[0]));
  assert_in_range(n, 1, MAX_NUMBERS);
  for (int64_t i = 0; i < n; i++) number[i] = (float)(level + by * draw(i, stream));
  assert_ok(gd_tensor_set(p->tensor, number, n));
}

/* The names that follow in the file; and the values of each. */
static void set_all(FILE *f, gd_module *m) {
  gd_named p[MOST];
  char name[64];
  int expected;
  const int n = gd_module_params(m, p, MOST), all = n + gd_module_statistics(m, p + n, MOST - n);
  assert_int_equal(fscanf(f, " names %d", &expected), 1);
  assert_int_equal(all, expected);
  for (int i = 0; i < all; i++) {
    assert_int_equal(fscanf(f, "%63s", name), 1);
    assert_string_equal(p[i].name, name);
    set(&p[i], i + 1);
  }
}

/* Element i of [N,C,H,W] goes to [N,H,W,C]. */
static gd_tensor *images(int side) {
  gd_tensor *x;
  const int64_t pixels = side * side;
  for (int64_t n = 0; n < ROWS; n++)
    for (int64_t c = 0; c < COLOURS; c++)
      for (int64_t p = 0; p < pixels; p++)
        number[(n * pixels + p) * COLOURS + c] = draw((n * COLOURS + c) * pixels + p, 0);
  assert_ok(gd_tensor_new(&x, gd_tape_arena(tape), device, GD_F32, GD_SHAPE(ROWS, side, side, COLOURS)));
  assert_ok(gd_tensor_set(x, number, gd_numel(x)));
  return x;
}

static bool check_model(FILE *f) {
  char spec[80];
  int side;
  gd_module *m;
  if (fscanf(f, " model %79s height %d", spec, &side) != 2) return false;
  assert_ok(gd_model_parse(&m, spec, GD_SHAPE(side, side, COLOURS), device, GD_F32, NULL));
  set_all(f, m);
  gd_module_train(m, false);
  gd_tape_record(tape, false);
  gd_tensor *y = gd_forward(m, tape, images(side));
  assert_ok(gd_tape_status(tape));
  assert_int_equal(gd_numel(y), ROWS * CLASSES);
  assert_ok(gd_tensor_get(y, number, ROWS * CLASSES));
  for (int i = 0; i < ROWS * CLASSES; i++) {
    double logit;
    assert_int_equal(fscanf(f, "%lf", &logit), 1);
    if (!(fabs(number[i] - logit) <= 1e-4))
      fail_msg("%s: logit %d is %.9g, torch has %.9g", spec, i, number[i], logit);
  }
  gd_tape_reset(tape);
  gd_module_free(m);
  return true;
}

static void logits_are_those_of_pytorch(void **state) {
  (void)state;
  FILE *f = fopen(GD_SOURCE_DIR "/tests/golden/models.txt", "r");
  int models = 0;
  assert_non_null(f);
  assert_ok(gd_models_register());
  while (check_model(f)) models++;
  assert_int_equal(models, 7);
  fclose(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(logits_are_those_of_pytorch)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
