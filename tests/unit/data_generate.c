/* Generators: the same samples from the same seed, whatever their number; and of the shape they promise. */
#include <math.h>

#include "data_fixture.h"

static gd_table generate(const char *name, int64_t n, uint64_t seed) {
  gd_table t;
  assert_ok(gd_generate(&t, &(gd_generate_options){.name = name, .n = n, .noise = -1, .seed = seed}));
  return t;
}

static void sample_i_depends_on_seed_and_i_only(void **state) {
  (void)state;
  for (int g = 0; gd_generator_name(g); g++) {
    gd_table few = generate(gd_generator_name(g), 20, 3), many = generate(gd_generator_name(g), 50, 3);
    size_t row = few.x_type == GD_U8 ? 1 : 8;
    for (int d = 0; d < few.ndim; d++) row *= (size_t)few.sample[d];
    assert_memory_equal(few.x, many.x, 20 * row);
    assert_memory_equal(few.y, many.y, 20 * 8 * (size_t)few.targets);
    gd_table_free(&few);
    gd_table_free(&many);
    assert_true(strlen(gd_generator_about(g)) > 0);
  }
  gd_table a = generate("glyphs", 10, 1), b = generate("glyphs", 10, 2);
  assert_memory_not_equal(a.x, b.x, 7840);
  gd_table_free(&a);
  gd_table_free(&b);
}

static void tables_hold_the_published_rows(void **state) {
  (void)state;
  gd_table t = generate("yields15", 0, 1);
  const double *x = t.x, *y = t.y;
  assert_true(t.n == 15 && t.sample[0] == 3 && t.targets == 2);
  assert_true(x[0] == 73 && x[1] == 67 && x[2] == 43 && y[0] == 56 && y[1] == 70);
  assert_true(x[42] == 68 && x[43] == 97 && x[44] == 70 && y[28] == 102 && y[29] == 120);
  gd_table_free(&t);
  t = generate("notgate", 0, 1);
  assert_true(t.n == 2 && ((double *)t.x)[1] == 1 && ((double *)t.y)[0] == 1 && ((double *)t.y)[1] == 0);
  gd_table_free(&t);
}

static void line_and_linear_follow_their_formula(void **state) {
  (void)state;
  gd_table t;
  assert_ok(gd_generate(&t, &(gd_generate_options){.name = "line", .n = 100, .noise = 0, .seed = 1}));
  for (int i = 0; i < 100; i++) assert_close(((double *)t.y)[i], 1 + 2 * ((double *)t.x)[i], 1e-15);
  gd_table_free(&t);
  assert_ok(gd_generate(
      &t, &(gd_generate_options){.name = "linear", .n = 20000, .d = 3, .condition = 100, .seed = 1}));
  double variance[3] = {0};
  for (int i = 0; i < 60000; i++) variance[i % 3] += pow(((double *)t.x)[i], 2) / 20000;
  assert_close(variance[0], 1, 0.05);
  assert_close(variance[1] * 10, 1, 0.05);
  assert_close(variance[2] * 100, 1, 0.05);
  gd_table_free(&t);
}

/* Over a whole period the columns 1, x and the noises are orthogonal, so the least squares are those
 * promised. */
static void quadratic_has_exact_moments(void **state) {
  (void)state;
  enum { N = 64, K = 30 };
  gd_table t;
  assert_ok(gd_generate(
      &t, &(gd_generate_options){.name = "quadratic", .n = N, .k = K, .noise = 3, .condition = 25}));
  const double *x = t.x, *y = t.y;
  double xs = 0, xx = 0;
  for (int i = 0; i < N; i++) xs += x[i] / N, xx += x[i] * x[i] / N;
  assert_close(xs + 1, 1, 1e-14);
  assert_close(xx, 1. / 25, 1e-14);
  for (int a = 0; a < K; a++) {
    double bias = 0, weight = 0, loss = 0;
    for (int i = 0; i < N; i++) {
      bias += y[i * K + a] / N, weight += x[i] * y[i * K + a] / xx / N;
      loss += pow(y[i * K + a] - 50 * x[i], 2) / N;
    }
    assert_close(bias + 1, 1, 1e-12);
    assert_close(weight, 10 * 5, 1e-12);
    assert_close(loss, 9, 1e-12);
    for (int b = 0; b < a; b++) { /* no two noises go together */
      double both = 0;
      for (int i = 0; i < N; i++) both += (y[i * K + a] - 50 * x[i]) * (y[i * K + b] - 50 * x[i]) / N;
      assert_close(both + 1, 1, 1e-11);
    }
  }
  gd_table_free(&t);
}

static void classes_are_balanced(void **state) {
  (void)state;
  static const char *const names[] = {"blobs", "spirals", "moons", "glyphs"};
  for (int g = 0; g < 4; g++) {
    gd_table t = generate(names[g], 6000, 9);
    int64_t count[16] = {0};
    for (int64_t i = 0; i < t.n; i++) count[((int64_t *)t.y)[i]]++;
    for (int64_t c = 0; c < t.classes; c++) assert_close((double)count[c] * (double)t.classes / 6000, 1, 0.2);
    gd_table_free(&t);
  }
}

static void glyphs_have_ink_in_the_middle(void **state) {
  (void)state;
  gd_table t = generate("glyphs", 500, 4);
  double middle = 0, corner = 0;
  for (int64_t i = 0; i < t.n; i++)
    for (int y = 0; y < 28; y++)
      for (int x = 0; x < 28; x++) {
        double v = ((uint8_t *)t.x)[i * 784 + y * 28 + x] / 255.;
        if (abs(2 * y - 27) < 16 && abs(2 * x - 27) < 12) middle += v;
        if (y < 3 && x < 3) corner += v;
      }
  assert_true(middle / (500 * 16 * 12) > 0.25);
  assert_true(corner / (500 * 9) < 0.06); /* noise alone: its positive half */
  gd_table_free(&t);
}

static void impossible_wishes_are_refused(void **state) {
  (void)state;
  gd_table t;
  assert_refused(gd_generate(&t, &(gd_generate_options){.name = "lines"}), GD_ERR_USAGE, "lines");
  assert_refused(gd_generate(&t, &(gd_generate_options){.name = "moons", .k = 3}), GD_ERR_USAGE, "2 classes");
  assert_refused(gd_generate(&t, &(gd_generate_options){.name = "spirals", .d = 3}), GD_ERR_USAGE,
                 "2 inputs");
  assert_refused(gd_generate(&t, &(gd_generate_options){.name = "blobs", .n = -1}), GD_ERR_USAGE,
                 "-1 samples");
  assert_refused(gd_generate(&t, &(gd_generate_options){.name = "linear", .condition = 0.5}), GD_ERR_USAGE,
                 "condition");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sample_i_depends_on_seed_and_i_only),
      cmocka_unit_test(tables_hold_the_published_rows),
      cmocka_unit_test(line_and_linear_follow_their_formula),
      cmocka_unit_test(quadratic_has_exact_moments),
      cmocka_unit_test(classes_are_balanced),
      cmocka_unit_test(glyphs_have_ink_in_the_middle),
      cmocka_unit_test(impossible_wishes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
