/* Two dimensions exchanged, by a copy. */
#include "gd/ops.h"
#include "ops/transpose.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0];
  gdi_transpose *p = n->params;
  GD_TRY(gdi_check_dim(n, x, &p->dim0));
  GD_TRY(gdi_check_dim(n, x, &p->dim1));
  gdi_result_like(out, x);
  out->shape[p->dim0] = x->shape[p->dim1];
  out->shape[p->dim1] = x->shape[p->dim0];
  return GD_OK;
}

const gd_op gdi_op_transpose = {.name = "transpose",
                                .grad_fn = "TransposeBackward",
                                .min_in = 1,
                                .max_in = 1,
                                .params_bytes = sizeof(gdi_transpose),
                                .shape = shape,
                                .kernel = GDI_KERNELS(transpose)};

gd_tensor *gd_transpose(gd_tape *t, gd_tensor *x, int dim0, int dim1) {
  return gd_apply(t, &gdi_op_transpose, &(gdi_transpose){dim0, dim1}, 1, &x);
}
