#include <string.h>

#include "ops/cpu/rows.h"
#include "ops/slice.h"

gd_status gdi_cpu_slice_forward(gd_device *d, gd_node *n) {
  const gdi_slice *p = n->params;
  gdi_move_rows(d, n->out, 0, n->in[0], p->start, p->stop - p->start, p->dim, false);
  return GD_OK;
}

gd_status gdi_cpu_slice_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  const gdi_slice *p = n->params;
  if (!add[0]) memset(din[0]->data, 0, gd_tensor_bytes(din[0]));
  gdi_move_rows(d, din[0], p->start, dout, 0, p->stop - p->start, p->dim, add[0]);
  return GD_OK;
}
