/* Schedules: the published values, exact rates at restarts, nothing but the step decides. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

static gd_schedule sgdr(double eta_min) {
  gd_schedule s = gd_schedule_defaults(GD_SGDR, 0.05);
  s.t0 = 10, s.t_mult = 2, s.eta_min = eta_min;
  return s;
}

static void sgdr_gives_the_values_of_its_paper(void **state) {
  (void)state;
  static const double table[][2] = {{0.1, 0.04998766400914329}, {1, 0.048776412907378844},
                                    {2.5, 0.04267766952966369}, {5, 0.025},
                                    {9.9, 1.233599085671e-05},  {10, 0.05},
                                    {10.5, 0.0499229333433282}, {29, 0.00030779148512155856},
                                    {69, 7.70666566718009e-05}, {149.5, 4.818987948379538e-06}};
  const gd_schedule s = sgdr(0);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    assert_close(gd_sgdr_lr(&s, table[i][0]), table[i][1], 1e-12 * table[i][1] + 1e-17);
    for (int64_t spe = 10; spe <= 1000; spe *= 10)
      assert_close(gd_schedule_lr(&s, (int64_t)round(table[i][0] * (double)spe), spe), table[i][1],
                   1e-12 * table[i][1] + 1e-17);
  }
  const gd_schedule m = sgdr(0.001);
  assert_close(gd_schedule_lr(&m, 10, 10), 0.04880088464923127, 1e-12 * 0.05);
  assert_close(gd_schedule_lr(&m, 99, 10), 0.0010120892710395759, 1e-12 * 0.001);
}

/* With every multiplier the first step of each period runs at exactly lr, and the step before it does not. */
static void sgdr_restarts_exactly(void **state) {
  (void)state;
  for (int t_mult = 1; t_mult <= 5; t_mult++)
    for (int64_t spe = 1; spe <= 1000; spe = 3 * spe + 1) {
      gd_schedule s = sgdr(0.001);
      s.t_mult = t_mult;
      int64_t period = 10 * spe, start = 0;
      for (int i = 0; i < 12; i++, start += period, period *= t_mult) {
        assert_true(gd_schedule_lr(&s, start, spe) == 0.05);
        assert_true(gd_schedule_lr(&s, start + (period + 3) / 4, spe) < 0.045);
        assert_true(start == 0 || gd_schedule_lr(&s, start - 1, spe) < 0.005);
        assert_true(gd_sgdr_lr(&s, (double)(start / spe)) == 0.05);
      }
    }
  gd_schedule s = sgdr(0);
  s.t0 = 2.5; /* 2.5 epochs of 3 steps: 8 steps, the nearest whole number */
  assert_true(gd_schedule_lr(&s, 8, 3) == 0.05);
  assert_true(gd_schedule_lr(&s, 24, 3) == 0.05);
  assert_true(isfinite(gd_schedule_lr(&s, INT64_MAX, 1000000)));
}

static void warmup_is_linear_and_ends_exactly_at_lr(void **state) {
  (void)state;
  for (int64_t spe = 1; spe <= 100; spe++) {
    gd_schedule s = sgdr(0);
    s.warmup = 5;
    for (int64_t k = 0; k < 5 * spe; k++)
      assert_close(gd_schedule_lr(&s, k, spe), 0.05 * (double)(k + 1) / (double)(5 * spe), 1e-17);
    assert_true(gd_schedule_lr(&s, 5 * spe - 1, spe) == 0.05);
    assert_true(gd_schedule_lr(&s, 5 * spe, spe) == 0.05); /* the schedule proper starts here */
    s.warmup = 0;
    const double fifth = gd_schedule_lr(&s, 5, spe);
    s.warmup = 5;
    assert_true(gd_schedule_lr(&s, 5 * spe + 5, spe) == fifth);
  }
}

/* torch.optim.lr_scheduler.OneCycleLR(max_lr=0.1, total_steps=20) */
static void one_cycle_follows_pytorch(void **state) {
  (void)state;
  static const double torch[20] = {0.0040000000000000036,
                                   0.013167184270002533,
                                   0.037167184270002526,
                                   0.06683281572999747,
                                   0.09083281572999748,
                                   0.1,
                                   0.09874640062350874,
                                   0.09504846320134738,
                                   0.089091617757105,
                                   0.0811745653949763,
                                   0.07169430017913009,
                                   0.06112620219362893,
                                   0.0500002,
                                   0.03887419780637107,
                                   0.028306099820869922,
                                   0.0188258346050237,
                                   0.010908782242895003,
                                   0.004951936798652629,
                                   0.0012539993764912555,
                                   4e-07};
  gd_schedule s = gd_schedule_defaults(GD_ONE_CYCLE, 0.1);
  s.total = 2;
  for (int64_t k = 0; k < 20; k++) assert_close(gd_schedule_lr(&s, k, 10), torch[k], 1e-15);
  assert_true(gd_schedule_lr(&s, 19, 10) == gd_schedule_lr(&s, 1000, 10)); /* stays at the end */
}

