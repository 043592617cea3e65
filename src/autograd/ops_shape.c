/* Operations that change the shape or pick elements. */
#include "autograd/autograd.h"

/* The extent written as -1, if any, becomes what makes the counts equal. */
static gd_status resolve(const gd_tensor *x, int ndim, const int64_t shape[], gdi_result *form) {
  int64_t known = 1, n = gd_numel(x);
  int open = -1;
  char text[GDI_SHAPE_TEXT], wanted[GDI_SHAPE_TEXT];
  if (ndim < 0 || ndim > GD_MAX_DIMS) return GD_FAIL(GD_ERR_SHAPE, "reshape to %d dimensions", ndim);
  *form = (gdi_result){.type = x->dtype, .ndim = ndim};
  gd_tensor to = {.ndim = ndim};
  bool fits = true;
  for (int i = 0; i < ndim; i++) {
    form->shape[i] = to.shape[i] = shape[i];
    if (shape[i] == -1 && open < 0)
      open = i;
    else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
      fits = false;
  }
  if (fits && open >= 0 && known > 0 && n % known == 0) {
    form->shape[open] = n / known;
    return GD_OK;
  }
  if (fits && open < 0 && known == n) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "reshape: %s does not fill %s", gdi_shape_text(x, text, sizeof text),
                 gdi_shape_text(&to, wanted, sizeof wanted));
}

gd_tensor *gd_reshape(gd_tape *t, gd_tensor *x, int ndim, const int64_t shape[]) {
  gdi_result form;
  if (!gdi_check_operands(t, GDI_OP_reshape, 1, &x)) return NULL;
  gd_status st = resolve(x, ndim, shape, &form);
  return st == GD_OK ? gdi_apply_view(t, GDI_OP_reshape, NULL, x, &form, x->data) : gd_tape_fail(t, st);
}

gd_tensor *gd_transpose(gd_tape *t, gd_tensor *x, int dim0, int dim1) {
  gdi_attr attr = {0};
  if (!gdi_check_operands(t, GDI_OP_transpose, 1, &x)) return NULL;
  gd_status st = gdi_dim(GDI_OP_transpose, x, dim0, &attr.dim);
  if (st == GD_OK) st = gdi_dim(GDI_OP_transpose, x, dim1, &attr.dim1);
  return st == GD_OK ? gdi_apply(t, GDI_OP_transpose, &attr, 1, &x) : gd_tape_fail(t, st);
}

/* Whole leading rows are where they are: a view. */
static gd_tensor *leading_rows(gd_tape *t, gd_tensor *x, const gdi_attr *attr) {
  gdi_result form = {.type = x->dtype, .ndim = x->ndim};
  size_t row = gd_dtype_bytes(x->dtype);
  for (int i = 0; i < x->ndim; i++) form.shape[i] = x->shape[i];
  for (int i = 1; i < x->ndim; i++) row *= (size_t)x->shape[i];
  form.shape[0] = attr->stop - attr->start;
  return gdi_apply_view(t, GDI_OP_slice, attr, x, &form, (char *)x->data + (size_t)attr->start * row);
}

gd_tensor *gd_slice(gd_tape *t, gd_tensor *x, int dim, int64_t start, int64_t stop) {
  gdi_attr attr = {.start = start, .stop = stop};
  if (!gdi_check_operands(t, GDI_OP_slice, 1, &x)) return NULL;
  gd_status st = gdi_dim(GDI_OP_slice, x, dim, &attr.dim);
  if (st != GD_OK) return gd_tape_fail(t, st);
  bool inside = start >= 0 && start <= stop && stop <= x->shape[attr.dim];
  return attr.dim == 0 && inside ? leading_rows(t, x, &attr) : gdi_apply(t, GDI_OP_slice, &attr, 1, &x);
}

gd_tensor *gd_index_select(gd_tape *t, gd_tensor *x, int dim, gd_tensor *index) {
  gdi_attr attr = {0};
  gd_tensor *in[] = {x, index};
  if (!gdi_check_operands(t, GDI_OP_index_select, 2, in)) return NULL;
  gd_status st = gdi_dim(GDI_OP_index_select, x, dim, &attr.dim);
  return st == GD_OK ? gdi_apply(t, GDI_OP_index_select, &attr, 2, in) : gd_tape_fail(t, st);
}

gd_tensor *gd_concat(gd_tape *t, gd_tensor *const x[], int n, int dim) {
  gdi_attr attr = {0};
  if (n < 1) return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "concat of %d tensors", n));
  if (!gdi_check_operands(t, GDI_OP_concat, n, x)) return NULL;
  gd_status st = gdi_dim(GDI_OP_concat, x[0], dim, &attr.dim);
  return st == GD_OK ? gdi_apply(t, GDI_OP_concat, &attr, n, x) : gd_tape_fail(t, st);
}
