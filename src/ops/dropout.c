/* Elements kept with probability 1 - p, and draws that depend on what is drawn for, never on who draws. */
#include "ops/dropout.h"

#include "autograd/autograd.h"
#include "gd/ops.h"

const gd_op gdi_op_dropout = {.name = "dropout",
                              .grad_fn = "DropoutBackward",
                              .min_in = 1,
                              .max_in = 1,
                              .params_bytes = sizeof(gdi_dropout),
                              .shape = gdi_shape_same,
                              .kernel = GDI_KERNELS(dropout)};

gd_tensor *gd_dropout(gd_tape *t, gd_tensor *x, double p) {
  if (!(p >= 0 && p < 1))
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "dropout: p = %g is not in [0, 1)", p));
  const uint64_t step = t->step_at ? 0 : (uint64_t)t->step, call = step << 20 | (uint64_t)t->draws++;
  if (p == 0) return x;
  return gd_apply(t, &gdi_op_dropout,
                  &(gdi_dropout){.p = p,
                                 .row0 = t->row0,
                                 .rng = gd_rng_stream(t->seed, GD_RNG_DROPOUT, call),
                                 .step_at = t->step_at},
                  1, &x);
}
