/* Group norm (Wu and He 2018): each sample's channels, in groups. */
#include <stdio.h>

#include "gd/init.h"
#include "nn/layers.h"

typedef struct group_norm {
  gd_module base;
  gd_tensor *weight, *bias; /* [C], or NULL */
  int64_t groups;
  double eps;
} group_norm;

static const gd_arg args[] = {
    {"num_groups", GD_ARG_INT, NULL, 1, 1 << 24, NULL,
     "parts of the channels that are normalized by themselves"},
    {"eps", GD_ARG_REAL, "1e-5", 0, 1, NULL, "added to the variance"},
    {"affine", GD_ARG_BOOL, "true", 0, 0, NULL, "multiply by a weight and add a bias"},
    {0},
};

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const group_norm *l = (const group_norm *)m;
  return gd_group_norm(t, x, l->weight, l->bias, l->groups, l->eps);
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  const group_norm *l = (const group_norm *)m;
  const gd_rng r = gd_rng_stream(seed, GD_RNG_INIT, *ordinal); /* no deviation: nothing is drawn */
  if (l->weight) gd_init_normal(l->weight, r, 1, 0);
  if (l->bias) gd_init_normal(l->bias, r, 0, 0);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  const group_norm *l = (const group_norm *)m;
  snprintf(buf, bytes, "groups=%lld, eps=%g%s", (long long)l->groups, l->eps, l->weight ? "" : ", no weight");
}

static gd_status shape(gd_build *b) {
  const gd_shape *in = &b->in[0];
  char text[160];
  GD_TRY(gd_shape_floats(b));
  const int64_t groups = gd_arg_i64(b, "num_groups");
  if (in->ndim < 1)
    return GD_FAIL(GD_ERR_SHAPE, "group_norm takes samples with channels, not %s",
                   gd_shape_text(in, text, sizeof text));
  if (in->dim[in->ndim - 1] % groups)
    return GD_FAIL(GD_ERR_SHAPE, "group_norm: %lld channels cannot be cut into %lld groups",
                   (long long)in->dim[in->ndim - 1], (long long)groups);
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  group_norm *l = (group_norm *)m;
  const int64_t C = b->in[0].dim[b->in[0].ndim - 1];
  l->groups = gd_arg_i64(b, "num_groups"), l->eps = gd_arg_f64(b, "eps");
  if (!gd_arg_bool(b, "affine")) return GD_OK;
  GD_TRY(gd_module_add_param(m, "weight", GD_SHAPE(C), &l->weight));
  return gd_module_add_param(m, "bias", GD_SHAPE(C), &l->bias);
}

const gd_module_class gdi_group_norm_class = {.name = "GroupNorm",
                                              .word = "group_norm",
                                              .about = "(x - mean) / sqrt(var + eps), by sample and group",
                                              .example = "group_norm:4",
                                              .args = args,
                                              .bytes = sizeof(group_norm),
                                              .forward = forward,
                                              .reset = reset,
                                              .describe = describe,
                                              .shape = shape,
                                              .build = build};
