/* Shape rules of the op table: what fits, and what comes out. */
#include "autograd/autograd.h"

#include <string.h>

static const char *text(const gd_tensor *x, char buf[GDI_SHAPE_TEXT]) {
  return gdi_shape_text(x, buf, GDI_SHAPE_TEXT);
}

static gd_status do_not_fit(const gd_node *n, const gd_tensor *a, const gd_tensor *b) {
  char one[GDI_SHAPE_TEXT], other[GDI_SHAPE_TEXT];
  return GD_FAIL(GD_ERR_SHAPE, "%s: %s and %s do not fit", gdi_op_name(n->op), text(a, one), text(b, other));
}

static gd_status check_float(const gd_node *n, const gd_tensor *x) {
  if (x->dtype == GD_F32 || x->dtype == GD_F64) return GD_OK;
  return GD_FAIL(GD_ERR_DTYPE, "%s takes f32 or f64, not %s", gdi_op_name(n->op), gd_dtype_name(x->dtype));
}

static gd_status check_type(const gd_node *n, const char *what, const gd_tensor *x, gd_dtype type) {
  if (x->dtype == type) return GD_OK;
  return GD_FAIL(GD_ERR_DTYPE, "%s: %s must be %s, not %s", gdi_op_name(n->op), what, gd_dtype_name(type),
                 gd_dtype_name(x->dtype));
}

static gd_status check_same_type(const gd_node *n, const gd_tensor *a, const gd_tensor *b) {
  if (a->dtype == b->dtype) return GD_OK;
  return GD_FAIL(GD_ERR_DTYPE, "%s: %s and %s do not fit: cast one of them", gdi_op_name(n->op),
                 gd_dtype_name(a->dtype), gd_dtype_name(b->dtype));
}

static void as(gdi_result *out, const gd_tensor *x) {
  out->type = x->dtype;
  out->ndim = x->ndim;
  memcpy(out->shape, x->shape, sizeof out->shape);
}

static void add_dim(gdi_result *out, int64_t extent) {
  out->shape[out->ndim++] = extent;
}

gd_status gdi_dim(gdi_op op, const gd_tensor *x, int dim, int *out) {
  char shape[GDI_SHAPE_TEXT];
  *out = dim < 0 ? dim + x->ndim : dim;
  if (*out >= 0 && *out < x->ndim) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s: %s has no dimension %d", gdi_op_name(op), text(x, shape), dim);
}

