#include "ops/cuda/rows.cuh"
#include "ops/slice.h"

gd_status gdi_cuda_slice_forward(gd_device *d, gd_node *n) {
  const gdi_slice *p = (const gdi_slice *)n->params;
  return gdi_move_rows(d, n->out, 0, n->in[0], p->start, p->stop - p->start, p->dim, false);
}

gd_status gdi_cuda_slice_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  const gdi_slice *p = (const gdi_slice *)n->params;
  if (!add[0]) GD_TRY(d->zero(d, din[0]->data, gd_tensor_bytes(din[0])));
  return gdi_move_rows(d, din[0], p->start, dout, 0, p->stop - p->start, p->dim, add[0]);
}
