/* Every operation of the table against central differences, in f64, signed, element by element. */
#include <math.h>
#include <string.h>

#include "ops_cases.h"
#include "test.h"

static gd_device *device;

/* "2,1,4 3,1" -> leaves with values from a stream of their own. */
static int make_leaves(gd_arena *a, const grad_case *c, uint64_t seed, gd_dtype type, gd_tensor *x[]) {
  int n = 0;
  const char *p = c->shapes;
  while (*p) {
    int64_t shape[GD_MAX_DIMS], ndim = 0;
    for (; *p && *p != ' '; p++)
      if (*p >= '0' && *p <= '9') shape[ndim++] = *p - '0';
    while (*p == ' ') p++;
    assert_ok(gd_tensor_new(&x[n], a, device, type, (int)ndim, shape));
    gd_rng r = gd_rng_stream(seed, GD_RNG_TEST, (uint64_t)n);
    double values[256];
    for (int64_t i = 0; i < gd_numel(x[n]); i++)
      values[i] = (float)(c->lo + (c->hi - c->lo) * gd_rng_uniform(r, (uint64_t)i)); /* equal in both types */
    assert_ok(gd_tensor_set(x[n], values, gd_numel(x[n])));
    n++;
  }
  return n;
}

/* Any result becomes a scalar by a sum whose weights all differ, so that no element can hide another. */
static gd_tensor *weighted(gd_tape *t, gd_tensor *y) {
  if (!y) return NULL;
  double weights[256];
  int64_t n = gd_numel(y);
  assert_in_range(n, 1, 256);
  for (int64_t i = 0; i < n; i++) weights[i] = cos(1 + 1.7 * (double)i);
  return gd_sum(t, gd_mul(t, y, gd_values(t, y->dtype, weights, y->ndim, y->shape)), GD_ALL, false);
}

static gd_tensor *scalar_of_case(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  const grad_case *c = user;
  (void)n;
  return weighted(t, c->f(t, leaves));
}

static void every_gradient_agrees_with_central_differences(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    gd_arena *a;
    gd_tensor *x[MAX_LEAVES] = {0};
    assert_ok(gd_arena_new(&a, "leaves"));
    int n = make_leaves(a, &cases[i], (uint64_t)i, GD_F64, x);
    if (gd_gradcheck(device, scalar_of_case, x, n, (void *)&cases[i], NULL) != GD_OK)
      fail_msg("case %d, %s of %s: %s", i, cases[i].op->name, cases[i].shapes, gd_error_last()->message);
    gd_arena_free(a);
  }
}

/* An operation added to the list without a case turns this red. */
static void every_differentiable_operation_has_a_case(void **state) {
  (void)state;
  static const gd_op *const ops[] = {
#define GDI_OP(name) &gdi_op_##name,
#include "ops/ops.def"
  };
  for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
    bool has = false;
    for (int i = 0; i < CASES; i++) has |= cases[i].op == ops[k];
    if (!has && ops[k]->kernel[GD_CPU].backward) fail_msg("%s has no gradient check", ops[k]->name);
  }
}

/* A case must record the operation that it claims to check, or the list could lie. */
static void every_case_records_its_operation(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    gd_arena *a;
    gd_tape *t;
    gd_tensor *x[MAX_LEAVES] = {0};
    assert_ok(gd_arena_new(&a, "leaves"));
    assert_ok(gd_tape_new(&t, device));
    int n = make_leaves(a, &cases[i], (uint64_t)i, GD_F64, x);
    for (int k = 0; k < n; k++) assert_ok(gd_require_grad(x[k], true));
    gd_tensor *y = cases[i].f(t, x);
    assert_ok(gd_tape_status(t));
    bool found = false;
    for (const gd_node *node = y->node; node; node = node->previous) found |= node->op == cases[i].op;
    if (!found) fail_msg("case %d does not record %s", i, cases[i].op->name);
    gd_tape_free(t);
    gd_arena_free(a);
  }
}

/* Gradients of one case in one type, as doubles, one leaf after the other. Returns how many. */
static int gradients(const grad_case *c, uint64_t seed, gd_dtype type, double *out) {
  gd_arena *a;
  gd_tape *t;
  gd_tensor *x[MAX_LEAVES] = {0};
  int at = 0;
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tape_new(&t, device));
  int n = make_leaves(a, c, seed, type, x);
  for (int k = 0; k < n; k++) assert_ok(gd_require_grad(x[k], true));
  assert_ok(gd_backward(t, scalar_of_case(t, x, n, (void *)c), NULL));
  for (int k = 0; k < n; k++) {
    int64_t elements = gd_numel(x[k]);
    for (int64_t i = 0; i < elements; i++) out[at + i] = 0;
    if (x[k]->has_grad) assert_ok(gd_tensor_get(x[k]->grad, out + at, elements));
    at += (int)elements;
  }
  gd_tape_free(t);
  gd_arena_free(a);
  return at;
}

