/* Operations that only move elements: views, slices, rows by index, concatenation. */
#include <string.h>

#include "device/cpu/cpu.h"

/* A tensor as [A, N, C] around one dimension; a row is C elements. */
typedef struct rows {
  int64_t A, N, C;
  size_t row_bytes;
} rows;

static rows rows_of(const gd_tensor *t, int dim) {
  rows r = {1, t->shape[dim], 1, 0};
  for (int i = 0; i < dim; i++) r.A *= t->shape[i];
  for (int i = dim + 1; i < t->ndim; i++) r.C *= t->shape[i];
  r.row_bytes = (size_t)r.C * gd_dtype_bytes(t->dtype);
  return r;
}

static char *row_at(const gd_tensor *t, const rows *r, int64_t a, int64_t i) {
  return (char *)t->data + (size_t)(a * r->N + i) * r->row_bytes;
}

/* n rows per a, from row `from_at` of one tensor to row `to_at` of the other. */
static void move_rows(gd_device *d, const gd_tensor *to, int64_t to_at, const gd_tensor *from,
                      int64_t from_at, int64_t n, int dim, bool add) {
  rows t = rows_of(to, dim), f = rows_of(from, dim);
  for (int64_t a = 0; a < t.A; a++)
    gdi_cpu_put(d, to->dtype, n * t.C, row_at(to, &t, a, to_at), row_at(from, &f, a, from_at), add);
}

/* Forward of a view has nothing to do: the output shares the values. */
gd_status gdi_cpu_view_forward(gd_device *d, gd_node *n) {
  (void)d, (void)n;
  return GD_OK;
}

gd_status gdi_cpu_view_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                const bool add[]) {
  (void)n;
  gdi_cpu_put(d, dout->dtype, gd_numel(dout), din[0]->data, dout->data, add[0]);
  return GD_OK;
}

gd_status gdi_cpu_slice_forward(gd_device *d, gd_node *n) {
  move_rows(d, n->out, 0, n->in[0], n->attr.start, n->attr.stop - n->attr.start, n->attr.dim, false);
  return GD_OK;
}

gd_status gdi_cpu_slice_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  if (!add[0]) memset(din[0]->data, 0, gd_tensor_bytes(din[0]));
  move_rows(d, din[0], n->attr.start, dout, 0, n->attr.stop - n->attr.start, n->attr.dim, add[0]);
  return GD_OK;
}

gd_status gdi_cpu_concat_forward(gd_device *d, gd_node *n) {
  int dim = n->attr.dim;
  for (int64_t i = 0, at = 0; i < n->n_in; at += n->in[i++]->shape[dim])
    move_rows(d, n->out, at, n->in[i], 0, n->in[i]->shape[dim], dim, false);
  return GD_OK;
}

gd_status gdi_cpu_concat_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  int dim = n->attr.dim;
  for (int64_t i = 0, at = 0; i < n->n_in; at += n->in[i++]->shape[dim])
    if (din[i]) move_rows(d, din[i], 0, dout, at, n->in[i]->shape[dim], dim, add[i]);
  return GD_OK;
}

gd_status gdi_cpu_index_select_forward(gd_device *d, gd_node *n) {
  (void)d;
  const int64_t *index = n->in[1]->data;
  rows from = rows_of(n->in[0], n->attr.dim), to = rows_of(n->out, n->attr.dim);
  for (int64_t i = 0; i < to.N; i++)
    if (index[i] < 0 || index[i] >= from.N)
      return GD_FAIL(GD_ERR_DATA, "index_select: index %lld at position %lld is outside [0, %lld)",
                     (long long)index[i], (long long)i, (long long)from.N);
  for (int64_t a = 0; a < to.A; a++)
    for (int64_t i = 0; i < to.N; i++)
      memcpy(row_at(n->out, &to, a, i), row_at(n->in[0], &from, a, index[i]), to.row_bytes);
  return GD_OK;
}

/* A row may be picked more than once: the picks add up in order. */
gd_status gdi_cpu_index_select_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                        gd_tensor *const din[], const bool add[]) {
  const int64_t *index = n->in[1]->data;
  rows to = rows_of(din[0], n->attr.dim), from = rows_of(dout, n->attr.dim);
  if (!add[0]) memset(din[0]->data, 0, gd_tensor_bytes(din[0]));
  for (int64_t a = 0; a < from.A; a++)
    for (int64_t i = 0; i < from.N; i++)
      gdi_cpu_put(d, dout->dtype, from.C, row_at(din[0], &to, a, index[i]), row_at(dout, &from, a, i), true);
  return GD_OK;
}
