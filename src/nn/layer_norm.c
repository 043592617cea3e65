/*
 * Layer norm: Ba, Kiros and Hinton 2016. Made of operations, so there is no gradient to write; the template for a layer
 * with parameters: arguments, shape rule, build, initial values, forward, record. A line in modules.def makes it known.
 *
 * Dimensions are PyTorch's: those of images are C, H, W there, and H, W, C in memory.
 */
#include <stdio.h>
#include <string.h>

#include "gd/init.h"
#include "nn/image.h"
#include "nn/layers.h"

typedef struct layer_norm {
  gd_module base;
  gd_tensor *weight, *bias; /* of the normalized shape; NULL: none */
  gd_dims over;             /* the last dimensions */
  double eps;
} layer_norm;

static const gd_arg args[] = {
    {"normalized_shape", GD_ARG_INTS, "", 1, 1 << 24, NULL,
     "the last dimensions, which are normalized together; else the last"},
    {"eps", GD_ARG_REAL, "1e-5", 0, 1, NULL, "added to the variance"},
    {"elementwise_affine", GD_ARG_BOOL, "true", 0, 0, NULL, "multiply by a weight and add a bias"},
    {"bias", GD_ARG_BOOL, "true", 0, 0, NULL, "with elementwise_affine: add a bias"},
    {0},
};

/* A parameter as it lies beside x: its channels last, or one for all channels. */
static gd_tensor *beside(const layer_norm *l, gd_tape *t, gd_tensor *v) {
  int64_t shape[GD_MAX_DIMS] = {1};
  if (!v || l->base.in.axes != GD_AXES_IMAGE) return v;
  const bool channels = v->ndim == l->base.in.ndim;
  if (!channels) shape[v->ndim] = 1;
  memcpy(shape + channels, v->shape, (size_t)v->ndim * sizeof *shape);
  gd_tensor *all = gd_reshape(t, v, v->ndim + 1, shape);
  return channels ? gdi_channels_last(t, all) : all;
}

/* y = (x - mean) / sqrt(var + eps) w + b */
static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const layer_norm *l = (const layer_norm *)m;
  gd_tensor *centred = gd_sub(t, x, gd_mean(t, x, l->over, true));
  gd_tensor *y = gd_div(t, centred, gd_sqrt(t, gd_add_scalar(t, gd_var(t, x, l->over, 0, true), l->eps)));
  if (l->weight) y = gd_mul(t, y, beside(l, t, l->weight));
  return l->bias ? gd_add(t, y, beside(l, t, l->bias)) : y;
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  const layer_norm *l = (const layer_norm *)m;
  const gd_rng r = gd_rng_stream(seed, GD_RNG_INIT, *ordinal);
  if (l->weight) gd_init_normal(l->weight, r, 1, 0); /* no deviation: nothing is drawn */
  if (l->bias) gd_init_normal(l->bias, r, 0, 0);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "eps=%g%s", ((const layer_norm *)m)->eps,
           ((const layer_norm *)m)->weight ? "" : ", no weight");
}

/* A sample's dimensions in PyTorch's order. */
static gd_shape in_order(const gd_shape *in) {
  gd_shape s = *in;
  if (in->axes != GD_AXES_IMAGE) return s;
  s.dim[0] = in->dim[in->ndim - 1];
  memcpy(s.dim + 1, in->dim, (size_t)(in->ndim - 1) * sizeof *s.dim);
  return s;
}

static gd_status shape(gd_build *b) {
  int64_t last[GD_MAX_DIMS];
  char text[160];
  const gd_shape in = in_order(&b->in[0]);
  GD_TRY(gd_shape_floats(b));
  gd_shape_text(&in, text, sizeof text);
  const int n = gd_arg_ints(b, "normalized_shape", GD_MAX_DIMS, last);
  if (in.axes == GD_AXES_IMAGE && n == 0)
    return GD_FAIL(GD_ERR_SHAPE,
                   "layer_norm: samples are images %s: give normalized_shape, of all of these or the last, "
                   "or take group_norm:1, which has a weight for each channel",
                   text);
  bool fits = in.ndim > 0 && n <= in.ndim;
  for (int i = 0; fits && i < n; i++) fits = in.dim[in.ndim - n + i] == last[i];
  if (fits) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "layer_norm: samples are %s, which do not end in its normalized_shape", text);
}

static gd_status build(gd_module *m, gd_build *b) {
  layer_norm *l = (layer_norm *)m;
  int64_t last[GD_MAX_DIMS];
  const gd_shape in = in_order(&b->in[0]);
  const bool image = in.axes == GD_AXES_IMAGE;
  const int given = gd_arg_ints(b, "normalized_shape", GD_MAX_DIMS, last), n = given ? given : 1;
  l->eps = gd_arg_f64(b, "eps");
  l->over.n = n;
  for (int i = 0; i < n; i++) l->over.dim[i] = !image ? -1 - i : i == in.ndim - 1 ? -1 : -2 - i;
  if (!gd_arg_bool(b, "elementwise_affine")) return GD_OK;
  GD_TRY(gd_module_add_param(m, "weight", n, in.dim + in.ndim - n, &l->weight));
  return gd_arg_bool(b, "bias") ? gd_module_add_param(m, "bias", n, in.dim + in.ndim - n, &l->bias) : GD_OK;
}

const gd_module_class gdi_layer_norm_class = {.name = "LayerNorm",
                                              .word = "layer_norm",
                                              .about =
                                                  "(x - mean) / sqrt(var + eps) weight + bias, by sample",
                                              .example = "layer_norm",
                                              .args = args,
                                              .bytes = sizeof(layer_norm),
                                              .forward = forward,
                                              .reset = reset,
                                              .describe = describe,
                                              .shape = shape,
                                              .build = build};
