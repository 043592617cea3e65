/* Constants, casts, and operations element by element: thin names over gdi_apply(). */
#include "autograd/autograd.h"

static gd_tensor *unary(gd_tape *t, gdi_op op, gd_tensor *x, double a, double b) {
  if (!gdi_check_operands(t, op, 1, &x)) return NULL;
  return gdi_apply(t, op, &(gdi_attr){.a = a, .b = b}, 1, &x);
}

static gd_tensor *binary(gd_tape *t, gdi_op op, gd_tensor *a, gd_tensor *b) {
  gd_tensor *in[] = {a, b};
  if (!gdi_check_operands(t, op, 2, in)) return NULL;
  return gdi_apply(t, op, NULL, 2, in);
}

static gd_tensor *with_number(gd_tape *t, gdi_op op, gd_tensor *a, double b) {
  if (!gdi_check_operands(t, op, 1, &a)) return NULL;
  return binary(t, op, a, gd_constant(t, a->dtype, b));
}

#define UNARY(name)                                                                                          \
  gd_tensor *gd_##name(gd_tape *t, gd_tensor *x) {                                                           \
    return unary(t, GDI_OP_##name, x, 0, 0);                                                                 \
  }
#define BINARY(name)                                                                                         \
  gd_tensor *gd_##name(gd_tape *t, gd_tensor *a, gd_tensor *b) {                                             \
    return binary(t, GDI_OP_##name, a, b);                                                                   \
  }
#define NUMBER(name)                                                                                         \
  gd_tensor *gd_##name##_scalar(gd_tape *t, gd_tensor *a, double b) {                                        \
    return with_number(t, GDI_OP_##name, a, b);                                                              \
  }

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(pow)
BINARY(minimum)
BINARY(maximum)
BINARY(greater)
BINARY(equal)
NUMBER(add)
NUMBER(mul)
NUMBER(pow)
UNARY(neg)
UNARY(square)
UNARY(sqrt)
UNARY(exp)
UNARY(log)
UNARY(sin)
UNARY(cos)
UNARY(tanh)
UNARY(sigmoid)
UNARY(relu)
UNARY(gelu)
UNARY(softplus)
UNARY(abs)

gd_tensor *gd_leaky_relu(gd_tape *t, gd_tensor *x, double slope) {
  return unary(t, GDI_OP_leaky_relu, x, slope, 0);
}

gd_tensor *gd_clamp(gd_tape *t, gd_tensor *x, double lo, double hi) {
  if (!(lo <= hi)) return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "clamp: [%g, %g] is no interval", lo, hi));
  return unary(t, GDI_OP_clamp, x, lo, hi);
}

gd_tensor *gd_where(gd_tape *t, gd_tensor *condition, gd_tensor *a, gd_tensor *b) {
  gd_tensor *in[] = {condition, a, b};
  if (!gdi_check_operands(t, GDI_OP_where, 3, in)) return NULL;
  return gdi_apply(t, GDI_OP_where, NULL, 3, in);
}

gd_tensor *gd_dropout(gd_tape *t, gd_tensor *x, double p) {
  if (!(p >= 0 && p < 1))
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "dropout: p = %g is not in [0, 1)", p));
  const uint64_t step = t->step_at ? 0 : (uint64_t)t->step, call = step << 20 | (uint64_t)t->draws++;
  if (p == 0) return x;
  if (!gdi_check_operands(t, GDI_OP_dropout, 1, &x)) return NULL;
  return gdi_apply(t, GDI_OP_dropout,
                   &(gdi_attr){.a = p,
                               .row0 = t->row0,
                               .rng = gd_rng_stream(t->seed, GD_RNG_DROPOUT, call),
                               .step_at = t->step_at},
                   1, &x);
}

gd_tensor *gd_cast(gd_tape *t, gd_tensor *x, gd_dtype type) {
  if (!gdi_check_operands(t, GDI_OP_cast, 1, &x)) return NULL;
  return gdi_apply(t, GDI_OP_cast, &(gdi_attr){.type = type}, 1, &x);
}

gd_tensor *gd_values(gd_tape *t, gd_dtype type, const double *values, int ndim, const int64_t shape[]) {
  gd_tensor *x;
  gd_status st = gd_tensor_new(&x, t->arena, t->device, type, ndim, shape);
  if (st == GD_OK) st = gd_tensor_set(x, values, gd_numel(x));
  return st == GD_OK ? x : gd_tape_fail(t, st);
}

gd_tensor *gd_constant(gd_tape *t, gd_dtype type, double value) {
  gd_tensor *x;
  gd_status st = gd_tensor_new(&x, t->arena, t->device, type, GD_SCALAR);
  if (st == GD_OK) st = gd_tensor_fill(x, value); /* a kernel: a copy from the host could not be recorded */
  return st == GD_OK ? x : gd_tape_fail(t, st);
}

gd_tensor *gd_detach(gd_tape *t, gd_tensor *x) {
  gd_tensor *y;
  if (!x) return NULL;
  gd_status st = gdi_tensor_make(&y, t->arena, x->device, x->dtype, x->ndim, x->shape, x->data);
  if (st != GD_OK) return gd_tape_fail(t, st);
  y->origin = GD_ORIGIN_DETACHED;
  return y;
}
