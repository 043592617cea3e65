/* Every operation of the list against central differences, in f64, signed, element by element. */
#include "ops_cases.h"

static gd_device *device;

typedef struct leaves {
  gd_arena *arena;
  gd_tensor *x[MAX_LEAVES];
  int n;
} leaves;

static leaves make_leaves(const op_case *c, const char *shapes, gd_dtype type) {
  leaves l = {0};
  assert_ok(gd_arena_new(&l.arena, "leaves"));
  l.n = leaves_at(shapes, device, l.arena, c, type, l.x);
  return l;
}

static void check_gradient(const op_case *c, const char *shapes) {
  leaves l = make_leaves(c, shapes, GD_F64);
  if (c->op->kernel[GD_CPU].backward && is_small(l.x, l.n, SMALL) &&
      gd_gradcheck(device, weighted, l.x, l.n, (void *)c, NULL) != GD_OK)
    fail_msg("%s of %s: %s", c->name, shape_text(shapes), gd_error_last()->message);
  gd_arena_free(l.arena);
}

static void every_gradient_agrees_with_central_differences(void **state) {
  (void)state;
  each_shape(check_gradient);
}

/* A case must record the operation that it claims to check, or the list could lie. */
static void every_case_records_its_operation(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    const op_case *c = &cases[i];
    gd_tape *t;
    leaves l = make_leaves(c, c->shapes, GD_F64);
    assert_ok(gd_tape_new(&t, device));
    gd_tensor *y = c->f(t, l.x);
    assert_ok(gd_tape_status(t));
    bool found = !c->op->kernel[GD_CPU].backward || !y->requires_grad; /* and nothing is recorded */
    for (const gd_node *node = y->node; node; node = node->previous) found |= node->op == c->op;
    if (!found) fail_msg("case %s does not record %s", c->name, c->op->name);
    gd_tape_free(t);
    gd_arena_free(l.arena);
  }
}

/* Gradients of one case in one type, as doubles, one leaf after the other. Returns how many. */
static int gradients(const op_case *c, const char *shapes, gd_dtype type, double out[MAX_LEAVES * SMALL]) {
  gd_tape *t;
  leaves l = make_leaves(c, shapes, type);
  int at = 0;
  assert_ok(gd_tape_new(&t, device));
  const bool has = c->op->kernel[GD_CPU].backward && is_small(l.x, l.n, SMALL);
  gd_tensor *y = has ? weighted(t, l.x, l.n, (void *)c) : NULL;
  assert_ok(gd_tape_status(t));
  if (y && y->requires_grad) assert_ok(gd_backward(t, y, NULL));
  for (int k = 0; y && y->requires_grad && k < l.n; k++) {
    int64_t elements = gd_numel(l.x[k]);
    for (int64_t i = 0; i < elements; i++) out[at + i] = 0;
    if (l.x[k]->has_grad) assert_ok(gd_tensor_get(l.x[k]->grad, out + at, elements));
    at += (int)elements;
  }
  gd_tape_free(t);
  gd_arena_free(l.arena);
  return at;
}

static void compare_types(const op_case *c, const char *shapes) {
  double exact[MAX_LEAVES * SMALL], single[MAX_LEAVES * SMALL];
  int n = gradients(c, shapes, GD_F64, exact);
  if (n == 0) return;
  assert_int_equal(gradients(c, shapes, GD_F32, single), n);
  for (int k = 0; k < n; k++)
    if (!(fabs(single[k] - exact[k]) <= 1e-5 + 1e-5 * fabs(exact[k])))
      fail_msg("%s of %s, element %d: f32 %.9g, f64 %.9g", c->name, shape_text(shapes), k, single[k],
               exact[k]);
}

/* The kernels of f32 are instances of their own: they must tell the same gradients, to f32's accuracy. */
static void gradients_in_f32_agree_with_f64(void **state) {
  (void)state;
  each_shape(compare_types);
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
  const op_case c = {.op = &gdi_op_neg, .f = neg_with_a_wrong_backward, .lo = -2, .hi = 2, .shapes = "3,4"};
  for (int i = 0; i < 2; i++) {
    broken_neg = gdi_op_neg;
    broken_neg.kernel[GD_CPU].backward = wrong[i];
    leaves l = make_leaves(&c, c.shapes, GD_F64);
    assert_int_equal(gd_gradcheck(device, weighted, l.x, l.n, (void *)&c, NULL), GD_ERR_INTERNAL);
    if (!strstr(gd_error_last()->message, found[i])) fail_msg("%s", gd_error_last()->message);
    gd_arena_free(l.arena);
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
      cmocka_unit_test(every_operation_has_a_case),
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
