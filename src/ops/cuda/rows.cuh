/* Moving pieces, and rows along a dimension: what reshape, slice and concat share. */
#ifndef GDI_OPS_CUDA_ROWS_CUH
#define GDI_OPS_CUDA_ROWS_CUH

#include "device/cuda/walk.cuh"
#include "ops/ops.h"

/* `count` pieces of `run` elements, which begin `pitch` elements apart. */
typedef struct gdi_pieces {
  gd_dtype type;
  int64_t count, run, to_pitch, from_pitch;
  char *to;
  const char *from;
} gdi_pieces;

template <typename T> static gd_status gdi_put_as(gd_device *d, const gdi_pieces *p, bool add) {
  const int64_t extent[] = {p->run, p->count};
  const gdi_operand<T> to = {(T *)p->to, {1, p->to_pitch}};
  const gdi_operand<const T> from = {(const T *)p->from, {1, p->from_pitch}};
  return gdi_walk_over(d, 2, extent, gdi_same<T>(), add, to, from);
}

/* to = from, or to += from, which has a meaning for floating-point numbers only. */
static inline gd_status gdi_put(gd_device *d, const gdi_pieces *p, bool add) {
  if (add) return p->type == GD_F64 ? gdi_put_as<double>(d, p, true) : gdi_put_as<float>(d, p, true);
  switch (gd_dtype_bytes(p->type)) {
  case 1: return gdi_put_as<uint8_t>(d, p, false);
  case 2: return gdi_put_as<uint16_t>(d, p, false);
  case 4: return gdi_put_as<uint32_t>(d, p, false);
  default: return gdi_put_as<uint64_t>(d, p, false);
  }
}

/* n rows of dimension `dim`, from row `from_at` of one tensor to row `to_at` of the other. */
static inline gd_status gdi_move_rows(gd_device *d, const gd_tensor *to, int64_t to_at, const gd_tensor *from,
                                      int64_t from_at, int64_t n, int dim, bool add) {
  int64_t A = 1, C = 1;
  for (int i = 0; i < dim; i++) A *= to->shape[i];
  for (int i = dim + 1; i < to->ndim; i++) C *= to->shape[i];
  const size_t row = (size_t)C * gd_dtype_bytes(to->dtype);
  const gdi_pieces p = {to->dtype,
                        A,
                        n * C,
                        to->shape[dim] * C,
                        from->shape[dim] * C,
                        (char *)to->data + (size_t)to_at * row,
                        (const char *)from->data + (size_t)from_at * row};
  return gdi_put(d, &p, add);
}

#endif
