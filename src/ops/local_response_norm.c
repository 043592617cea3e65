/* Local response norm across channels (Krizhevsky et al. 2012). */
#include "ops/local_response_norm.h"

static gd_status shape(gd_node *n, gd_op_result *r) {
  const gdi_local_response_norm *p = n->params;
  const gd_tensor *x = n->in[0];
  char text[GDI_SHAPE_TEXT];
  GD_TRY(gdi_check_float(n, x));
  if (x->ndim < 2)
    return GD_FAIL(GD_ERR_SHAPE, "local_response_norm takes [B,...,C], not %s",
                   gdi_shape_text(x, text, sizeof text));
  if (p->size < 1 || p->size > GDI_LRN_MOST)
    return GD_FAIL(GD_ERR_USAGE, "local_response_norm: a size of %lld is not one of 1 to %d",
                   (long long)p->size, GDI_LRN_MOST);
  gdi_result_like(r, x);
  return GD_OK;
}

const gd_op gdi_op_local_response_norm = {.name = "local_response_norm",
                                          .grad_fn = "LocalResponseNormBackward",
                                          .min_in = 1,
                                          .max_in = 1,
                                          .params_bytes = sizeof(gdi_local_response_norm),
                                          .shape = shape,
                                          .kernel = GDI_KERNELS(local_response_norm)};

gd_tensor *gd_local_response_norm(gd_tape *t, gd_tensor *x, int64_t size, double alpha, double beta,
                                  double k) {
  return gd_apply(t, &gdi_op_local_response_norm, &(gdi_local_response_norm){size, alpha, beta, k}, 1, &x);
}
