/* From any sample to a row of features. */
#include "nn/layers.h"

gd_tensor *gdi_flatten(gd_tape *t, gd_tensor *x) {
  if (!x || x->ndim == 2) return x;
  const int64_t rows = x->ndim ? x->shape[0] : 1;
  return gd_reshape(t, x, GD_SHAPE(rows, rows ? gd_numel(x) / rows : 0));
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  (void)m;
  return gdi_flatten(t, x);
}

static gd_status shape(gd_build *b) {
  b->out[0] = (gd_shape){.dtype = b->in[0].dtype, .ndim = 1, .dim = {gd_shape_numel(&b->in[0])}};
  return GD_OK;
}

const gd_module_class gdi_flatten_class = {.name = "Flatten",
                                           .word = "flatten",
                                           .about = "any sample as one row of features",
                                           .example = "flatten",
                                           .forward = forward,
                                           .shape = shape};

gd_status gd_flatten_new(gd_module **out, gd_device *d, gd_dtype dtype) {
  return gd_module_new(out, &gdi_flatten_class, 0, d, dtype);
}