static void the_simple_ones_are_what_they_say(void **state) {
  (void)state;
  gd_schedule s = gd_schedule_defaults(GD_CONSTANT, 0.3);
  assert_true(gd_schedule_lr(&s, 12345, 7) == 0.3);
  s = gd_schedule_defaults(GD_STEP, 1);
  s.every = 30, s.gamma = 0.1;
  assert_close(gd_schedule_lr(&s, 30 * 7 - 1, 7), 1, 0);
  assert_close(gd_schedule_lr(&s, 30 * 7, 7), 0.1, 1e-17);
  assert_close(gd_schedule_lr(&s, 90 * 7, 7), 0.001, 1e-18);
  s = gd_schedule_defaults(GD_EXPONENTIAL, 2);
  s.gamma = 0.9;
  assert_close(gd_schedule_lr(&s, 3 * 7, 7), 2 * 0.9 * 0.9 * 0.9, 1e-15);
  s = gd_schedule_defaults(GD_COSINE, 1);
  s.total = 10, s.eta_min = 0.1;
  assert_true(gd_schedule_lr(&s, 0, 4) == 1);
  assert_close(gd_schedule_lr(&s, 20, 4), 0.55, 1e-15);
  assert_true(gd_schedule_lr(&s, 40, 4) == 0.1);
  assert_true(gd_schedule_lr(&s, 400, 4) == 0.1);
}

/* Milestones are times of the run; a warm-up in front of them does not move them. */
static void milestones_stay_where_they_are(void **state) {
  (void)state;
  gd_schedule s = gd_schedule_defaults(GD_MULTISTEP, 1);
  s.milestones = 2, s.milestone[0] = 2, s.milestone[1] = 3.5;
  for (int warm = 0; warm < 2; warm++) {
    s.warmup = warm;
    assert_true(gd_schedule_lr(&s, 19, 10) == 1);
    assert_close(gd_schedule_lr(&s, 20, 10), 0.1, 1e-17);
    assert_close(gd_schedule_lr(&s, 34, 10), 0.1, 1e-17);
    assert_close(gd_schedule_lr(&s, 35, 10), 0.01, 1e-17);
  }
  s.milestone[1] = 2;
  assert_int_equal(gd_schedule_check(&s), GD_ERR_USAGE);
  s.milestones = 0;
  assert_int_equal(gd_schedule_check(&s), GD_ERR_USAGE);
}

/* The step before which a restart is due is the one that runs at lr again. */
static void restarts_are_where_the_rate_jumps(void **state) {
  (void)state;
  for (int t_mult = 1; t_mult <= 3; t_mult++)
    for (int warm = 0; warm < 2; warm++) {
      gd_schedule s = sgdr(0);
      s.t_mult = t_mult, s.t0 = 1.4, s.warmup = warm;
      int restarts = 0;
      for (int64_t k = 1; k < 300; k++) {
        const bool jumps = k > 5 * warm && gd_schedule_lr(&s, k, 5) > gd_schedule_lr(&s, k - 1, 5);
        assert_int_equal(gd_schedule_restarts(&s, k, 5), jumps);
        restarts += jumps;
      }
      assert_true(restarts >= 3);
    }
  const gd_schedule constant = gd_schedule_defaults(GD_CONSTANT, 1);
  assert_false(gd_schedule_restarts(&constant, 50, 5));
}

static void impossible_schedules_are_refused(void **state) {
  (void)state;
  gd_schedule s = sgdr(0);
  assert_ok(gd_schedule_check(&s));
  s.t_mult = 0;
  assert_int_equal(gd_schedule_check(&s), GD_ERR_USAGE);
  s = sgdr(0.06); /* above lr */
  assert_int_equal(gd_schedule_check(&s), GD_ERR_USAGE);
  s = sgdr(0), s.t0 = NAN;
  assert_int_equal(gd_schedule_check(&s), GD_ERR_USAGE);
  s = gd_schedule_defaults(GD_COSINE, 0.1); /* no total */
  assert_int_equal(gd_schedule_check(&s), GD_ERR_USAGE);
  gd_schedule_kind k;
  assert_int_equal(gd_schedule_parse(&k, "cosin"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "'cosine'"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sgdr_gives_the_values_of_its_paper),
      cmocka_unit_test(sgdr_restarts_exactly),
      cmocka_unit_test(warmup_is_linear_and_ends_exactly_at_lr),
      cmocka_unit_test(one_cycle_follows_pytorch),
      cmocka_unit_test(the_simple_ones_are_what_they_say),
      cmocka_unit_test(milestones_stay_where_they_are),
      cmocka_unit_test(restarts_are_where_the_rate_jumps),
      cmocka_unit_test(impossible_schedules_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
