/*
 * Batch norm of features, signals and images. Its statistics are those of the micro-batch; the running ones follow them
 * by the tree, once a step, so that ranks do not show (gd_module_add_statistic()).
 */
#include <stdio.h>

#include "gd/init.h"
#include "nn/image.h"
#include "nn/layers.h"

typedef struct batch_norm {
  gd_module base;
  gd_tensor *weight, *bias, *mean, *var; /* [C], or NULL */
  double eps;
} batch_norm;

static const gd_arg args[] = {
    {"eps", GD_ARG_REAL, "1e-5", 0, 1, NULL, "added to the variance"},
    {"momentum", GD_ARG_REAL, "0.1", 1e-6, 1, NULL, "weight of a step in the running statistics"},
    {"affine", GD_ARG_BOOL, "true", 0, 0, NULL, "multiply by a weight and add a bias"},
    {"track_running_stats", GD_ARG_BOOL, "true", 0, 0, NULL,
     "keep running statistics, used when not training"},
    {0},
};

/* Samples of the data may be images that must become [H,W,C] first. */
static bool may_turn(const gd_shape *in) {
  return in->axes == GD_AXES_PLAIN && (in->ndim == 2 || in->ndim == 3);
}

static gd_tensor *apply(const batch_norm *l, gd_tape *t, gd_tensor *x, gd_tensor *residual,
                        gd_activation act) {
  if (may_turn(&l->base.in)) x = gdi_as_image(t, x, &l->base.in, 2);
  return gd_batch_norm(t, x, l->weight, l->bias, l->mean, l->var, l->base.training || !l->mean, l->eps,
                       residual, act);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return apply((const batch_norm *)m, t, x, NULL, GD_ACT_NONE);
}

static int absorbs(const gd_module *m, const gd_child *next, int n) {
  (void)m;
  return n > 0 && next[0].module->cls->activation == GD_ACT_RELU;
}

static gd_tensor *forward_fused(gd_module *m, gd_tape *t, gd_tensor *x, const gd_child *next, int n) {
  (void)n;
  return apply((const batch_norm *)m, t, x, NULL, next[0].module->cls->activation);
}

static gd_tensor *forward_added(gd_module *m, gd_tape *t, gd_tensor *x, gd_tensor *residual,
                                gd_activation act) {
  return apply((const batch_norm *)m, t, x, residual, act);
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  const batch_norm *l = (const batch_norm *)m;
  const gd_rng r = gd_rng_stream(seed, GD_RNG_INIT, *ordinal); /* no deviation: nothing is drawn */
  if (l->weight) gd_init_normal(l->weight, r, 1, 0);
  if (l->bias) gd_init_normal(l->bias, r, 0, 0);
  if (l->mean) gd_init_normal(l->mean, r, 0, 0);
  if (l->var) gd_init_normal(l->var, r, 1, 0);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  const batch_norm *l = (const batch_norm *)m;
  snprintf(buf, bytes, "eps=%g%s%s", l->eps, l->weight ? "" : ", no weight",
           l->mean ? "" : ", no running statistics");
}

static gd_status shape(gd_build *b) {
  char text[160];
  GD_TRY(gd_shape_floats(b));
  if (may_turn(&b->in[0])) return gdi_image_in(b, 2, &b->out[0]);
  if (b->in[0].ndim > 0) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "batch_norm takes samples with channels, not %s",
                 gd_shape_text(&b->in[0], text, sizeof text));
}

static gd_status build(gd_module *m, gd_build *b) {
  batch_norm *l = (batch_norm *)m;
  const int64_t C = b->out[0].dim[b->out[0].ndim - 1];
  const double momentum = gd_arg_f64(b, "momentum");
  l->eps = gd_arg_f64(b, "eps");
  if (gd_arg_bool(b, "affine")) {
    GD_TRY(gd_module_add_param(m, "weight", GD_SHAPE(C), &l->weight));
    GD_TRY(gd_module_add_param(m, "bias", GD_SHAPE(C), &l->bias));
  }
  if (!gd_arg_bool(b, "track_running_stats")) return GD_OK;
  GD_TRY(gd_module_add_statistic(m, "running_mean", momentum, GD_SHAPE(C), &l->mean));
  return gd_module_add_statistic(m, "running_var", momentum, GD_SHAPE(C), &l->var);
}

const gd_module_class gdi_batch_norm_class = {.name = "BatchNorm",
                                              .word = "batch_norm",
                                              .about =
                                                  "(x - mean) / sqrt(var + eps) weight + bias, by channel",
                                              .example = "batch_norm",
                                              .args = args,
                                              .bytes = sizeof(batch_norm),
                                              .forward = forward,
                                              .reset = reset,
                                              .describe = describe,
                                              .shape = shape,
                                              .build = build,
                                              .absorbs = absorbs,
                                              .forward_fused = forward_fused,
                                              .forward_added = forward_added};
