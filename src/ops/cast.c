/* The same values in another type. */
#include "gd/ops.h"
#include "ops/ops.h"

typedef struct params {
  gd_dtype type; /* kernels find it in n->out */
} params;

static gd_status shape(gd_node *n, gd_op_result *out) {
  gdi_result_like(out, n->in[0]);
  out->dtype = ((const params *)n->params)->type;
  return GD_OK;
}

const gd_op gdi_op_cast = {.name = "cast",
                           .grad_fn = "CastBackward",
                           .min_in = 1,
                           .max_in = 1,
                           .params_bytes = sizeof(params),
                           .shape = shape,
                           .kernel = GDI_KERNELS(cast)};

gd_tensor *gd_cast(gd_tape *t, gd_tensor *x, gd_dtype type) {
  return gd_apply(t, &gdi_op_cast, &(params){type}, 1, &x);
}
