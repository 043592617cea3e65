#include "ops/cpu/rows.h"

gd_status gdi_cpu_concat_forward(gd_device *d, gd_node *n) {
  int dim = ((const gdi_along *)n->params)->dim;
  for (int64_t i = 0, at = 0; i < n->n_in; at += n->in[i++]->shape[dim])
    gdi_move_rows(d, n->out, at, n->in[i], 0, n->in[i]->shape[dim], dim, false);
  return GD_OK;
}

gd_status gdi_cpu_concat_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  int dim = ((const gdi_along *)n->params)->dim;
  for (int64_t i = 0, at = 0; i < n->n_in; at += n->in[i++]->shape[dim])
    if (din[i]) gdi_move_rows(d, din[i], 0, dout, at, n->in[i]->shape[dim], dim, add[i]);
  return GD_OK;
}
