/* Reductions, matrix products and classification. */
#include "autograd/autograd.h"

/* The set as bits. */
static gd_status dims_of(gdi_op op, const gd_tensor *x, gd_dims over, uint32_t *bits) {
  *bits = over.n == 0 ? (1u << x->ndim) - 1 : 0;
  for (int i = 0; i < over.n; i++) {
    int dim;
    GD_TRY(gdi_dim(op, x, over.dim[i], &dim));
    *bits |= 1u << dim;
  }
  return GD_OK;
}

static gd_tensor *reduce(gd_tape *t, gdi_op op, gd_tensor *x, gd_dims over, int correction, bool keep) {
  gdi_attr attr = {.keep = keep, .correction = correction};
  if (!gdi_check_operands(t, op, 1, &x)) return NULL;
  gd_status st = dims_of(op, x, over, &attr.dims);
  return st == GD_OK ? gdi_apply(t, op, &attr, 1, &x) : gd_tape_fail(t, st);
}

#define REDUCE(name)                                                                                         \
  gd_tensor *gd_##name(gd_tape *t, gd_tensor *x, gd_dims over, bool keep) {                                  \
    return reduce(t, GDI_OP_##name, x, over, 0, keep);                                                       \
  }
REDUCE(sum)
REDUCE(mean)
REDUCE(max)
REDUCE(min)

gd_tensor *gd_var(gd_tape *t, gd_tensor *x, gd_dims over, int correction, bool keep) {
  if (correction != 0 && correction != 1)
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "var: the correction is 0 or 1, not %d", correction));
  return reduce(t, GDI_OP_var, x, over, correction, keep);
}

static gd_tensor *along(gd_tape *t, gdi_op op, gd_tensor *x, int dim) {
  gdi_attr attr = {0};
  if (!gdi_check_operands(t, op, 1, &x)) return NULL;
  gd_status st = gdi_dim(op, x, dim, &attr.dim);
  return st == GD_OK ? gdi_apply(t, op, &attr, 1, &x) : gd_tape_fail(t, st);
}

gd_tensor *gd_argmax(gd_tape *t, gd_tensor *x, int dim) {
  return along(t, GDI_OP_argmax, x, dim);
}
gd_tensor *gd_softmax(gd_tape *t, gd_tensor *x, int dim) {
  return along(t, GDI_OP_softmax, x, dim);
}
gd_tensor *gd_log_softmax(gd_tape *t, gd_tensor *x, int dim) {
  return along(t, GDI_OP_log_softmax, x, dim);
}

gd_tensor *gd_matmul(gd_tape *t, gd_tensor *a, gd_tensor *b) {
  gd_tensor *in[] = {a, b};
  if (!gdi_check_operands(t, GDI_OP_matmul, 2, in)) return NULL;
  return gdi_apply(t, GDI_OP_matmul, NULL, 2, in);
}

gd_tensor *gd_linear(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b, gd_activation act) {
  gd_tensor *in[] = {x, W, b};
  if (!gdi_check_operands(t, GDI_OP_linear, 2, in)) return NULL;
  return gdi_apply(t, GDI_OP_linear, &(gdi_attr){.act = act}, 3, in);
}

gd_tensor *gd_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_tensor *class_weight,
                                int64_t ignore, gd_tensor **weight_sum) {
  gd_tensor *in[] = {logits, labels, class_weight};
  if (weight_sum) *weight_sum = NULL;
  if (!gdi_check_operands(t, GDI_OP_cross_entropy, 2, in)) return NULL;
  gd_node *n = gdi_apply_node(t, GDI_OP_cross_entropy, &(gdi_attr){.ignore = ignore}, 3, in);
  if (!n) return NULL;
  if (weight_sum) *weight_sum = n->saved[1];
  return n->out;
}
