/* Every operation gives PyTorch's results and gradients, in f32: the cases of ops_cases.def that say what PyTorch calls them. */
#include "golden/golden.h"
#include "ops_cases.h"

static expression named(const char *name) {
  for (int i = 0; i < CASES; i++)
    if (strcmp(cases[i].name, name) == 0) return cases[i].f;
  fail_msg("no case %s in ops_cases.def", name);
  return NULL;
}

typedef struct example {
  char name[sizeof(((golden *)0)->word)];
  int n;
  gd_tensor *x[MAX_LEAVES], *y, *dy, *dx[MAX_LEAVES];
} example;

static example read_case(golden *g, gd_tape *t) {
  example e = {0};
  golden_next(g);
  memcpy(e.name, g->word, sizeof e.name);
  for (golden_next(g); golden_is(g, "x"); e.n++) e.x[e.n] = golden_tensor(g, t, GD_F32);
  e.y = golden_tensor(g, t, GD_F32), e.dy = golden_tensor(g, t, GD_F32);
  for (int i = 0; i < e.n; i++) e.dx[i] = golden_tensor(g, t, GD_F32);
  return e;
}

/* What our operation makes of x; the gradients are x's. */
static gd_tensor *compute(const example *e, gd_tape *t, gd_tensor *const x[]) {
  for (int i = 0; i < e->n; i++) assert_ok(gd_require_grad(x[i], true));
  gd_tensor *y = named(e->name)(t, x);
  assert_ok(gd_backward(t, y, e->dy));
  return y;
}

static void check_case(golden *g, gd_tape *t) {
  const example e = read_case(g, t);
  assert_agrees(e.name, compute(&e, t, e.x), e.y, 1e-5, 1e-6);
  for (int i = 0; i < e.n; i++) assert_agrees(e.name, e.x[i]->grad, e.dx[i], 1e-5, 2e-6);
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

/* One line of nonfinite.txt, and x. */
static void check_not_finite(golden *g, const char *name, double bad, const gd_tensor *x) {
  const int64_t n = gd_numel(x);
  double sum = 0, wanted = 0, value, *v = malloc((size_t)(n + 1) * sizeof *v);
  long count, at;
  assert_ok(gd_tensor_get(x, v, n));
  assert_int_equal(fscanf(g->f, "%lf %ld", &wanted, &count), 2);
  for (; count > 0; count--) {
    assert_int_equal(fscanf(g->f, "%ld %lf", &at, &value), 2);
    assert_in_range(at, 0, n - 1);
    if (!(isnan(value) ? isnan(v[at]) : v[at] == value))
      fail_msg("%s with %g, element %ld: %g, torch has %g", name, bad, at, v[at], value);
    v[at] = 0;
  }
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(v[i]))
      fail_msg("%s with %g, element %lld: %g, finite in torch", name, bad, (long long)i, v[i]);
    sum += v[i];
  }
  if (!(fabs(sum - wanted) <= 2e-5 * (double)n + 1e-5 * fabs(wanted)))
    fail_msg("%s with %g: what is finite sums to %g, in torch to %g", name, bad, sum, wanted);
  free(v);
}

static void check_bad_case(golden *g, golden *bad, gd_tape *t) {
  const example e = read_case(g, t);
  golden_next(bad);
  if (strcmp(e.name, bad->word) != 0) fail_msg("nonfinite.txt has no case %s: run make_golden.py", e.name);
  golden_next(bad);
  static const double value[] = {NAN, INFINITY, -INFINITY};
  for (int k = 0; k < 3 && golden_is(bad, "same"); k++) {
    gd_tensor *x[MAX_LEAVES];
    double v[1024];
    for (int i = 0; i < e.n; i++) {
      assert_in_range(gd_numel(e.x[i]), 1, sizeof v / sizeof *v);
      assert_ok(gd_tensor_get(e.x[i], v, gd_numel(e.x[i])));
      if (i == 0) v[gd_numel(e.x[0]) / 2] = value[k];
      x[i] = gd_values(t, GD_F32, v, e.x[i]->ndim, e.x[i]->shape);
    }
    check_not_finite(bad, e.name, value[k], compute(&e, t, x));
    for (int i = 0; i < e.n; i++) check_not_finite(bad, e.name, value[k], x[i]->grad);
  }
  golden_next(bad);
}

static void nan_and_infinity_go_where_they_go_in_torch(void **state) {
  (void)state;
  gd_device *device;
  gd_tape *t;
  golden g, bad;
  assert_ok(gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  assert_ok(gd_tape_new(&t, device));
  golden_open(&g, GD_SOURCE_DIR "/tests/golden/ops.txt");
  golden_open(&bad, GD_SOURCE_DIR "/tests/golden/nonfinite.txt");
  for (; golden_is(&g, "case"); gd_tape_reset(t)) check_bad_case(&g, &bad, t);
  assert_string_equal(bad.word, "");
  fclose(g.f), fclose(bad.f);
  gd_tape_free(t);
  gd_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(operations_agree_with_torch),
                                     cmocka_unit_test(nan_and_infinity_go_where_they_go_in_torch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
