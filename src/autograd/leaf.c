/* What a tensor is to gradients: whether it asks for one, and where it came from. */
#include "autograd/autograd.h"

gd_status gd_require_grad(gd_tensor *t, bool on) {
  if (t->node)
    return GD_FAIL(GD_ERR_NO_GRAD,
                   "this tensor is the result of %s: only leaves can %s gradients; detach it first",
                   gd_grad_fn(t), on ? "ask for" : "do without");
  if (on && t->dtype != GD_F32 && t->dtype != GD_F64)
    return GD_FAIL(GD_ERR_DTYPE, "only f32 and f64 tensors have gradients, not %s", gd_dtype_name(t->dtype));
  t->requires_grad = on;
  return GD_OK;
}

void gd_zero_grad(gd_tensor *t) {
  t->has_grad = false;
}

const char *gd_grad_fn(const gd_tensor *t) {
  if (!t->node) return NULL;
  return t->node->op->grad_fn ? t->node->op->grad_fn : t->node->op->name;
}
