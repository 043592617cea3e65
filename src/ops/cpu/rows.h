/* Rows along a dimension, and moving some of them: what slice, concat and index_select share. */
#ifndef GDI_OPS_CPU_ROWS_H
#define GDI_OPS_CPU_ROWS_H

#include "ops/cpu/cpu.h"

/* A tensor as [A, N, C] around one dimension; a row is C elements. */
typedef struct gdi_rows {
  int64_t A, N, C;
  size_t row_bytes;
} gdi_rows;

static inline gdi_rows gdi_rows_of(const gd_tensor *t, int dim) {
  gdi_rows r = {1, t->shape[dim], 1, 0};
  for (int i = 0; i < dim; i++) r.A *= t->shape[i];
  for (int i = dim + 1; i < t->ndim; i++) r.C *= t->shape[i];
  r.row_bytes = (size_t)r.C * gd_dtype_bytes(t->dtype);
  return r;
}

static inline char *gdi_row_at(const gd_tensor *t, const gdi_rows *r, int64_t a, int64_t i) {
  return (char *)t->data + (size_t)(a * r->N + i) * r->row_bytes;
}

/* n rows per a, from row `from_at` of one tensor to row `to_at` of the other. */
static inline void gdi_move_rows(gd_device *d, const gd_tensor *to, int64_t to_at, const gd_tensor *from,
                                 int64_t from_at, int64_t n, int dim, bool add) {
  gdi_rows t = gdi_rows_of(to, dim), f = gdi_rows_of(from, dim);
  for (int64_t a = 0; a < t.A; a++)
    gdi_cpu_put(d, to->dtype, n * t.C, gdi_row_at(to, &t, a, to_at), gdi_row_at(from, &f, a, from_at), add);
}

#endif
