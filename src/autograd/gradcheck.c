/* The gradient check: backward against central differences, in f64, element by element. */
#include <math.h>

#include "autograd/autograd.h"

typedef struct check {
  gd_tape *tape;
  gd_scalar_fn f;
  gd_tensor *const *leaves;
  int n;
  void *user;
  gd_gradcheck_options o;
} check;

static gd_status value_of(check *c, double *value) {
  gd_tape_reset(c->tape);
  gd_tensor *y = c->f(c->tape, c->leaves, c->n, c->user);
  GD_TRY(gd_tape_status(c->tape));
  if (!y || gd_numel(y) != 1) return GD_FAIL(GD_ERR_SHAPE, "gradcheck: the function must return a scalar");
  *value = gd_item(y);
  return GD_OK;
}

static gd_status at(check *c, gd_tensor *x, int64_t i, double there, double *value) {
  gd_device *d = x->device;
  double *element = (double *)x->data + i, was;
  GD_TRY(d->download(d, &was, element, sizeof was));
  GD_TRY(d->upload(d, element, &there, sizeof there));
  GD_TRY(value_of(c, value));
  return d->upload(d, element, &was, sizeof was);
}

static gd_status check_element(check *c, int leaf, int64_t i) {
  gd_tensor *x = c->leaves[leaf];
  gd_device *d = x->device;
  double here, above, below, exact = 0;
  GD_TRY(d->download(d, &here, (const double *)x->data + i, sizeof here));
  const double up = here + c->o.h, down = here - c->o.h;
  GD_TRY(at(c, x, i, up, &above));
  GD_TRY(at(c, x, i, down, &below));
  const double numeric = (above - below) / (up - down);
  if (x->has_grad) GD_TRY(d->download(d, &exact, (const double *)x->grad->data + i, sizeof exact));
  if (fabs(exact - numeric) <= c->o.atol + c->o.rtol * fabs(numeric)) return GD_OK;
  return GD_FAIL(GD_ERR_INTERNAL,
                 "gradcheck: leaf %d (%s), element %lld: backward says %.10g, differences say %.10g", leaf,
                 x->name ? x->name : "unnamed", (long long)i, exact, numeric);
}

static gd_status check_leaf(check *c, int leaf) {
  int64_t n = gd_numel(c->leaves[leaf]);
  int64_t count = c->o.max_elements > 0 && c->o.max_elements < n ? c->o.max_elements : n;
  for (int64_t k = 0; k < count; k++) GD_TRY(check_element(c, leaf, k * n / count));
  return GD_OK;
}

static gd_status run(check *c) {
  for (int i = 0; i < c->n; i++) {
    if (c->leaves[i]->dtype != GD_F64) return GD_FAIL(GD_ERR_DTYPE, "gradcheck: leaf %d is not f64", i);
    gd_zero_grad(c->leaves[i]);
    GD_TRY(gd_require_grad(c->leaves[i], true));
  }
  gd_tensor *y = c->f(c->tape, c->leaves, c->n, c->user);
  GD_TRY(gd_backward(c->tape, y, NULL));
  gd_tape_record(c->tape, false);
  for (int i = 0; i < c->n; i++) GD_TRY(check_leaf(c, i));
  return GD_OK;
}

gd_status gd_gradcheck(gd_device *d, gd_scalar_fn f, gd_tensor *const leaves[], int n, void *user,
                       const gd_gradcheck_options *options) {
  check c = {.f = f, .leaves = leaves, .n = n, .user = user};
  if (options) c.o = *options;
  if (c.o.h == 0) c.o.h = 1e-6;
  if (c.o.rtol == 0) c.o.rtol = 1e-5;
  if (c.o.atol == 0) c.o.atol = 1e-7;
  GD_TRY(gd_tape_new(&c.tape, d));
  gd_status st = run(&c);
  gd_tape_free(c.tape);
  return st;
}
