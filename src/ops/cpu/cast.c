#include "device/convert.h"
#include "ops/cpu/cpu.h"

gd_status gdi_cpu_cast_forward(gd_device *d, gd_node *n) {
  (void)d;
  gdi_convert(n->out->dtype, n->out->data, n->in[0]->dtype, n->in[0]->data, gd_numel(n->out));
  return GD_OK;
}

gd_status gdi_cpu_cast_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                const bool add[]) {
  (void)n;
  gd_tensor *to = din[0];
  void *converted;
  size_t mark = gd_arena_mark(d->scratch); /* a request that fails takes nothing */
  GD_TRY(gdi_scratch(d, gd_numel(to), gd_dtype_bytes(to->dtype), &converted));
  gdi_convert(to->dtype, converted, dout->dtype, dout->data, gd_numel(to));
  gdi_cpu_put(d, to->dtype, gd_numel(to), to->data, converted, add[0]);
  gd_arena_release(d->scratch, mark);
  return GD_OK;
}
