#include "ops/cpu/cpu.h"

/* Forward of a view has nothing to do: the output shares the values. */
gd_status gdi_cpu_reshape_forward(gd_device *d, gd_node *n) {
  (void)d, (void)n;
  return GD_OK;
}

gd_status gdi_cpu_reshape_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  (void)n;
  gdi_cpu_put(d, dout->dtype, gd_numel(dout), din[0]->data, dout->data, add[0]);
  return GD_OK;
}
