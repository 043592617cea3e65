/* Rows along a dimension, by index. */
#include "device/cuda/walk.cuh"
#include "ops/ops.h"

/* x [A,N,C], y [A,n,C] around the dimension of the rows; C in units of what is moved at a time. */
typedef struct rows {
  int64_t A, N, n, C;
} rows;

static rows rows_of(const gd_tensor *x, const gd_tensor *y, int dim) {
  rows r = {1, x->shape[dim], y->shape[dim], 1};
  for (int i = 0; i < dim; i++) r.A *= x->shape[i];
  for (int i = dim + 1; i < x->ndim; i++) r.C *= x->shape[i];
  return r;
}

typedef struct sixteen {
  uint64_t half[2];
} sixteen;

/* An index out of range reads nothing: its row becomes NaN, which in every floating-point type is all bits
 * set. */
template <typename U>
static __global__ void pick(rows r, gdi_divisor by_C, gdi_divisor by_n, const int64_t *index, const U *x,
                            U *y) {
  GDI_EACH(e, r.A * r.n * r.C) {
    const int64_t row = gdi_quotient(by_C, e), a = gdi_quotient(by_n, row), from = index[row - a * r.n];
    U value;
    memset(&value, 0xff, sizeof value);
    if (from >= 0 && from < r.N) value = x[(a * r.N + from) * r.C + (e - row * r.C)];
    y[e] = value;
  }
}

template <typename U> static gd_status pick_in(gd_device *d, rows r, size_t row_bytes, const gd_node *n) {
  r.C = (int64_t)(row_bytes / sizeof(U));
  return gdi_launch(d, "index_select", pick<U>, gdi_blocks_for(d, r.A * r.n * r.C), GDI_THREADS, r,
                    gdi_divisor_of(r.C), gdi_divisor_of(r.n), (const int64_t *)n->in[1]->data,
                    (const U *)n->in[0]->data, (U *)n->out->data);
}

gd_status gdi_cuda_index_select_forward(gd_device *d, gd_node *n) {
  const rows r = rows_of(n->in[0], n->out, ((const gdi_along *)n->params)->dim);
  const size_t row = (size_t)r.C * gd_dtype_bytes(n->out->dtype);
  const uintptr_t whole = (uintptr_t)n->in[0]->data | (uintptr_t)n->out->data | (uintptr_t)row;
  return whole % 16 == 0  ? pick_in<sixteen>(d, r, row, n)
         : whole % 8 == 0 ? pick_in<uint64_t>(d, r, row, n)
         : whole % 4 == 0 ? pick_in<uint32_t>(d, r, row, n)
         : whole % 2 == 0 ? pick_in<uint16_t>(d, r, row, n)
                          : pick_in<uint8_t>(d, r, row, n);
}

/*
 * A row may be picked more than once: the picks add up in order. Each block owns `height` rows of dx, and its
 * threads a column each; it looks through all of the index for picks of its rows, LOOK per thread at a time.
 */
enum { LOOK = 8, STRIPES = 1024 };

/* The picks of rows [lo, hi) among indices at [first, end) to list, in order. Returns how many. For all of a
 * block. */
static inline __device__ int find_picks(const int64_t *index, int64_t first, int64_t end, int64_t lo,
                                        int64_t hi, int *list) {
  __shared__ int upto[GDI_THREADS]; /* picks that the threads up to this one found */
  const int me = (int)threadIdx.x;
  bool mine[LOOK];
  int found = 0;
  for (int k = 0; k < LOOK; k++) {
    const int64_t i = first + me * LOOK + k;
    mine[k] = i < end && index[i] >= lo && index[i] < hi;
    found += mine[k];
  }
  upto[me] = found;
  for (int step = 1; step < GDI_THREADS; step *= 2) {
    __syncthreads();
    const int before = me >= step ? upto[me - step] : 0;
    __syncthreads();
    upto[me] += before;
  }
  __syncthreads();
  int at = upto[me] - found;
  for (int k = 0; k < LOOK; k++)
    if (mine[k]) list[at++] = me * LOOK + k;
  __syncthreads();
  return upto[GDI_THREADS - 1];
}

template <typename T>
static __global__ void add_picks(rows r, int64_t height, int64_t stripes, const int64_t *index, const T *dy,
                                 T *dx) {
  __shared__ int list[GDI_THREADS * LOOK];
  const int64_t lo = blockIdx.x % stripes * height, hi = lo + height < r.N ? lo + height : r.N;
  const int64_t q = blockIdx.x / stripes * GDI_THREADS + threadIdx.x, a = q / r.C, c = q - a * r.C;
  T sum = 0, *to = NULL; /* the element that `sum` is on its way to */
  for (int64_t first = 0; first < r.n; first += GDI_THREADS * LOOK) {
    const int picks = find_picks(index, first, r.n, lo, hi, list);
    for (int k = 0; a < r.A && k < picks; k++) {
      const int64_t i = first + list[k];
      T *const next = dx + (a * r.N + index[i]) * r.C + c;
      if (next != to) {
        if (to) *to = sum;
        to = next, sum = *to;
      }
      sum += dy[(a * r.n + i) * r.C + c];
    }
    __syncthreads(); /* what was found will be overwritten */
  }
  if (to) *to = sum;
}

template <typename T>
static gd_status add_rows(gd_device *d, const rows *r, const int64_t *index, const gd_tensor *dout,
                          gd_tensor *dx) {
  const int64_t height = (r->N + STRIPES - 1) / STRIPES, stripes = height ? (r->N + height - 1) / height : 0;
  const int64_t blocks = r->n ? stripes * ((r->A * r->C + GDI_THREADS - 1) / GDI_THREADS) : 0;
  return gdi_launch(d, "index_select's gradient", add_picks<T>, blocks, GDI_THREADS, *r, height, stripes,
                    index, (const T *)dout->data, (T *)dx->data);
}

gd_status gdi_cuda_index_select_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                         gd_tensor *const din[], const bool add[]) {
  const rows r = rows_of(din[0], dout, ((const gdi_along *)n->params)->dim);
  if (!add[0]) GD_TRY(d->zero(d, din[0]->data, gd_tensor_bytes(din[0])));
  return (dout->dtype == GD_F64 ? add_rows<double> : add_rows<float>)(d, &r, (const int64_t *)n->in[1]->data,
                                                                      dout, din[0]);
}
