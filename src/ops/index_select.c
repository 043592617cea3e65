/* Rows along a dimension, picked by index. */
#include "gd/ops.h"
#include "ops/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0], *index = n->in[1];
  gdi_along *p = n->params;
  GD_TRY(gdi_check_dim(n, x, &p->dim));
  GD_TRY(gdi_check_type(n, "the index", index, GD_I64));
  if (index->ndim != 1) return gdi_do_not_fit(n, x, index);
  gdi_result_like(out, x);
  out->shape[p->dim] = index->shape[0];
  return GD_OK;
}

const gd_op gdi_op_index_select = {.name = "index_select",
                                   .grad_fn = "IndexSelectBackward",
                                   .min_in = 2,
                                   .max_in = 2,
                                   .params_bytes = sizeof(gdi_along),
                                   .shape = shape,
                                   .kernel = GDI_KERNELS(index_select)};

gd_tensor *gd_index_select(gd_tape *t, gd_tensor *x, int dim, gd_tensor *index) {
  gd_tensor *in[] = {x, index};
  return gd_apply(t, &gdi_op_index_select, &(gdi_along){dim}, 2, in);
}
