/*
 * Along one dimension of n elements, `inner` apart:
 *   softmax      y = e^(x - max) / sum of e^(x - max)      dx = y (dy - sum of dy y)
 *   log_softmax  y = x - max - log sum of e^(x - max)      dx = dy - e^y sum of dy
 *
 * A row is read more than once, but only the first time from far away.
 */
#include "ops/cuda/group.cuh"
#include "device/cuda/math.cuh"
#include "ops/ops.h"

typedef struct rows_of {
  int64_t rows, n, inner;
  bool log, add;
} rows_of;

static __device__ __forceinline__ int64_t first_of(const rows_of &r, int64_t row) {
  return r.inner == 1 ? row * r.n : row / r.inner * r.inner * r.n + row % r.inner;
}

template <typename T, int LANES>
static __global__ void __launch_bounds__(GDI_THREADS) softmax_forward(rows_of r, const T *x, T *y) {
  const int lane = (int)threadIdx.x % LANES;
  GDI_EACH_ROW(LANES, row, r.rows) {
    const int64_t first = first_of(r, row);
    T max = (T)-INFINITY, sum = 0; /* NaN is passed over by one and shows in the other */
    for (int64_t i = lane; i < r.n; i += LANES) max = gdi_larger()(max, x[first + i * r.inner]);
    max = gdi_group<LANES>(max, gdi_larger());
    for (int64_t i = lane; i < r.n; i += LANES) sum += EXP(x[first + i * r.inner] - max);
    sum = gdi_group<LANES>(sum, gdi_adding());
    const T log_sum = LOG(sum), scale = 1 / sum;
    for (int64_t i = lane; i < r.n; i += LANES) {
      const T shifted = x[first + i * r.inner] - max;
      y[first + i * r.inner] = r.log ? shifted - log_sum : EXP(shifted) * scale;
    }
  }
}

template <typename T, int LANES>
static __global__ void __launch_bounds__(GDI_THREADS)
    softmax_backward(rows_of r, const T *y, const T *dy, T *dx) {
  const int lane = (int)threadIdx.x % LANES;
  GDI_EACH_ROW(LANES, row, r.rows) {
    const int64_t first = first_of(r, row);
    T sum = 0;
    for (int64_t i = lane; i < r.n; i += LANES) {
      const int64_t at = first + i * r.inner;
      sum += r.log ? dy[at] : dy[at] * y[at];
    }
    sum = gdi_group<LANES>(sum, gdi_adding());
    for (int64_t i = lane; i < r.n; i += LANES) {
      const int64_t at = first + i * r.inner;
      const T g = r.log ? dy[at] - EXP(y[at]) * sum : y[at] * (dy[at] - sum);
      dx[at] = r.add ? dx[at] + g : g;
    }
  }
}

static rows_of rows_along(const gd_node *node, bool add) {
  const gd_tensor *t = node->out;
  const int dim = ((const gdi_along *)node->params)->dim;
  rows_of r = {1, 1, 1, node->op == &gdi_op_log_softmax, add};
  if (t->ndim) r.n = t->shape[dim];
  for (int i = 0; i < t->ndim; i++) {
    if (i > dim) r.inner *= t->shape[i];
    if (i != dim) r.rows *= t->shape[i];
  }
  if (r.n == 0) r.rows = 0;
  return r;
}

/*
 * Threads that share a row. One, where rows lie side by side and are so many that this fills the GPU: then
 * neighbours load neighbours. This follows from the shape alone, since it decides the order of sums.
 */
static int lanes_for(const rows_of &r) {
  enum { MANY = 1 << 15, LONG = 1024 };
  return r.inner >= 32 && r.rows >= MANY ? 1 : r.n <= LONG ? 32 : GDI_THREADS;
}

/* kernel<T, LANES> on its rows */
#define LAUNCH(name, kernel, T, ...)                                                                         \
  do {                                                                                                       \
    const int lanes_ = lanes_for(r);                                                                         \
    const int64_t blocks_ = gdi_blocks_for(d, r.rows * lanes_);                                              \
    if (lanes_ == 1) return gdi_launch(d, name, kernel<T, 1>, blocks_, GDI_THREADS, r, __VA_ARGS__);         \
    if (lanes_ == 32) return gdi_launch(d, name, kernel<T, 32>, blocks_, GDI_THREADS, r, __VA_ARGS__);       \
    return gdi_launch(d, name, kernel<T, GDI_THREADS>, blocks_, GDI_THREADS, r, __VA_ARGS__);                \
  } while (0)

gd_status gdi_cuda_softmax_forward(gd_device *d, gd_node *n) {
  const rows_of r = rows_along(n, false);
  const void *x = n->in[0]->data;
  void *y = n->out->data;
  if (n->out->dtype == GD_F64) LAUNCH("softmax", softmax_forward, double, (const double *)x, (double *)y);
  LAUNCH("softmax", softmax_forward, float, (const float *)x, (float *)y);
}

gd_status gdi_cuda_softmax_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                    const bool add[]) {
  if (!din[0]) return GD_OK;
  const rows_of r = rows_along(n, add[0]);
  const void *y = n->out->data, *dy = dout->data;
  void *dx = din[0]->data;
  if (n->out->dtype == GD_F64)
    LAUNCH("softmax's gradient", softmax_backward, double, (const double *)y, (const double *)dy,
           (double *)dx);
  LAUNCH("softmax's gradient", softmax_backward, float, (const float *)y, (const float *)dy, (float *)dx);
}
