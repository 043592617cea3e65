/* Reductions over a set of dimensions: records and public functions from their lines in elementwise.def. */
#include "ops/reduce.h"

/* The set as bits. */
static gd_status dims_of(const gd_node *n, gd_dims over, uint32_t *bits) {
  const gd_tensor *x = n->in[0];
  *bits = over.n == 0 ? (1u << x->ndim) - 1 : 0;
  for (int i = 0; i < over.n; i++) {
    GD_TRY(gdi_check_dim(n, x, &over.dim[i]));
    *bits |= 1u << over.dim[i];
  }
  return GD_OK;
}

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0];
  gdi_reduce *p = n->params;
  GD_TRY(dims_of(n, p->over, &p->dims));
  GD_TRY(gdi_check_float(n, x));
  *out = (gd_op_result){.dtype = x->dtype};
  for (int i = 0; i < x->ndim; i++)
    if (!(p->dims >> i & 1))
      gdi_result_add_dim(out, x->shape[i]);
    else if (p->keep)
      gdi_result_add_dim(out, 1);
  return GD_OK;
}

static gd_status shape_of_extreme(gd_node *n, gd_op_result *out) {
  char text[GDI_SHAPE_TEXT];
  GD_TRY(shape(n, out));
  if (gdi_reduce_count(n) > 0) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s of no elements: %s", n->op->name,
                 gdi_shape_text(n->in[0], text, sizeof text));
}

enum { OF_NOTHING_sum = 1, OF_NOTHING_mean = 1, OF_NOTHING_var = 1, OF_NOTHING_max = 0, OF_NOTHING_min = 0 };

#define GDI_REDUCE(op, prints, how, dx)                                                                      \
  const gd_op gdi_op_##op = {.name = #op,                                                                    \
                             .grad_fn = prints "Backward",                                                   \
                             .min_in = 1,                                                                    \
                             .max_in = 1,                                                                    \
                             .params_bytes = sizeof(gdi_reduce),                                             \
                             .shape = OF_NOTHING_##how ? shape : shape_of_extreme,                           \
                             .kernel = GDI_KERNELS(op)};                                                     \
  PUBLIC_##how(op)
#define PUBLIC(op)                                                                                           \
  gd_tensor *gd_##op(gd_tape *t, gd_tensor *x, gd_dims over, bool keep) {                                    \
    return gd_apply(t, &gdi_op_##op, &(gdi_reduce){.over = over, .keep = keep}, 1, &x);                      \
  }
#define PUBLIC_sum(op)  PUBLIC(op)
#define PUBLIC_mean(op) PUBLIC(op)
#define PUBLIC_max(op)  PUBLIC(op)
#define PUBLIC_min(op)  PUBLIC(op)
#define PUBLIC_var(op)  /* below: it has one argument more */
#include "ops/elementwise.def"

gd_tensor *gd_var(gd_tape *t, gd_tensor *x, gd_dims over, int correction, bool keep) {
  if (correction != 0 && correction != 1)
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "var: the correction is 0 or 1, not %d", correction));
  return gd_apply(t, &gdi_op_var, &(gdi_reduce){.over = over, .correction = correction, .keep = keep}, 1, &x);
}
