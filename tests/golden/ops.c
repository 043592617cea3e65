/* Every operation gives PyTorch's results and gradients, in f32: the cases of ops_cases.def that say what PyTorch calls them. */
#include "golden/golden.h"
#include "ops_cases.h"

static expression named(const char *name) {
  for (int i = 0; i < CASES; i++)
    if (strcmp(cases[i].name, name) == 0) return cases[i].f;
  fail_msg("no case %s in ops_cases.def", name);
  return NULL;
}

static void check_case(golden *g, gd_tape *t) {
  char name[sizeof g->word];
  gd_tensor *x[MAX_LEAVES] = {0};
  int n = 0;
  golden_next(g);
  memcpy(name, g->word, sizeof name);
  for (golden_next(g); golden_is(g, "x"); n++) {
    x[n] = golden_tensor(g, t, GD_F32);
    assert_ok(gd_require_grad(x[n], true));
  }
  gd_tensor *y = named(name)(t, x), *expected = golden_tensor(g, t, GD_F32),
            *seed = golden_tensor(g, t, GD_F32);
  assert_ok(gd_backward(t, y, seed));
  assert_agrees(name, y, expected, 1e-5, 1e-6);
  for (int i = 0; i < n; i++) assert_agrees(name, x[i]->grad, golden_tensor(g, t, GD_F32), 1e-5, 2e-6);
}

static void operations_agree_with_torch(void **state) {
  (void)state;
  gd_device *device;
  gd_tape *t;
  golden g;
  int found = 0, wanted = 0;
  assert_ok(gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  assert_ok(gd_tape_new(&t, device));
  golden_open(&g, GD_SOURCE_DIR "/tests/golden/ops.txt");
  for (; golden_is(&g, "case"); found++) {
    check_case(&g, t);
    gd_tape_reset(t);
  }
  assert_string_equal(g.word, "");
  for (int i = 0; i < CASES; i++) wanted += cases[i].torch[0] != 0;
  assert_int_equal(found, wanted); /* else: run make_golden.py */
  fclose(g.f);
  gd_tape_free(t);
  gd_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(operations_agree_with_torch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
