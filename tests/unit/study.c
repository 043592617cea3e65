/* What a study takes from a curve: targets, crossings, cutting; lists and grids. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gd/gd.h"
#include "test.h"
#include "study/study.h"

/* ---- lists and grids */

static void batch_sizes_are_sorted_and_full_is_all_of_them(void **state) {
  (void)state;
  int64_t list[GDI_STUDY_MAX_BATCHES];
  int n;
  assert_ok(gdi_study_batches(list, &n, "8, full,64,8", 1000));
  assert_int_equal(n, 3);
  assert_true(list[0] == 1000 && list[1] == 64 && list[2] == 8);
  const char *const wrong[] = {"", "0", "-3", "1001", "8x", "full,none", "1e999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(gdi_study_batches(list, &n, wrong[i], 1000), GD_ERR_USAGE);
}

static void grids_are_even_in_the_logarithm(void **state) {
  (void)state;
  double list[GDI_STUDY_MAX_RATES];
  int n;
  assert_ok(gdi_study_grid(list, &n, "0.001:10:9"));
  assert_int_equal(n, 9);
  assert_close(list[0], 10, 0);
  assert_close(list[4], 0.1, 0);
  assert_close(list[8], 0.001, 0);
  for (int i = 1; i < n; i++) assert_close(list[i - 1] / list[i], sqrt(10), 1e-3);
  assert_ok(gdi_study_grid(list, &n, "0.3:0.3:1"));
  assert_int_equal(n, 1);
  const char *const wrong[] = {"",      "1",      "1:2",    "1:2:1",   "2:1:3",
                               "0:1:3", "-1:1:3", "1:2:3x", "nan:1:3", "1:2:1000000"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(gdi_study_grid(list, &n, wrong[i]), GD_ERR_USAGE);
}

/* ---- curves */

enum { LIMIT = 1000 };
static const double resolution = 0.1;
static const gdi_target below_one = {1, NAN, false};

/* A run that measures 100 / updates + floor up to `to`. */
static gdi_curve falling(double floor, int64_t to, int64_t diverged) {
  gdi_curve c = {.diverged = diverged};
  for (int64_t u = 0; u <= to; u = gdi_study_next(u, resolution, LIMIT))
    assert_ok(gdi_curve_add(
        &c, &(gdi_point){.updates = u, .loss = 100 / (double)(u ? u : 1) + floor, .measure = NAN}));
  return c;
}

static void measurements_are_a_share_apart_and_one_is_at_the_limit(void **state) {
  (void)state;
  int64_t u = 0, before = 0;
  for (; u < LIMIT; before = u, u = gdi_study_next(u, resolution, LIMIT))
    assert_true(u == 0 || u == before + 1 || (double)u <= (double)before * (1 + resolution));
  assert_int_equal(u, LIMIT);
  assert_true(gdi_study_next(LIMIT, resolution, LIMIT) > LIMIT);
}

static void the_target_is_met_strictly(void **state) {
  (void)state;
  assert_false(gdi_target_met(&below_one, &(gdi_point){.loss = 1, .measure = NAN}));
  assert_true(gdi_target_met(&below_one, &(gdi_point){.loss = nextafter(1, 0), .measure = NAN}));
  assert_false(gdi_target_met(&below_one, &(gdi_point){.loss = NAN, .measure = NAN}));
  const gdi_target both = {1, 0.9, false}, small = {NAN, 2.5, true};
  assert_false(gdi_target_met(&both, &(gdi_point){.loss = 0.5, .measure = 0.9}));
  assert_false(gdi_target_met(&both, &(gdi_point){.loss = 1.5, .measure = 0.95}));
  assert_true(gdi_target_met(&both, &(gdi_point){.loss = 0.5, .measure = 0.91}));
  assert_true(gdi_target_met(&small, &(gdi_point){.loss = 9, .measure = 2.4}));
  assert_false(gdi_target_met(&small, &(gdi_point){.loss = 9, .measure = 2.5}));
}

static gdi_outcome judged(gdi_curve *c, int64_t horizon, int64_t *updates) {
  gdi_verdict v = gdi_curve_judge(c, &below_one, horizon, LIMIT, resolution);
  *updates = v.end ? v.end->updates : -1;
  return v.outcome;
}

/* However far a run went beyond the horizon, it comes to the same. */
static void a_run_is_cut_at_the_horizon_whenever_it_was_stopped(void **state) {
  (void)state;
  int64_t at, first = -1;
  for (int64_t to = 60; to <= 90; to += 3) {
    gdi_curve c = falling(0, to, -1);
    assert_int_equal(judged(&c, 60, &at), GDI_CUT);
    if (first < 0) first = at;
    assert_true(at == first && at <= 60);
    gdi_curve_clear(&c);
  }
  gdi_curve c = falling(0, LIMIT, -1);
  assert_int_equal(judged(&c, LIMIT, &at), GDI_REACHED);
  assert_true(at > 100 && at <= 111);
  assert_int_equal(judged(&c, at, &at), GDI_REACHED);
  assert_int_equal(judged(&c, at - 1, &at), GDI_CUT);
  gdi_curve_clear(&c);
}

static void a_run_that_ended_early_is_incomplete(void **state) {
  (void)state;
  int64_t at;
  gdi_curve c = falling(2, 60, -1), none = {.diverged = -1};
  assert_int_equal(judged(&none, 60, &at), GDI_INCOMPLETE);
  assert_int_equal(judged(&c, LIMIT, &at), GDI_INCOMPLETE);
  gdi_curve_clear(&c);
  c = falling(2, LIMIT, -1);
  assert_int_equal(judged(&c, LIMIT, &at), GDI_NEVER);
  gdi_curve_clear(&c);
}

/* What the fit takes does not depend on how far measurements are apart. */
static void a_crossing_is_where_a_line_meets_the_target(void **state) {
  (void)state;
  gdi_point p[] = {{.updates = 0, .loss = 3, .measure = 0.1},
                   {.updates = 10, .loss = 2, .measure = 0.8},
                   {.updates = 14, .loss = 0.5, .measure = 0.95}};
  gdi_curve c = {.point = p, .n = 3, .diverged = -1};
  const struct {
    gdi_target target;
    double crossing;
  } cases[] = {{{2.5, NAN, false}, 5},
               {{1.25, NAN, false}, 12},
               {{2, NAN, false}, 10},
               {{4, NAN, false}, 0},
               {{NAN, 0.85, false}, 10 + 4. / 3},
               {{1.25, 0.8, false}, 12},
               {{2.5, 0.9, false}, 10 + 8. / 3},
               {{0.5, NAN, false}, INFINITY},
               {{NAN, 0.05, true}, INFINITY},
               {{NAN, 0.5, true}, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const gdi_verdict v = gdi_curve_judge(&c, &cases[i].target, LIMIT, LIMIT, resolution);
    if (isinf(cases[i].crossing))
      assert_true(isinf(v.crossing) && v.outcome != GDI_REACHED);
    else
      assert_close(v.crossing, cases[i].crossing, 1e-12);
  }
}

static void divergence_counts_up_to_the_horizon(void **state) {
  (void)state;
  int64_t at;
  gdi_curve c = falling(2, 50, 55);
  assert_int_equal(judged(&c, LIMIT, &at), GDI_DIVERGED);
  assert_int_equal(judged(&c, 55, &at), GDI_DIVERGED);
  assert_int_equal(judged(&c, 54, &at), GDI_CUT);
  gdi_curve_clear(&c);
}

static void a_curve_comes_back_from_its_file(void **state) {
  (void)state;
  char folder[] = "/tmp/gdtrain-study.XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  gdi_curve c = falling(0.25, 300, 301), back = {.diverged = -1};
  c.point[3].seconds = 0.125, c.point[3].noise_scale = NAN;
  assert_ok(gdi_curve_write(&c, folder, "a.csv"));
  snprintf(path, sizeof path, "%s/a.csv", folder);
  assert_ok(gdi_curve_read(&back, path));
  assert_int_equal(back.n, c.n);
  assert_int_equal(back.diverged, 301);
  for (int i = 0; i < c.n; i++)
    assert_true(back.point[i].updates == c.point[i].updates && back.point[i].loss == c.point[i].loss);
  assert_true(isnan(back.point[3].noise_scale) && back.point[3].seconds == 0.125);
  FILE *f = fopen(path, "r+");
  assert_int_equal(ftruncate(fileno(f), 200), 0);
  fclose(f);
  assert_int_equal(gdi_curve_read(&back, path), GD_ERR_DATA);
  back.measure = "rmse"; /* of another metric */
  assert_ok(gdi_curve_write(&c, folder, "a.csv"));
  assert_int_equal(gdi_curve_read(&back, path), GD_ERR_DATA);
  assert_non_null(strstr(gd_error_last()->message, "not a curve of rmse"));
  unlink(path);
  assert_ok(gdi_curve_read(&back, path)); /* absent: nothing was run yet */
  assert_int_equal(back.n, 0);
  rmdir(folder);
  gdi_curve_clear(&c), gdi_curve_clear(&back);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batch_sizes_are_sorted_and_full_is_all_of_them),
      cmocka_unit_test(grids_are_even_in_the_logarithm),
      cmocka_unit_test(measurements_are_a_share_apart_and_one_is_at_the_limit),
      cmocka_unit_test(the_target_is_met_strictly),
      cmocka_unit_test(a_run_is_cut_at_the_horizon_whenever_it_was_stopped),
      cmocka_unit_test(a_run_that_ended_early_is_incomplete),
      cmocka_unit_test(a_crossing_is_where_a_line_meets_the_target),
      cmocka_unit_test(divergence_counts_up_to_the_horizon),
      cmocka_unit_test(a_curve_comes_back_from_its_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
