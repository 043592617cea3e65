/* Another shape for the same values: a view. */
#include <string.h>

#include "gd/ops.h"
#include "ops/ops.h"

typedef struct params {
  int ndim;
  int64_t shape[GD_MAX_DIMS];
} params;

/* The extent written as -1, if any, becomes what makes the counts equal. */
static gd_status resolve(const gd_tensor *x, int ndim, const int64_t shape[], gd_op_result *form) {
  int64_t known = 1, n = gd_numel(x);
  int open = -1;
  char text[GDI_SHAPE_TEXT], wanted[GDI_SHAPE_TEXT];
  if (ndim < 0 || ndim > GD_MAX_DIMS) return GD_FAIL(GD_ERR_SHAPE, "reshape to %d dimensions", ndim);
  *form = (gd_op_result){.dtype = x->dtype, .ndim = ndim, .view = x->data};
  gd_tensor to = {.ndim = ndim};
  bool fits = true;
  for (int i = 0; i < ndim; i++) {
    form->shape[i] = to.shape[i] = shape[i];
    if (shape[i] == -1 && open < 0)
      open = i;
    else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
      fits = false;
  }
  if (fits && open >= 0 && known > 0 && n % known == 0) {
    form->shape[open] = n / known;
    return GD_OK;
  }
  if (fits && open < 0 && known == n) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "reshape: %s does not fill %s", gdi_shape_text(x, text, sizeof text),
                 gdi_shape_text(&to, wanted, sizeof wanted));
}

static gd_status shape(gd_node *n, gd_op_result *out) {
  const params *p = n->params;
  return resolve(n->in[0], p->ndim, p->shape, out);
}

const gd_op gdi_op_reshape = {.name = "reshape",
                              .grad_fn = "ReshapeBackward",
                              .min_in = 1,
                              .max_in = 1,
                              .params_bytes = sizeof(params),
                              .shape = shape,
                              .kernel = GDI_KERNELS(reshape)};

gd_tensor *gd_reshape(gd_tape *t, gd_tensor *x, int ndim, const int64_t to[]) {
  params p = {.ndim = ndim};
  if (ndim > 0 && ndim <= GD_MAX_DIMS) memcpy(p.shape, to, (size_t)ndim * sizeof *to);
  return gd_apply(t, &gdi_op_reshape, &p, 1, &x);
}
