/* softmax and log_softmax along a dimension: two records of one family of kernels, which tell them apart by n->op. */
#include "gd/ops.h"
#include "ops/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  GD_TRY(gdi_check_dim(n, n->in[0], &((gdi_along *)n->params)->dim));
  return gdi_shape_same(n, out);
}

const gd_op gdi_op_softmax = {.name = "softmax",
                              .grad_fn = "SoftmaxBackward",
                              .min_in = 1,
                              .max_in = 1,
                              .params_bytes = sizeof(gdi_along),
                              .shape = shape,
                              .kernel = GDI_KERNELS(softmax)};

const gd_op gdi_op_log_softmax = {.name = "log_softmax",
                                  .grad_fn = "LogSoftmaxBackward",
                                  .min_in = 1,
                                  .max_in = 1,
                                  .params_bytes = sizeof(gdi_along),
                                  .shape = shape,
                                  .kernel = GDI_KERNELS(softmax)};

gd_tensor *gd_softmax(gd_tape *t, gd_tensor *x, int dim) {
  return gd_apply(t, &gdi_op_softmax, &(gdi_along){dim}, 1, &x);
}

gd_tensor *gd_log_softmax(gd_tape *t, gd_tensor *x, int dim) {
  return gd_apply(t, &gdi_op_log_softmax, &(gdi_along){dim}, 1, &x);
}
