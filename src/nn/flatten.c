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

static const gd_module_class flatten_class = {"Flatten", forward, NULL, NULL};

gd_status gd_flatten_new(gd_module **out, gd_device *d, gd_dtype dtype) {
  return gd_module_new(out, &flatten_class, sizeof(gd_module), d, dtype);
}