/* Widen `out` so that x broadcasts to it; false when they do not fit. */
static bool widen(gdi_result *out, const gd_tensor *x) {
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

static gd_status broadcast(const gd_node *n, int first, gdi_result *out) {
  const gd_tensor *a = n->in[first], *b = n->in[first + 1];
  GD_TRY(check_same_type(n, a, b));
  as(out, a);
  return widen(out, b) ? GD_OK : do_not_fit(n, a, b);
}

gd_status gdi_shape_broadcast(const gd_node *n, gdi_result *out) {
  GD_TRY(check_float(n, n->in[0]));
  return broadcast(n, 0, out);
}

gd_status gdi_shape_compare(const gd_node *n, gdi_result *out) {
  GD_TRY(broadcast(n, 0, out));
  out->type = GD_U8;
  return GD_OK;
}

gd_status gdi_shape_where(const gd_node *n, gdi_result *out) {
  GD_TRY(check_type(n, "the condition", n->in[0], GD_U8));
  GD_TRY(check_float(n, n->in[1]));
  GD_TRY(broadcast(n, 1, out));
  if (widen(out, n->in[0])) return GD_OK;
  return do_not_fit(n, n->in[0], n->in[1]->ndim >= n->in[2]->ndim ? n->in[1] : n->in[2]);
}

gd_status gdi_shape_same(const gd_node *n, gdi_result *out) {
  GD_TRY(check_float(n, n->in[0]));
  as(out, n->in[0]);
  return GD_OK;
}

gd_status gdi_shape_cast(const gd_node *n, gdi_result *out) {
  as(out, n->in[0]);
  out->type = n->attr.type;
  return GD_OK;
}

/* The result of a view is worked out by the operation itself. */
gd_status gdi_shape_given(const gd_node *n, gdi_result *out) {
  as(out, n->in[0]);
  return GD_OK;
}

gd_status gdi_shape_reduce(const gd_node *n, gdi_result *out) {
  const gd_tensor *x = n->in[0];
  char shape[GDI_SHAPE_TEXT];
  GD_TRY(check_float(n, x));
  out->type = x->dtype;
  out->ndim = 0;
  int64_t folded = 1;
  for (int i = 0; i < x->ndim; i++)
    if (!(n->attr.dims >> i & 1)) {
      add_dim(out, x->shape[i]);
    } else {
      folded *= x->shape[i];
      if (n->attr.keep) add_dim(out, 1);
    }
  if (folded == 0 && (n->op == GDI_OP_max || n->op == GDI_OP_min))
    return GD_FAIL(GD_ERR_SHAPE, "%s of no elements: %s", gdi_op_name(n->op), text(x, shape));
  return GD_OK;
}

gd_status gdi_shape_argmax(const gd_node *n, gdi_result *out) {
  const gd_tensor *x = n->in[0];
  char shape[GDI_SHAPE_TEXT];
  GD_TRY(check_float(n, x));
  *out = (gdi_result){.type = GD_I64};
  for (int i = 0; i < x->ndim; i++)
    if (i != n->attr.dim) add_dim(out, x->shape[i]);
  if (x->shape[n->attr.dim] == 0) return GD_FAIL(GD_ERR_SHAPE, "argmax of no elements: %s", text(x, shape));
  return GD_OK;
}

gd_status gdi_shape_transpose(const gd_node *n, gdi_result *out) {
  as(out, n->in[0]);
  out->shape[n->attr.dim] = n->in[0]->shape[n->attr.dim1];
  out->shape[n->attr.dim1] = n->in[0]->shape[n->attr.dim];
  return GD_OK;
}

gd_status gdi_shape_slice(const gd_node *n, gdi_result *out) {
  const gd_tensor *x = n->in[0];
  const gdi_attr *at = &n->attr;
  char shape[GDI_SHAPE_TEXT];
  if (at->start < 0 || at->stop < at->start || at->stop > x->shape[at->dim])
    return GD_FAIL(GD_ERR_SHAPE, "slice: [%lld, %lld) of dimension %d is outside %s", (long long)at->start,
                   (long long)at->stop, at->dim, text(x, shape));
  as(out, x);
  out->shape[at->dim] = at->stop - at->start;
  return GD_OK;
}

gd_status gdi_shape_index_select(const gd_node *n, gdi_result *out) {
  GD_TRY(check_type(n, "the index", n->in[1], GD_I64));
  if (n->in[1]->ndim != 1) return do_not_fit(n, n->in[0], n->in[1]);
  as(out, n->in[0]);
  out->shape[n->attr.dim] = n->in[1]->shape[0];
  return GD_OK;
}

gd_status gdi_shape_concat(const gd_node *n, gdi_result *out) {
  const gd_tensor *first = n->in[0];
  as(out, first);
  for (int k = 1; k < n->n_in; k++) {
    GD_TRY(check_same_type(n, first, n->in[k]));
    bool fits = n->in[k]->ndim == first->ndim;
    for (int i = 0; fits && i < first->ndim; i++)
      fits = i == n->attr.dim || n->in[k]->shape[i] == first->shape[i];
    if (!fits) return do_not_fit(n, first, n->in[k]);
    out->shape[n->attr.dim] += n->in[k]->shape[n->attr.dim];
  }
  return GD_OK;
}

/* Vectors stand for one row (a) or one column (b); that dimension does not appear in the result. */
gd_status gdi_shape_matmul(const gd_node *n, gdi_result *out) {
  gd_tensor *a = n->in[0], *b = n->in[1];
  GD_TRY(check_float(n, a));
  GD_TRY(check_same_type(n, a, b));
  if (a->ndim == 0 || b->ndim == 0) return do_not_fit(n, a, b);
  int64_t inner = b->ndim == 1 ? b->shape[0] : b->shape[b->ndim - 2];
  if (a->shape[a->ndim - 1] != inner) return do_not_fit(n, a, b);

  gd_tensor batch = *b; /* only its leading dimensions count */
  batch.ndim = b->ndim > 2 ? b->ndim - 2 : 0;
  as(out, a);
  out->ndim = a->ndim > 2 ? a->ndim - 2 : 0;
  if (!widen(out, &batch)) return do_not_fit(n, a, b);
  if (a->ndim > 1) add_dim(out, a->shape[a->ndim - 2]);
  if (b->ndim > 1) add_dim(out, b->shape[b->ndim - 1]);
  return GD_OK;
}

gd_status gdi_shape_linear(const gd_node *n, gdi_result *out) {
  const gd_tensor *x = n->in[0], *W = n->in[1], *b = n->in[2];
  GD_TRY(check_float(n, x));
  GD_TRY(check_same_type(n, x, W));
  if (x->ndim < 1 || W->ndim != 2 || x->shape[x->ndim - 1] != W->shape[1]) return do_not_fit(n, x, W);
  if (b) {
    GD_TRY(check_same_type(n, x, b));
    if (b->ndim != 1 || b->shape[0] != W->shape[0]) return do_not_fit(n, W, b);
  }
  as(out, x);
  out->shape[out->ndim - 1] = W->shape[0];
  return GD_OK;
}

gd_status gdi_shape_cross_entropy(const gd_node *n, gdi_result *out) {
  const gd_tensor *logits = n->in[0], *labels = n->in[1], *weights = n->in[2];
  GD_TRY(check_float(n, logits));
  GD_TRY(check_type(n, "the labels", labels, GD_I64));
  if (logits->ndim != 2 || labels->ndim != 1 || labels->shape[0] != logits->shape[0])
    return do_not_fit(n, logits, labels);
  if (weights) {
    GD_TRY(check_same_type(n, logits, weights));
    if (weights->ndim != 1 || weights->shape[0] != logits->shape[1]) return do_not_fit(n, logits, weights);
  }
  *out = (gdi_result){.type = logits->dtype};
  return GD_OK;
}
