/* Schedules follow torch.optim.lr_scheduler, step by step. Values: make_schedule.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

static FILE *file;

static double number(void) {
  char word[64];
  assert_int_equal(fscanf(file, "%63s", word), 1);
  return strtod(word, NULL); /* nan too */
}

static void expect_row(double lr, double momentum) {
  const double torch_lr = number(), torch_momentum = number();
  assert_close(lr, torch_lr, 1e-14 * (torch_lr + 1e-3));
  if (momentum != 0) assert_close(momentum, torch_momentum, 1e-14);
}

/* Milestones of half epochs of two steps, or of whole ones of one step, are the same steps. */
static void check_multistep(void) {
  gd_schedule s = gd_schedule_defaults(GD_MULTISTEP, number());
  s.gamma = number();
  const int steps = (int)number();
  s.milestones = (int)number();
  for (int i = 0; i < s.milestones; i++) s.milestone[i] = number();
  gd_schedule halves = s;
  for (int i = 0; i < s.milestones; i++) halves.milestone[i] /= 2;
  assert_ok(gd_schedule_check(&s));
  for (int k = 0; k < steps; k++) {
    const double lr = gd_schedule_lr(&s, k, 1);
    assert_true(gd_schedule_lr(&halves, k, 2) == lr);
    expect_row(lr, 0);
  }
}

static void check_one_cycle(void) {
  gd_schedule s = gd_schedule_defaults(GD_ONE_CYCLE, number());
  const int steps = (int)number();
  s.pct_start = number(), s.div_factor = number(), s.final_div_factor = number();
  s.cycle_momentum = true, s.base_momentum = number(), s.max_momentum = number();
  s.total = steps;
  assert_ok(gd_schedule_check(&s));
  for (int k = 0; k < steps; k++) expect_row(gd_schedule_lr(&s, k, 1), gd_schedule_momentum(&s, k, 1));
}

static void check_plateau(void) {
  gd_schedule s = gd_schedule_defaults(GD_REDUCE_ON_PLATEAU, number());
  s.factor = number(), s.patience = (int64_t)number(), s.threshold = number();
  s.cooldown = (int64_t)number(), s.min_lr = number();
  const int n = (int)number();
  double loss[64];
  assert_true(n <= 64);
  for (int i = 0; i < n; i++) loss[i] = number();
  assert_ok(gd_schedule_check(&s));
  gd_plateau p = gd_plateau_new(&s);
  for (int i = 0; i < n; i++) {
    const double before = p.lr;
    const bool fell = gd_plateau_step(&p, &s, loss[i]);
    assert_int_equal(fell, p.lr < before);
    expect_row(p.lr, 0);
  }
}

static void schedules_follow_pytorch(void **state) {
  (void)state;
  char name[32];
  int cases = 0;
  file = fopen(GD_SOURCE_DIR "/tests/golden/schedule.txt", "r");
  assert_non_null(file);
  for (; fscanf(file, "%31s", name) == 1; cases++) {
    if (strcmp(name, "multistep") == 0)
      check_multistep();
    else if (strcmp(name, "one_cycle") == 0)
      check_one_cycle();
    else if (strcmp(name, "reduce_on_plateau") == 0)
      check_plateau();
    else
      fail_msg("no case is called %s", name);
  }
  assert_int_equal(cases, 9);
  fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(schedules_follow_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
