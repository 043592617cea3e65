/* Arguments of linear, and the activations it carries. */
#ifndef GDI_OPS_LINEAR_H
#define GDI_OPS_LINEAR_H

#include "gd/ops.h"
#include "ops/ops.h"

typedef struct gdi_linear_params {
  gd_activation act;
  uint64_t dz_backward_id; /* the backward in which out's gradient is that of z: see cuda/linear.c */
} gdi_linear_params;

static inline gdi_linear_params *gdi_linear_of(const gd_node *n) {
  return (gdi_linear_params *)n->params;
}

/*
 * X(ACT, name, KEEPS): GD_ACT_<ACT> is the operation `name` of elementwise.def, in the order of gd_activation; backward takes
 * its derivative from y alone, or from z, which forward keeps (KEEPS 1). Adding one is a line here and one in gd_activation.
 */
/* clang-format off */
#define GDI_ACTIVATIONS(X) \
  X(NONE, none, 0) \
  X(RELU, relu, 0) \
  X(TANH, tanh, 0) \
  X(SIGMOID, sigmoid, 0) \
  X(GELU, gelu, 1) \
  X(GELU_TANH, gelu_tanh, 1) \
  X(SILU, silu, 1)
/* clang-format on */

static inline bool gdi_activation_keeps_z(gd_activation act) {
#define GDI_KEEPS(ACT, name, keeps) keeps,
  static const bool keeps_z[] = {GDI_ACTIVATIONS(GDI_KEEPS)};
#undef GDI_KEEPS
  return keeps_z[act];
}

#endif
