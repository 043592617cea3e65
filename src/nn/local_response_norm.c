/* Local response norm across channels (Krizhevsky et al. 2012). */
#include <stdio.h>

#include "nn/layers.h"

typedef struct local_response_norm {
  gd_module base;
  int64_t size;
  double alpha, beta, k;
} local_response_norm;

static const gd_arg args[] = {
    {"size", GD_ARG_INT, NULL, 1, 1024, NULL, "neighbouring channels that are summed"},
    {"alpha", GD_ARG_REAL, "1e-4", 0, 1e6, NULL, "factor of their mean square"},
    {"beta", GD_ARG_REAL, "0.75", 0, 1e3, NULL, "exponent"},
    {"k", GD_ARG_REAL, "1", 0, 1e6, NULL, "added to it"},
    {0},
};

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const local_response_norm *l = (const local_response_norm *)m;
  return gd_local_response_norm(t, x, l->size, l->alpha, l->beta, l->k);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  const local_response_norm *l = (const local_response_norm *)m;
  snprintf(buf, bytes, "%lld, alpha=%g, beta=%g, k=%g", (long long)l->size, l->alpha, l->beta, l->k);
}

static gd_status shape(gd_build *b) {
  char text[160];
  GD_TRY(gd_shape_floats(b));
  if (b->in[0].axes == GD_AXES_IMAGE) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "local_response_norm follows a layer of images, but its input is %s",
                 gd_shape_text(&b->in[0], text, sizeof text));
}

static gd_status build(gd_module *m, gd_build *b) {
  local_response_norm *l = (local_response_norm *)m;
  l->size = gd_arg_i64(b, "size");
  l->alpha = gd_arg_f64(b, "alpha"), l->beta = gd_arg_f64(b, "beta"), l->k = gd_arg_f64(b, "k");
  return GD_OK;
}

const gd_module_class gdi_local_response_norm_class = {
    .name = "LocalResponseNorm",
    .word = "local_response_norm",
    .about = "x / (k + alpha mean of x^2 near)^beta, near: channels",
    .example = "local_response_norm:5",
    .args = args,
    .bytes = sizeof(local_response_norm),
    .forward = forward,
    .describe = describe,
    .shape = shape,
    .build = build};
