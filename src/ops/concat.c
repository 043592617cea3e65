/* Tensors one after the other along a dimension. */
#include <limits.h>

#include "gd/ops.h"
#include "ops/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *first = n->in[0];
  gdi_along *p = n->params;
  GD_TRY(gdi_check_dim(n, first, &p->dim));
  gdi_result_like(out, first);
  for (int k = 1; k < n->n_in; k++) {
    const gd_tensor *x = n->in[k];
    if (!x) return GD_FAIL(GD_ERR_USAGE, "concat: operand %d is NULL", k + 1);
    GD_TRY(gdi_check_same_type(n, first, x));
    bool fits = x->ndim == first->ndim;
    for (int i = 0; fits && i < first->ndim; i++) fits = i == p->dim || x->shape[i] == first->shape[i];
    if (!fits) return gdi_do_not_fit(n, first, x);
    out->shape[p->dim] += x->shape[p->dim];
  }
  return GD_OK;
}

const gd_op gdi_op_concat = {.name = "concat",
                             .grad_fn = "ConcatBackward",
                             .min_in = 1,
                             .max_in = INT_MAX,
                             .params_bytes = sizeof(gdi_along),
                             .shape = shape,
                             .kernel = GDI_KERNELS(concat)};

gd_tensor *gd_concat(gd_tape *t, gd_tensor *const x[], int n, int dim) {
  if (n < 1) return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "concat of %d tensors", n));
  return gd_apply(t, &gdi_op_concat, &(gdi_along){dim}, n, x);
}
