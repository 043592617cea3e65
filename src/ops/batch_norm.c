/* Batch norm (Ioffe and Szegedy 2015), with what often follows it. */
#include "ops/batch_norm.h"

#include <stdio.h>
#include <string.h>

static gd_status check_operand(const gd_node *n, int i) {
  const gd_tensor *x = n->in[0], *v = n->in[i];
  if (!v) return GD_OK;
  GD_TRY(gdi_check_same_type(n, x, v));
  const bool fits =
      i == GDI_BN_RESIDUAL
          ? v->ndim == x->ndim && memcmp(v->shape, x->shape, (size_t)x->ndim * sizeof *x->shape) == 0
          : v->ndim == 1 && v->shape[0] == x->shape[x->ndim - 1];
  return fits ? GD_OK : gdi_do_not_fit(n, x, v);
}

static gd_status shape(gd_node *n, gd_op_result *r) {
  const gdi_batch_norm *p = n->params;
  const gd_tensor *x = n->in[0];
  char text[GDI_SHAPE_TEXT];
  GD_TRY(gdi_check_float(n, x));
  if (x->ndim < 2 || x->shape[x->ndim - 1] < 1)
    return GD_FAIL(GD_ERR_SHAPE, "batch_norm takes [B,...,C], not %s", gdi_shape_text(x, text, sizeof text));
  for (int i = 1; i < n->n_in; i++) GD_TRY(check_operand(n, i));
  const int64_t values = gd_numel(x) / x->shape[x->ndim - 1];
  if (p->training && values < 2)
    return GD_FAIL(
        GD_ERR_SHAPE,
        "batch_norm: %s has %lld value per channel, and one has no variance: train on larger micro-batches",
        gdi_shape_text(x, text, sizeof text), (long long)values);
  if (!p->training && (!n->in[GDI_BN_MEAN] || !n->in[GDI_BN_VAR]))
    return GD_FAIL(GD_ERR_USAGE, "batch_norm: without running statistics it can only train");
  if (p->act != GD_ACT_NONE && p->act != GD_ACT_RELU)
    return GD_FAIL(GD_ERR_USAGE, "batch_norm carries relu and no other activation");
  gdi_result_like(r, x);
  return GD_OK;
}

static void describe(const gd_node *n, char *buf, size_t bytes) {
  snprintf(buf, bytes, "%s%s", n->in[GDI_BN_RESIDUAL] ? " + residual" : "",
           ((const gdi_batch_norm *)n->params)->act == GD_ACT_RELU ? " + relu" : "");
}

const gd_op gdi_op_batch_norm = {.name = "batch_norm",
                                 .grad_fn = "BatchNormBackward",
                                 .min_in = 1,
                                 .max_in = GDI_BN_INPUTS,
                                 .params_bytes = sizeof(gdi_batch_norm),
                                 .shape = shape,
                                 .kernel = GDI_KERNELS(batch_norm),
                                 .describe = describe};

gd_tensor *gd_batch_norm(gd_tape *t, gd_tensor *x, gd_tensor *weight, gd_tensor *bias,
                         gd_tensor *running_mean, gd_tensor *running_var, bool training, double eps,
                         gd_tensor *residual, gd_activation act) {
  gd_tensor *in[] = {x, weight, bias, running_mean, running_var, residual};
  if (!training) /* they are constants then, and follow nothing */
    for (int i = GDI_BN_MEAN; i <= GDI_BN_VAR; i++) in[i] = in[i] ? gd_detach(t, in[i]) : NULL;
  const gdi_batch_norm p = {.eps = eps, .training = training, .act = act};
  return gd_apply(t, &gdi_op_batch_norm, &p, GDI_BN_INPUTS, in);
}
