/* Records and public functions of the element-wise operations: all follow from their lines in elementwise.def. */
#include "gd/ops.h"
#include "ops/ops.h"

/* ---- y = f(x) ---- */

#define UNARY(op, prints, bytes)                                                                             \
  const gd_op gdi_op_##op = {.name = #op,                                                                    \
                             .grad_fn = prints "Backward",                                                   \
                             .min_in = 1,                                                                    \
                             .max_in = 1,                                                                    \
                             .params_bytes = bytes,                                                          \
                             .shape = gdi_shape_same,                                                        \
                             .kernel = GDI_KERNELS(op)};
#define GDI_UNARY(op, prints, y, dx)                                                                         \
  UNARY(op, prints, sizeof(gdi_numbers))                                                                     \
  gd_tensor *gd_##op(gd_tape *t, gd_tensor *x) {                                                             \
    return gd_apply(t, &gdi_op_##op, &(gdi_numbers){{0}}, 1, &x);                                            \
  }
#define GDI_UNARY_1(op, prints, k0, y, dx)                                                                   \
  UNARY(op, prints, sizeof(gdi_numbers))                                                                     \
  gd_tensor *gd_##op(gd_tape *t, gd_tensor *x, double k0) {                                                  \
    return gd_apply(t, &gdi_op_##op, &(gdi_numbers){{k0}}, 1, &x);                                           \
  }
#define GDI_UNARY_2(op, prints, k0, k1, holds, y, dx)                                                        \
  UNARY(op, prints, sizeof(gdi_numbers))                                                                     \
  gd_tensor *gd_##op(gd_tape *t, gd_tensor *x, double k0, double k1) {                                       \
    if (!(holds))                                                                                            \
      return gd_tape_fail(                                                                                   \
          t, GD_FAIL(GD_ERR_USAGE, #op ": " #k0 " = %g, " #k1 " = %g, but " #holds " must hold", k0, k1));   \
    return gd_apply(t, &gdi_op_##op, &(gdi_numbers){{k0, k1}}, 1, &x);                                       \
  }

/* ---- y = f(a, b) ---- */

#define TWO(op, prints, rule, kernels)                                                                       \
  const gd_op gdi_op_##op = {.name = #op,                                                                    \
                             .grad_fn = prints "Backward",                                                   \
                             .min_in = 2,                                                                    \
                             .max_in = 2,                                                                    \
                             .shape = rule,                                                                  \
                             .kernel = kernels(op)};                                                         \
  gd_tensor *gd_##op(gd_tape *t, gd_tensor *a, gd_tensor *b) {                                               \
    gd_tensor *in[] = {a, b};                                                                                \
    return gd_apply(t, &gdi_op_##op, NULL, 2, in);                                                           \
  }
#define GDI_BINARY(op, prints, y, da, db) TWO(op, prints, gdi_shape_broadcast, GDI_KERNELS)
#define GDI_COMPARE(op, prints, holds)    TWO(op, prints, gdi_shape_compare, GDI_KERNELS_WITHOUT_BACKWARD)
#include "ops/elementwise.def"

/* ---- with a number in place of b ---- */

#define NUMBER(op)                                                                                           \
  gd_tensor *gd_##op##_scalar(gd_tape *t, gd_tensor *a, double b) {                                          \
    return gd_##op(t, a, a ? gd_constant(t, a->dtype, b) : NULL);                                            \
  }
NUMBER(add)
NUMBER(mul)
NUMBER(pow)
