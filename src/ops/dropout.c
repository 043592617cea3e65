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

/* Rows of x that come before its first in the global batch: a sample may have several, as of tokens. */
static int64_t row0_of(const gd_tape *t, const gd_tensor *x) {
  const int64_t rows = x->ndim ? x->shape[0] : 1;
  return t->rows > 0 && rows > t->rows ? t->row0 * (rows / t->rows) : t->row0;
}

static gd_tensor *drop(gd_tape *t, gd_tensor *x, double p, int64_t number) {
  uint64_t ordinal;
  if (!(p >= 0 && p < 1))
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "dropout: p = %g is not in [0, 1)", p));
  gd_status st = gdi_draws_next(&t->draws, number, &ordinal);
  if (st != GD_OK) return gd_tape_fail(t, st);
  if (p == 0) return x;
  const uint64_t step = t->step_at ? 0 : (uint64_t)t->step;
  return gd_apply(t, &gdi_op_dropout,
                  &(gdi_dropout){.p = p,
                                 .row0 = x ? row0_of(t, x) : 0,
                                 .rng = gd_rng_stream(t->seed, GD_RNG_DROPOUT, step << 20 | ordinal),
                                 .step_at = t->step_at},
                  1, &x);
}

gd_tensor *gd_dropout(gd_tape *t, gd_tensor *x, double p) {
  return drop(t, x, p, -1);
}

gd_tensor *gd_dropout_numbered(gd_tape *t, gd_tensor *x, double p, int64_t number) {
  if (number < 0)
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "dropout: the number %lld is negative", (long long)number));
  return drop(t, x, p, number);
}
