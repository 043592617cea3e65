#include <string.h>

#include "ops/cpu/rows.h"

gd_status gdi_cpu_index_select_forward(gd_device *d, gd_node *n) {
  (void)d;
  const int dim = ((const gdi_along *)n->params)->dim;
  const int64_t *index = n->in[1]->data;
  gdi_rows from = gdi_rows_of(n->in[0], dim), to = gdi_rows_of(n->out, dim);
  for (int64_t i = 0; i < to.N; i++)
    if (index[i] < 0 || index[i] >= from.N)
      return GD_FAIL(GD_ERR_DATA, "index_select: index %lld at position %lld is outside [0, %lld)",
                     (long long)index[i], (long long)i, (long long)from.N);
  for (int64_t a = 0; a < to.A; a++)
    for (int64_t i = 0; i < to.N; i++)
      memcpy(gdi_row_at(n->out, &to, a, i), gdi_row_at(n->in[0], &from, a, index[i]), to.row_bytes);
  return GD_OK;
}

/* A row may be picked more than once: the picks add up in order. */
gd_status gdi_cpu_index_select_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                        gd_tensor *const din[], const bool add[]) {
  const int dim = ((const gdi_along *)n->params)->dim;
  const int64_t *index = n->in[1]->data;
  gdi_rows to = gdi_rows_of(din[0], dim), from = gdi_rows_of(dout, dim);
  if (!add[0]) memset(din[0]->data, 0, gd_tensor_bytes(din[0]));
  for (int64_t a = 0; a < from.A; a++)
    for (int64_t i = 0; i < from.N; i++)
      gdi_cpu_put(d, dout->dtype, from.C, gdi_row_at(din[0], &to, a, index[i]), gdi_row_at(dout, &from, a, i),
                  true);
  return GD_OK;
}
