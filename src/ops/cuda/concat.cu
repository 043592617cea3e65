#include "ops/cuda/rows.cuh"

gd_status gdi_cuda_concat_forward(gd_device *d, gd_node *n) {
  const int dim = ((const gdi_along *)n->params)->dim;
  for (int64_t i = 0, at = 0; i < n->n_in; at += n->in[i++]->shape[dim])
    GD_TRY(gdi_move_rows(d, n->out, at, n->in[i], 0, n->in[i]->shape[dim], dim, false));
  return GD_OK;
}

gd_status gdi_cuda_concat_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  const int dim = ((const gdi_along *)n->params)->dim;
  for (int64_t i = 0, at = 0; i < n->n_in; at += n->in[i++]->shape[dim])
    if (din[i]) GD_TRY(gdi_move_rows(d, din[i], 0, dout, at, n->in[i]->shape[dim], dim, add[i]));
  return GD_OK;
}
