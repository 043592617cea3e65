/* Every optimizer follows torch.optim through changing rates. Values: make_optim.py. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

enum { MAX_N = 64, MAX_STEPS = 8 };

typedef struct golden {
  FILE *file;
  int n, steps;
  double factor[MAX_STEPS], start[MAX_N], grad[MAX_STEPS][MAX_N];
} golden;

static void read_numbers(FILE *f, double *x, int n) {
  for (int i = 0; i < n; i++) assert_int_equal(fscanf(f, "%lf", &x[i]), 1);
}

/* The next case, into o and lr; false at the end of the file. */
static bool read_case(const golden *g, gd_optim *o, gd_dtype *dtype, double *lr) {
  char kind[16], type[8];
  if (fscanf(g->file, "%15s %7s", kind, type) != 2) return false;
  gd_optimizer k;
  assert_ok(gd_optim_parse(&k, kind));
  *o = gd_optim_defaults(k);
  *dtype = strcmp(type, "f64") == 0 ? GD_F64 : GD_F32;
  int nesterov, centered, amsgrad;
  assert_int_equal(fscanf(g->file, "%lf %lf %lf %d %lf %lf %lf %lf %lf %d %d", lr, &o->momentum,
                          &o->dampening, &nesterov, &o->weight_decay, &o->beta1, &o->beta2, &o->eps,
                          &o->alpha, &centered, &amsgrad),
                   11);
  o->nesterov = nesterov, o->centered = centered, o->amsgrad = amsgrad;
  assert_ok(gd_optim_check(o));
  return true;
}

static void convert(gd_dtype dtype, void *to, const double *from, int n) {
  for (int i = 0; i < n; i++)
    if (dtype == GD_F64)
      ((double *)to)[i] = from[i];
    else
      ((float *)to)[i] = (float)from[i];
}

static void check_case(const golden *g, const gd_optim *o, gd_dtype dtype, double lr) {
  _Alignas(64) double w[MAX_N], grad[MAX_N], memory[GD_OPTIM_MAX_STATES][MAX_N] = {{0}};
  void *state[] = {memory[0], memory[1], memory[2], memory[3]};
  const double tolerance = dtype == GD_F64 ? 1e-14 : 1e-6;
  convert(dtype, w, g->start, g->n);
  for (int step = 0; step < g->steps; step++) {
    convert(dtype, grad, g->grad[step], g->n);
    const gd_update u = {.lr = lr * g->factor[step], .step = step, .grad_scale = 1, .local_rate = 1};
    assert_true(gd_optim_update(o, &u, dtype, g->n, w, grad, state));
    if (step != 0 && step != 1 && step != g->steps - 1) continue;
    int after;
    double expected[MAX_N];
    assert_int_equal(fscanf(g->file, "%d", &after), 1);
    assert_int_equal(after, step + 1);
    read_numbers(g->file, expected, g->n);
    for (int i = 0; i < g->n; i++) {
      double x = dtype == GD_F64 ? w[i] : (double)((float *)w)[i];
      assert_close(x, expected[i], tolerance * (1 + fabs(expected[i])));
    }
  }
}

static void optimizers_follow_pytorch(void **state) {
  (void)state;
  golden g = {.file = fopen(GD_SOURCE_DIR "/tests/golden/optim.txt", "r")};
  assert_non_null(g.file);
  assert_int_equal(fscanf(g.file, "%d %d", &g.n, &g.steps), 2);
  assert_true(g.n <= MAX_N && g.steps <= MAX_STEPS);
  read_numbers(g.file, g.factor, g.steps);
  read_numbers(g.file, g.start, g.n);
  for (int i = 0; i < g.steps; i++) read_numbers(g.file, g.grad[i], g.n);
  gd_optim o;
  gd_dtype dtype;
  double lr;
  int cases = 0;
  for (; read_case(&g, &o, &dtype, &lr); cases++) check_case(&g, &o, dtype, lr);
  assert_int_equal(cases, 36);
  fclose(g.file);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(optimizers_follow_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
