/* The index of the first largest element along a dimension, which disappears. */
#include "gd/ops.h"
#include "ops/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0];
  gdi_along *p = n->params;
  char text[GDI_SHAPE_TEXT];
  GD_TRY(gdi_check_dim(n, x, &p->dim));
  GD_TRY(gdi_check_float(n, x));
  *out = (gd_op_result){.dtype = GD_I64};
  for (int i = 0; i < x->ndim; i++)
    if (i != p->dim) gdi_result_add_dim(out, x->shape[i]);
  if (x->shape[p->dim] > 0) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "argmax of no elements: %s", gdi_shape_text(x, text, sizeof text));
}

const gd_op gdi_op_argmax = {.name = "argmax",
                             .min_in = 1,
                             .max_in = 1,
                             .params_bytes = sizeof(gdi_along),
                             .shape = shape,
                             .kernel = GDI_KERNELS_WITHOUT_BACKWARD(argmax)};

gd_tensor *gd_argmax(gd_tape *t, gd_tensor *x, int dim) {
  return gd_apply(t, &gdi_op_argmax, &(gdi_along){dim}, 1, &x);
}
