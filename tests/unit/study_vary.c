/* What is varied, from text to values; and the bound that differences are held against. */
#include <math.h>
#include <string.h>

#include "base/stats.h"
#include "gd/gd.h"
#include "random.h"
#include "study/vary.h"
#include "test.h"

typedef struct expected {
  const char *text, *key, *value[5];
} expected;

static void values_stand_between_commas_outside_of_brackets_and_quotes(void **state) {
  (void)state;
  static const expected list[] = {
      {"lr=0.1", "lr", {"0.1"}},
      {"lr=0.1, 0.2 ,3", "lr", {"0.1", "0.2", "3"}},
      {"seed=3..5", "seed", {"3", "4", "5"}},
      {"seed=7,-1..1", "seed", {"7", "-1", "0", "1"}},
      {"batch-size=full,64", "batch_size", {"full", "64"}},
      {"model=linear:5 relu,[{linear: 4}, relu],lenet5",
       "model",
       {"linear:5 relu", "[{linear: 4}, relu]", "lenet5"}},
      {"schedule={name: sgdr, t0: [1, {a: 2}]},constant",
       "schedule",
       {"{name: sgdr, t0: [1, {a: 2}]}", "constant"}},
      {"freeze=\"0.*, 1.*\",'a]'", "freeze", {"\"0.*, 1.*\"", "'a]'"}},
      {"{lr: 1, ema: 0},{lr: 2}", "", {"{lr: 1, ema: 0}", "{lr: 2}"}},
      {"init_map=a=b,c=d", "init_map", {"a=b", "c=d"}},
      {"epochs=1..2x", "epochs", {"1..2x"}}, /* no range: the setting says what is wrong */
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    gd_arena *a;
    static gdi_axis x;
    int n = 0;
    assert_ok(gd_arena_new(&a, "test"));
    assert_ok(gdi_axis_parse(&x, a, list[i].text));
    assert_string_equal(x.key, list[i].key);
    for (; n < 5 && list[i].value[n]; n++) assert_true(n < x.n && strcmp(x.value[n], list[i].value[n]) == 0);
    assert_int_equal(x.n, n);
    gd_arena_free(a);
  }
}

static void what_is_not_a_list_of_values_is_refused(void **state) {
  (void)state;
  static const char *const list[] = {
      "",      "lr",       "=1",     "lr=",          "lr=1,",         "lr=,1",
      "a={1",  "a=1}",     "a=[1,2", "a=\"1,2",      "a='",           "seed=2..1",
      "a=1,1", "{a: 1},2", "{a: 1",  "seed=1..2000", "{a: 1},{a: 1}", "a=1..2,2"};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    gd_arena *a;
    static gdi_axis x;
    assert_ok(gd_arena_new(&a, "test"));
    assert_int_equal(gdi_axis_parse(&x, a, list[i]), GD_ERR_USAGE);
    gd_arena_free(a);
  }
}

/* Tables of Student's t, two-sided; for many degrees of freedom that of the normal distribution. */
static void bounds_are_those_of_students_t(void **state) {
  (void)state;
  static const struct {
    double p;
    int df;
    double t;
  } list[] = {{0.95, 1, 12.7062}, {0.95, 2, 4.30265}, {0.95, 4, 2.77645},  {0.95, 9, 2.26216},
              {0.99, 2, 9.92484}, {0.5, 1, 1},        {0.999, 5, 6.86883}, {0.95, 999, 1.96234}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    assert_close(gdi_t_bound(list[i].p, list[i].df), list[i].t, 1e-4 * list[i].t);
  assert_true(isnan(gdi_t_bound(0.95, 0)) && isnan(gdi_t_bound(1, 3)));
}

/* ---- studies whose truth is known ---- */

enum { ARMS = 3, SEEDS = 5 };

/* A study of runs that ended with mean[arm] + what the seed makes of all its runs + noise; returns how many rows differ. */
static int rows_that_differ(int64_t number, const double mean[ARMS], double of_seeds, double noise) {
  gdi_arm arms[ARMS] = {{.settings = "a"}, {.settings = "b"}, {.settings = "c"}};
  gdi_varied runs[ARMS * SEEDS];
  gdi_vary v = {.arms = ARMS, .seeds = SEEDS, .runs = ARMS * SEEDS, .arm = arms, .run = runs};
  const gd_rng rng = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)number);
  gd_vary_result r = {0};
  int order[ARMS], differ = 0;
  for (int k = 0; k < SEEDS; k++) {
    const double seed = of_seeds * gd_rng_normal(rng, (uint64_t)k);
    for (int a = 0; a < ARMS; a++) {
      gdi_varied *run = &runs[k * ARMS + a];
      *run = (gdi_varied){.arm = a, .seed = k, .curve = {.diverged = -1}};
      assert_ok(gdi_curve_add(
          &run->curve,
          &(gdi_point){.loss = mean[a] + seed + noise * gd_rng_normal(rng, 100 + (uint64_t)(k * ARMS + a))}));
    }
  }
  assert_ok(gd_arena_new(&v.arena, "test"));
  assert_ok(gdi_vary_table(&v, &r, order));
  for (int i = 1; i < r.rows; i++) differ += r.row[i].differs;
  for (int i = 0; i < v.runs; i++) gdi_curve_clear(&runs[i].curve);
  gd_arena_free(v.arena);
  return differ;
}

static void chance_alone_is_called_a_difference_in_at_most_a_study_of_twenty(void **state) {
  (void)state;
  const int64_t n = test_count(20000);
  int64_t wrong = 0;
  for (int64_t i = 0; i < n; i++) wrong += rows_that_differ(i, (double[ARMS]){1, 1, 1}, 1, 0.1) > 0;
  print_message("%lld of %lld studies\n", (long long)wrong, (long long)n);
  assert_true((double)wrong <= 0.05 * (double)n + 3 * sqrt(0.05 * 0.95 * (double)n));
}

/* Seeds make ten times the difference, but the same in all runs of a seed: pairs show it. */
static void a_difference_is_found_among_seeds_that_differ_more(void **state) {
  (void)state;
  const int64_t n = test_count(2000);
  int64_t found = 0;
  for (int64_t i = 0; i < n; i++) found += rows_that_differ(i, (double[ARMS]){1, 1.1, 1.2}, 1, 0.01) == 2;
  assert_true((double)found >= 0.99 * (double)n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_stand_between_commas_outside_of_brackets_and_quotes),
      cmocka_unit_test(what_is_not_a_list_of_values_is_refused),
      cmocka_unit_test(bounds_are_those_of_students_t),
      cmocka_unit_test(chance_alone_is_called_a_difference_in_at_most_a_study_of_twenty),
      cmocka_unit_test(a_difference_is_found_among_seeds_that_differ_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
