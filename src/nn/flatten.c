/* From any sample to a row of features. */
#include "nn/layers.h"

typedef struct flatten {
  gd_module base;
  bool image;
} flatten;

/* Channels are last in memory, and first in PyTorch's order of features. */
static gd_tensor *channels_first(gd_tape *t, gd_tensor *x, int64_t rows) {
  const int64_t C = x->shape[x->ndim - 1], pixels = rows && C ? gd_numel(x) / rows / C : 0;
  if (C == 1 || pixels <= 1) return x;
  return gd_transpose(t, gd_reshape(t, x, GD_SHAPE(rows, pixels, C)), 1, 2);
}

gd_tensor *gdi_flatten(gd_tape *t, gd_tensor *x, bool image) {
  if (!x || x->ndim == 2) return x;
  const int64_t rows = x->ndim ? x->shape[0] : 1, features = rows ? gd_numel(x) / rows : 0;
  if (image) x = channels_first(t, x, rows);
  return gd_reshape(t, x, GD_SHAPE(rows, features));
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gdi_flatten(t, x, ((const flatten *)m)->image);
}

static gd_status shape(gd_build *b) {
  b->out[0] = (gd_shape){.dtype = b->in[0].dtype, .ndim = 1, .dim = {gd_shape_numel(&b->in[0])}};
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  ((flatten *)m)->image = b->in[0].axes == GD_AXES_IMAGE;
  return GD_OK;
}

const gd_module_class gdi_flatten_class = {.name = "Flatten",
                                           .word = "flatten",
                                           .about = "any sample as one row of features, channels first",
                                           .example = "flatten",
                                           .bytes = sizeof(flatten),
                                           .forward = forward,
                                           .shape = shape,
                                           .build = build};

gd_status gd_flatten_new(gd_module **out, gd_device *d, gd_dtype dtype) {
  return gd_module_new(out, &gdi_flatten_class, sizeof(flatten), d, dtype);
}
