#include "infer/model.h"

gd_status gdi_job_model(gd_module **out, const gd_tree *spec, int ndim, const int64_t sample[], gd_device *d,
                        gd_dtype dtype, int64_t *outputs) {
  gd_build b = {.device = d, .dtype = dtype, .n_in = 1, .in = {{.dtype = dtype, .ndim = ndim}}};
  *out = NULL;
  if (ndim > GD_MAX_DIMS - 1) return GD_FAIL(GD_ERR_SHAPE, "model: samples of %d dimensions", ndim);
  for (int i = 0; i < ndim; i++) b.in[0].dim[i] = sample[i];
  GD_TRY(gd_model_build(out, spec, &b));
  *outputs = gd_shape_numel(&b.out[0]);
  return GD_OK;
}
