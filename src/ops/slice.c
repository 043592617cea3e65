/* Indices [start, stop) of a dimension; of the first one a view, since whole leading rows are where they are. */
#include "gd/ops.h"
#include "ops/slice.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0];
  gdi_slice *p = n->params;
  char text[GDI_SHAPE_TEXT];
  GD_TRY(gdi_check_dim(n, x, &p->dim));
  if (p->start < 0 || p->stop < p->start || p->stop > x->shape[p->dim])
    return GD_FAIL(GD_ERR_SHAPE, "slice: [%lld, %lld) of dimension %d is outside %s", (long long)p->start,
                   (long long)p->stop, p->dim, gdi_shape_text(x, text, sizeof text));
  gdi_result_like(out, x);
  out->shape[p->dim] = p->stop - p->start;
  if (p->dim > 0) return GD_OK;
  size_t row = gd_dtype_bytes(x->dtype);
  for (int i = 1; i < x->ndim; i++) row *= (size_t)x->shape[i];
  out->view = (char *)x->data + (size_t)p->start * row;
  return GD_OK;
}

const gd_op gdi_op_slice = {.name = "slice",
                            .grad_fn = "SliceBackward",
                            .min_in = 1,
                            .max_in = 1,
                            .params_bytes = sizeof(gdi_slice),
                            .shape = shape,
                            .kernel = GDI_KERNELS(slice)};

gd_tensor *gd_slice(gd_tape *t, gd_tensor *x, int dim, int64_t start, int64_t stop) {
  return gd_apply(t, &gdi_op_slice, &(gdi_slice){dim, start, stop}, 1, &x);
}
