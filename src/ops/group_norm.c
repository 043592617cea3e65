/* Group norm (Wu and He 2018). */
#include "ops/group_norm.h"

static gd_status check_vector(const gd_node *n, int i) {
  const gd_tensor *x = n->in[0], *v = n->in[i];
  if (!v) return GD_OK;
  GD_TRY(gdi_check_same_type(n, x, v));
  return v->ndim == 1 && v->shape[0] == x->shape[x->ndim - 1] ? GD_OK : gdi_do_not_fit(n, x, v);
}

static gd_status shape(gd_node *n, gd_op_result *r) {
  const gd_tensor *x = n->in[0];
  const int64_t groups = ((const gdi_group_norm *)n->params)->groups;
  char text[GDI_SHAPE_TEXT];
  GD_TRY(gdi_check_float(n, x));
  if (x->ndim < 2 || x->shape[x->ndim - 1] < 1)
    return GD_FAIL(GD_ERR_SHAPE, "group_norm takes [B,...,C], not %s", gdi_shape_text(x, text, sizeof text));
  if (groups < 1 || x->shape[x->ndim - 1] % groups)
    return GD_FAIL(GD_ERR_SHAPE, "group_norm: the %lld channels of %s cannot be cut into %lld groups",
                   (long long)x->shape[x->ndim - 1], gdi_shape_text(x, text, sizeof text), (long long)groups);
  for (int i = 1; i < n->n_in; i++) GD_TRY(check_vector(n, i));
  gdi_result_like(r, x);
  return GD_OK;
}

const gd_op gdi_op_group_norm = {.name = "group_norm",
                                 .grad_fn = "GroupNormBackward",
                                 .min_in = 1,
                                 .max_in = GDI_GN_INPUTS,
                                 .params_bytes = sizeof(gdi_group_norm),
                                 .shape = shape,
                                 .kernel = GDI_KERNELS(group_norm)};

gd_tensor *gd_group_norm(gd_tape *t, gd_tensor *x, gd_tensor *weight, gd_tensor *bias, int64_t groups,
                         double eps) {
  gd_tensor *in[] = {x, weight, bias};
  return gd_apply(t, &gdi_op_group_norm, &(gdi_group_norm){groups, eps}, GDI_GN_INPUTS, in);
}
