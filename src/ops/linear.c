/* An affine map with its activation. */
#include "ops/linear.h"

#include <stdio.h>

/* The list has the order of gd_activation. */
#define PLACE(ACT, name, keeps) PLACE_##ACT,
#define SAME(ACT, name, keeps)  _Static_assert((int)PLACE_##ACT == (int)GD_ACT_##ACT, "order of " #name);
enum { GDI_ACTIVATIONS(PLACE) };
GDI_ACTIVATIONS(SAME)

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0], *W = n->in[1], *b = n->in[2];
  GD_TRY(gdi_check_float(n, x));
  GD_TRY(gdi_check_same_type(n, x, W));
  if (x->ndim < 1 || W->ndim != 2 || x->shape[x->ndim - 1] != W->shape[1]) return gdi_do_not_fit(n, x, W);
  if (b) {
    GD_TRY(gdi_check_same_type(n, x, b));
    if (b->ndim != 1 || b->shape[0] != W->shape[0]) return gdi_do_not_fit(n, W, b);
  }
  gdi_result_like(out, x);
  out->shape[out->ndim - 1] = W->shape[0];
  return GD_OK;
}

static double flops(const gd_node *n) {
  return 2 * (double)gd_numel(n->out) * (double)n->in[1]->shape[1];
}

static void describe(const gd_node *n, char *buf, size_t bytes) {
#define NAME(ACT, name, keeps) [GD_ACT_##ACT] = #name,
  static const char *const names[] = {GDI_ACTIVATIONS(NAME)};
  const gd_activation act = gdi_linear_of(n)->act;
  if (act != GD_ACT_NONE) snprintf(buf, bytes, " + %s", names[act]);
}

const gd_op gdi_op_linear = {.name = "linear",
                             .grad_fn = "LinearBackward",
                             .min_in = 2,
                             .max_in = 3,
                             .params_bytes = sizeof(gdi_linear_params),
                             .shape = shape,
                             .kernel = GDI_KERNELS(linear),
                             .flops = flops,
                             .describe = describe};

gd_tensor *gd_linear(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b, gd_activation act) {
  gd_tensor *in[] = {x, W, b};
  return gd_apply(t, &gdi_op_linear, &(gdi_linear_params){.act = act}, 3, in);
}