/* The kernels of f32 are instances of their own: they must tell the same gradients, to f32's accuracy. */
static void gradients_in_f32_agree_with_f64(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    double exact[256], single[256];
    int n = gradients(&cases[i], (uint64_t)i, GD_F64, exact);
    assert_int_equal(gradients(&cases[i], (uint64_t)i, GD_F32, single), n);
    for (int k = 0; k < n; k++)
      if (!(fabs(single[k] - exact[k]) <= 4e-6 + 1e-5 * fabs(exact[k])))
        fail_msg("case %d, %s, element %d: f32 %.9g, f64 %.9g", i, cases[i].op->name, k, single[k], exact[k]);
  }
}

/* ---- the check must be able to fail ---- */

static gd_status wrong_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                const bool add[]) {
  (void)d, (void)n, (void)add;
  const double *dy = dout->data;
  double *dx = din[0]->data;
  for (int64_t i = 0; i < gd_numel(dout); i++) dx[i] = i == 7 ? dy[i] : -dy[i]; /* only its sign, only once */
  return GD_OK;
}

static gd_status nan_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                              const bool add[]) {
  (void)d, (void)n, (void)add;
  for (int64_t i = 0; i < gd_numel(dout); i++) ((double *)din[0]->data)[i] = NAN;
  return GD_OK;
}

static gd_op broken_neg;

static gd_tensor *neg_with_a_wrong_backward(gd_tape *t, gd_tensor *const x[]) {
  return gd_apply(t, &broken_neg, &(gdi_numbers){{0}}, 1, x);
}

static void a_wrong_backward_is_found(void **state) {
  (void)state;
  gd_op_backward wrong[] = {wrong_backward, nan_backward};
  const char *found[] = {"element 7", "element 0"};
  const grad_case c = {&gdi_op_neg, neg_with_a_wrong_backward, -2, 2, "3,4"};
  for (int i = 0; i < 2; i++) {
    broken_neg = gdi_op_neg;
    broken_neg.kernel[GD_CPU].backward = wrong[i];
    gd_arena *a;
    gd_tensor *x[MAX_LEAVES] = {0};
    assert_ok(gd_arena_new(&a, "leaves"));
    int n = make_leaves(a, &c, 1, GD_F64, x);
    gd_status st = gd_gradcheck(device, scalar_of_case, x, n, (void *)&c, NULL);
    assert_int_equal(st, GD_ERR_INTERNAL);
    if (!strstr(gd_error_last()->message, found[i])) fail_msg("%s", gd_error_last()->message);
    gd_arena_free(a);
  }
}

/* What differences cannot see: points where the function has a kink or ties. */
static void kinks_and_ties_have_the_documented_gradients(void **state) {
  (void)state;
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device));
  const double values[] = {-1, 0, 1, 1};
  gd_tensor *x = gd_values(t, GD_F64, values, GD_SHAPE(4)), *same = gd_values(t, GD_F64, values, GD_SHAPE(4));
  assert_ok(gd_require_grad(x, true));
  const struct {
    gd_tensor *y;
    double expected[4];
  } points[] = {
      {gd_relu(t, x), {0, 0, 1, 1}},
      {gd_abs(t, x), {-1, 0, 1, 1}},
      {gd_clamp(t, x, -1, 0), {1, 1, 0, 0}},
      {gd_minimum(t, x, same), {0.5, 0.5, 0.5, 0.5}},
      {gd_maximum(t, x, same), {0.5, 0.5, 0.5, 0.5}},
      {gd_max(t, x, GD_ALL, false), {0, 0, 0.5, 0.5}},
      {gd_min(t, x, GD_ALL, false), {1, 0, 0, 0}},
      {gd_pow_scalar(t, x, 0), {0, 0, 0, 0}},
      {gd_pow_scalar(t, x, 1), {1, 1, 1, 1}},
  };
  for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
    gd_zero_grad(x);
    assert_ok(gd_backward(t, gd_sum(t, points[i].y, GD_ALL, false), NULL));
    for (int k = 0; k < 4; k++) assert_close(((double *)x->grad->data)[k], points[i].expected[k], 0);
  }
  gd_tape_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_gradient_agrees_with_central_differences),
      cmocka_unit_test(every_differentiable_operation_has_a_case),
      cmocka_unit_test(every_case_records_its_operation),
      cmocka_unit_test(gradients_in_f32_agree_with_f64),
      cmocka_unit_test(a_wrong_backward_is_found),
      cmocka_unit_test(kinks_and_ties_have_the_documented_gradients),
  };
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 2}) != GD_OK) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(device);
  return failed;
}
