/* Shape rules that several operations share: what fits, and what comes out. */
#include "ops/ops.h"

#include <string.h>

static const char *text(const gd_tensor *x, char buf[GDI_SHAPE_TEXT]) {
  return gdi_shape_text(x, buf, GDI_SHAPE_TEXT);
}

gd_status gdi_do_not_fit(const gd_node *n, const gd_tensor *a, const gd_tensor *b) {
  char one[GDI_SHAPE_TEXT], other[GDI_SHAPE_TEXT];
  return GD_FAIL(GD_ERR_SHAPE, "%s: %s and %s do not fit", n->op->name, text(a, one), text(b, other));
}

gd_status gdi_check_float(const gd_node *n, const gd_tensor *x) {
  if (x->dtype == GD_F32 || x->dtype == GD_F64) return GD_OK;
  return GD_FAIL(GD_ERR_DTYPE, "%s takes f32 or f64, not %s", n->op->name, gd_dtype_name(x->dtype));
}

gd_status gdi_check_type(const gd_node *n, const char *what, const gd_tensor *x, gd_dtype type) {
  if (x->dtype == type) return GD_OK;
  return GD_FAIL(GD_ERR_DTYPE, "%s: %s must be %s, not %s", n->op->name, what, gd_dtype_name(type),
                 gd_dtype_name(x->dtype));
}

gd_status gdi_check_same_type(const gd_node *n, const gd_tensor *a, const gd_tensor *b) {
  if (a->dtype == b->dtype) return GD_OK;
  return GD_FAIL(GD_ERR_DTYPE, "%s: %s and %s do not fit: cast one of them", n->op->name,
                 gd_dtype_name(a->dtype), gd_dtype_name(b->dtype));
}

gd_status gdi_check_dim(const gd_node *n, const gd_tensor *x, int *dim) {
  char shape[GDI_SHAPE_TEXT];
  const int asked = *dim;
  *dim = asked < 0 ? asked + x->ndim : asked;
  if (*dim >= 0 && *dim < x->ndim) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s: %s has no dimension %d", n->op->name, text(x, shape), asked);
}

void gdi_result_like(gd_op_result *out, const gd_tensor *x) {
  out->dtype = x->dtype;
  out->ndim = x->ndim;
  memcpy(out->shape, x->shape, sizeof out->shape);
}

void gdi_result_add_dim(gd_op_result *out, int64_t extent) {
  out->shape[out->ndim++] = extent;
}

bool gdi_result_widen(gd_op_result *out, const gd_tensor *x) {
  while (out->ndim < x->ndim) {
    memmove(out->shape + 1, out->shape, (size_t)out->ndim * sizeof out->shape[0]);
    out->shape[0] = 1;
    out->ndim++;
  }
  for (int i = 1; i <= x->ndim; i++) {
    int64_t *have = &out->shape[out->ndim - i], own = x->shape[x->ndim - i];
    if (*have == 1)
      *have = own;
    else if (own != 1 && own != *have)
      return false;
  }
  return true;
}

gd_status gdi_result_broadcast(const gd_node *n, int first, gd_op_result *out) {
  const gd_tensor *a = n->in[first], *b = n->in[first + 1];
  GD_TRY(gdi_check_same_type(n, a, b));
  gdi_result_like(out, a);
  return gdi_result_widen(out, b) ? GD_OK : gdi_do_not_fit(n, a, b);
}

gd_status gdi_shape_broadcast(gd_node *n, gd_op_result *out) {
  GD_TRY(gdi_check_float(n, n->in[0]));
  return gdi_result_broadcast(n, 0, out);
}

gd_status gdi_shape_compare(gd_node *n, gd_op_result *out) {
  GD_TRY(gdi_result_broadcast(n, 0, out));
  out->dtype = GD_U8;
  return GD_OK;
}

gd_status gdi_shape_same(gd_node *n, gd_op_result *out) {
  GD_TRY(gdi_check_float(n, n->in[0]));
  gdi_result_like(out, n->in[0]);
  return GD_OK;
}
