/* The affine layer. */
#include <math.h>
#include <stdio.h>

#include "nn/layers.h"

gd_tensor *gdi_linear_forward(gdi_linear *l, gd_tape *t, gd_tensor *x, gd_activation act) {
  return gd_linear(t, l->flattens ? gdi_flatten(t, x) : x, l->weight, l->bias, act);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gdi_linear_forward((gdi_linear *)m, t, x, GD_ACT_NONE);
}

/* PyTorch's kaiming_uniform with a = sqrt 5 is this same interval. */
static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  gdi_linear *l = (gdi_linear *)m;
  const double bound = 1 / sqrt((double)l->weight->shape[1]);
  gd_init_uniform(l->weight, gd_rng_stream(seed, GD_RNG_INIT, (*ordinal)++), -bound, bound);
  if (l->bias) gd_init_uniform(l->bias, gd_rng_stream(seed, GD_RNG_INIT, (*ordinal)++), -bound, bound);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  const gdi_linear *l = (const gdi_linear *)m;
  snprintf(buf, bytes, "in=%lld, out=%lld%s", (long long)l->weight->shape[1], (long long)l->weight->shape[0],
           l->bias ? "" : ", no bias");
}

const gd_module_class gdi_linear_class = {"Linear", forward, reset, describe};

gd_status gd_linear_new(gd_module **out, gd_device *d, gd_dtype dtype, int64_t in, int64_t features,
                        bool bias) {
  *out = NULL;
  if (in < 1 || features < 1)
    return GD_FAIL(GD_ERR_SHAPE, "Linear(%lld, %lld): both must be at least 1", (long long)in,
                   (long long)features);
  gd_module *m;
  GD_TRY(gd_module_new(&m, &gdi_linear_class, sizeof(gdi_linear), d, dtype));
  gdi_linear *l = (gdi_linear *)m;
  gd_status st;
  GD_GOTO(st, gd_module_add_param(m, "weight", GD_SHAPE(features, in), &l->weight), fail);
  if (bias) GD_GOTO(st, gd_module_add_param(m, "bias", GD_SHAPE(features), &l->bias), fail);
  gd_module_reset(m, 0);
  *out = m;
  return GD_OK;
fail:
  gd_module_free(m);
  return st;
}
