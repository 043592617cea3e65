/* y = condition ? a : b, all three broadcast. */
#include "gd/ops.h"
#include "ops/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  GD_TRY(gdi_check_type(n, "the condition", n->in[0], GD_U8));
  GD_TRY(gdi_check_float(n, n->in[1]));
  GD_TRY(gdi_result_broadcast(n, 1, out));
  if (gdi_result_widen(out, n->in[0])) return GD_OK;
  return gdi_do_not_fit(n, n->in[0], n->in[1]->ndim >= n->in[2]->ndim ? n->in[1] : n->in[2]);
}

const gd_op gdi_op_where = {.name = "where",
                            .grad_fn = "WhereBackward",
                            .min_in = 3,
                            .max_in = 3,
                            .shape = shape,
                            .kernel = GDI_KERNELS(where)};

gd_tensor *gd_where(gd_tape *t, gd_tensor *condition, gd_tensor *a, gd_tensor *b) {
  gd_tensor *in[] = {condition, a, b};
  return gd_apply(t, &gdi_op_where, NULL, 3, in);
}
