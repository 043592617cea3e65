/* Tensors of a tape that no operation made: values, constants, what is cut off. */
#include "autograd/autograd.h"
#include "gd/ops.h"

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
