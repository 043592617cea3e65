/* Transposition: through tiles in shared memory, so that both sides are touched in runs. */
#include "device/cuda/walk.cuh"
#include "ops/transpose.h"

enum { TILE = 32, TILE_THREADS = 256 };

template <typename T> struct turn {
  int64_t rows, columns;        /* rows lie together in `from`, columns in `to` */
  int64_t to_pitch, from_pitch; /* from row to row of `to`, from column to column of `from` */
  int64_t row_tiles, column_tiles;
  gdi_places rest; /* the other dimensions */
  gdi_operand<T> to;
  gdi_operand<const T> from;
};

template <typename T> static __global__ void turn_tiles(turn<T> t, bool add) {
  __shared__ T tile[TILE][TILE + 1]; /* one more: a column then lies in different banks */
  const int64_t column_tile = blockIdx.x % t.column_tiles, others = blockIdx.x / t.column_tiles;
  const int64_t row_tile = others % t.row_tiles, n = others / t.row_tiles;
  const int64_t row = row_tile * TILE, column = column_tile * TILE;
  const int across = (int)threadIdx.x % TILE, first = (int)threadIdx.x / TILE;
  int64_t index[GD_MAX_DIMS] = {0};
  gdi_locate(t.rest, 0, n, index);
  const T *from = gdi_at(t.rest, t.from, index);
  T *to = gdi_at(t.rest, t.to, index);
  for (int k = first; k < TILE; k += TILE_THREADS / TILE)
    if (row + across < t.rows && column + k < t.columns)
      tile[k][across] = from[row + across + (column + k) * t.from_pitch];
  __syncthreads();
  for (int k = first; k < TILE; k += TILE_THREADS / TILE)
    if (row + k < t.rows && column + across < t.columns) {
      T *const at = to + (row + k) * t.to_pitch + column + across;
      *at = add ? (T)(*at + tile[across][k]) : tile[across][k];
    }
}

/* to (+)= from, whose strides belong to dimensions `extent`, innermost first; `to` has no gaps. */
template <typename T>
static gd_status gather(gd_device *d, int ndim, const int64_t extent[], gdi_operand<T> to,
                        gdi_operand<const T> from, bool add) {
  turn<T> t = {};
  t.to = to, t.from = from;
  const gdi_places p = gdi_merge(ndim, extent, t.to, t.from);
  int across = 0; /* the dimension that is contiguous in `from` */
  for (int i = 1; i < p.ndim; i++)
    if (t.from.stride[i] == 1) across = i;
  if (across == 0) return gdi_walk_over(d, ndim, extent, gdi_same<T>(), add, to, from);
  t.rows = p.extent[across], t.columns = p.extent[0];
  t.to_pitch = t.to.stride[across], t.from_pitch = t.from.stride[0];
  t.row_tiles = (t.rows + TILE - 1) / TILE, t.column_tiles = (t.columns + TILE - 1) / TILE;
  int64_t others[GD_MAX_DIMS];
  int n = 0;
  for (int i = 1; i < p.ndim; i++) {
    if (i == across) continue;
    t.to.stride[n] = t.to.stride[i], t.from.stride[n] = t.from.stride[i];
    others[n++] = p.extent[i];
  }
  t.rest = gdi_merge(n, others, t.to, t.from);
  return gdi_launch(d, "a transposition", turn_tiles<T>, t.rest.count * t.row_tiles * t.column_tiles,
                    TILE_THREADS, t, add);
}

/* `to` (+)= `from` with two dimensions exchanged. */
template <typename T>
static gd_status transpose(gd_device *d, const gd_tensor *from, const gd_node *n, const gd_tensor *to,
                           bool add) {
  gdi_operand<T> y = {(T *)to->data, {0}};
  gdi_operand<const T> x = {(const T *)from->data, {0}};
  const gdi_transpose *p = (const gdi_transpose *)n->params;
  int64_t extent[GD_MAX_DIMS], run = 1;
  const int last = from->ndim - 1;
  for (int i = last; i >= 0; i--) {
    const int at = i == p->dim0 ? p->dim1 : i == p->dim1 ? p->dim0 : i;
    extent[last - at] = from->shape[i], x.stride[last - at] = run;
    run *= from->shape[i];
  }
  run = 1;
  for (int i = 0; i <= last; run *= extent[i++]) y.stride[i] = run;
  return gather(d, from->ndim, extent, y, x, add);
}

gd_status gdi_cuda_transpose_forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0], *y = n->out;
  switch (gd_dtype_bytes(y->dtype)) {
  case 1: return transpose<uint8_t>(d, x, n, y, false);
  case 2: return transpose<uint16_t>(d, x, n, y, false);
  case 4: return transpose<float>(d, x, n, y, false);
  default: return transpose<double>(d, x, n, y, false);
  }
}

gd_status gdi_cuda_transpose_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  return (dout->dtype == GD_F64 ? transpose<double> : transpose<float>)(d, dout, n, din[0], add[0]);
}
