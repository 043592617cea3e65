/* The affine layer. */
#include <math.h>
#include <stdio.h>

#include "gd/init.h"
#include "nn/build.h"
#include "nn/layers.h"

typedef struct linear {
  gd_module base;
  gd_tensor *weight, *bias; /* [O,I], [O] or NULL */
  bool flattens, image;     /* takes [B,...] and makes [B,I] of it first; of images */
} linear;

static const gd_arg args[] = {
    {"out_features", GD_ARG_INT, NULL, 1, 1 << 24, NULL, "outputs"},
    {"bias", GD_ARG_BOOL, "true", 0, 0, NULL, "add a bias"},
    {0},
};

/* y = act(x W^T + b) */
static gd_tensor *affine(linear *l, gd_tape *t, gd_tensor *x, gd_activation act) {
  return gd_linear(t, l->flattens ? gdi_flatten(t, x, l->image) : x, l->weight, l->bias, act);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return affine((linear *)m, t, x, GD_ACT_NONE);
}

static gd_activation activation_of(const gd_module *m) {
  return m->cls->fused_as ? m->cls->fused_as(m) : m->cls->activation;
}

static int absorbs(const gd_module *m, const gd_child *next, int n) {
  (void)m;
  return n > 0 && activation_of(next[0].module) != GD_ACT_NONE;
}

static gd_tensor *forward_fused(gd_module *m, gd_tape *t, gd_tensor *x, const gd_child *next, int n) {
  (void)n;
  return affine((linear *)m, t, x, activation_of(next[0].module));
}

/* PyTorch's kaiming_uniform with a = sqrt 5 is this same interval. */
static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  linear *l = (linear *)m;
  const double bound = 1 / sqrt((double)l->weight->shape[1]);
  gd_init_uniform(l->weight, gd_rng_stream(seed, GD_RNG_INIT, (*ordinal)++), -bound, bound);
  if (l->bias) gd_init_uniform(l->bias, gd_rng_stream(seed, GD_RNG_INIT, (*ordinal)++), -bound, bound);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  const linear *l = (const linear *)m;
  snprintf(buf, bytes, "in=%lld, out=%lld%s", (long long)l->weight->shape[1], (long long)l->weight->shape[0],
           l->bias ? "" : ", no bias");
}

static gd_status add_params(gd_module *m, int64_t in, int64_t out, bool bias) {
  linear *l = (linear *)m;
  if (in < 1 || out < 1)
    return GD_FAIL(GD_ERR_SHAPE, "Linear(%lld, %lld): both must be at least 1", (long long)in,
                   (long long)out);
  GD_TRY(gd_module_add_param(m, "weight", GD_SHAPE(out, in), &l->weight));
  return bias ? gd_module_add_param(m, "bias", GD_SHAPE(out), &l->bias) : GD_OK;
}

/* On positions of a sequence it works on each; any other sample becomes one row of features. */
static bool per_position(const gd_shape *in) {
  return in->ndim == 1 || (in->axes == GD_AXES_SEQUENCE && in->ndim > 1);
}

static gd_status shape(gd_build *b) {
  GD_TRY(gd_shape_floats(b));
  const gd_shape *in = &b->in[0];
  gd_shape *out = &b->out[0];
  if (!per_position(in)) *out = (gd_shape){.dtype = in->dtype, .ndim = 1};
  out->dim[out->ndim - 1] = gd_arg_i64(b, "out_features");
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  const gd_shape *in = &b->in[0];
  const bool each = per_position(in);
  ((linear *)m)->flattens = !each, ((linear *)m)->image = in->axes == GD_AXES_IMAGE;
  return add_params(m, each ? in->dim[in->ndim - 1] : gd_shape_numel(in), gd_arg_i64(b, "out_features"),
                    gd_arg_bool(b, "bias"));
}

const gd_module_class gdi_linear_class = {.name = "Linear",
                                          .word = "linear",
                                          .about = "y = x W^T + b",
                                          .example = "linear:10",
                                          .args = args,
                                          .bytes = sizeof(linear),
                                          .forward = forward,
                                          .reset = reset,
                                          .describe = describe,
                                          .shape = shape,
                                          .build = build,
                                          .absorbs = absorbs,
                                          .forward_fused = forward_fused};

gd_status gd_linear_new(gd_module **out, gd_device *d, gd_dtype dtype, int64_t in, int64_t features,
                        bool bias) {
  gd_module *m;
  *out = NULL;
  GD_TRY(gd_module_new(&m, &gdi_linear_class, sizeof(linear), d, dtype));
  gd_status st = add_params(m, in, features, bias);
  if (st != GD_OK) {
    gd_module_free(m);
    return st;
  }
  gd_module_reset(m, 0);
  *out = m;
  return GD_OK;
}
