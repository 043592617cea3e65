/* A thread for each element, which looks at the channels of its window; cpu/local_response_norm.c has the formulas. */
#include "ops/local_response_norm.h"

#include "device/cuda/launch.cuh"
#include "device/cuda/math.cuh"

typedef struct job {
  int64_t n, C, size;
  double alpha, beta, k;
} job;

static job job_of(const gd_node *n) {
  const gdi_local_response_norm *p = (const gdi_local_response_norm *)n->params;
  const gd_tensor *x = n->in[0];
  return {gd_numel(x), x->shape[x->ndim - 1], p->size, p->alpha, p->beta, p->k};
}

/* The sum of f(i) over the channels from `before` in front of element i's to `behind` behind it. */
template <typename T, typename F>
static __device__ __forceinline__ T over_window(const job &j, int64_t i, int64_t before, int64_t behind,
                                                const F &f) {
  const int64_t c = i % j.C, last = c + behind < j.C ? behind : j.C - 1 - c;
  T sum = 0;
  for (int64_t off = c < before ? -c : -before; off <= last; off++) sum += f(i + off);
  return sum;
}

template <typename T> static __global__ void forward(job j, const T *x, T *s, T *y) {
  GDI_EACH(i, j.n) {
    const T sum =
        over_window<T>(j, i, j.size / 2, (j.size - 1) / 2, [=](int64_t at) { return x[at] * x[at]; });
    s[i] = (T)j.k + (T)(j.alpha / (double)j.size) * sum;
    y[i] = x[i] * EXP(-(T)j.beta * LOG(s[i]));
  }
}

template <typename T>
static __global__ void backward(job j, const T *x, const T *s, const T *y, const T *dy, T *dx, bool add) {
  GDI_EACH(i, j.n) {
    const T sum = over_window<T>(j, i, (j.size - 1) / 2, j.size / 2,
                                 [=](int64_t at) { return dy[at] * y[at] / s[at]; });
    const T g = dy[i] * EXP(-(T)j.beta * LOG(s[i])) - (T)(2 * j.alpha * j.beta / (double)j.size) * x[i] * sum;
    dx[i] = add ? dx[i] + g : g;
  }
}

template <typename T> static gd_status run_forward(gd_device *d, const gd_node *n) {
  const job j = job_of(n);
  return gdi_launch(d, "local_response_norm", forward<T>, gdi_blocks_for(d, j.n), GDI_THREADS, j,
                    (const T *)n->in[0]->data, (T *)n->saved[0]->data, (T *)n->out->data);
}

template <typename T>
static gd_status run_backward(gd_device *d, const gd_node *n, const gd_tensor *dy, gd_tensor *dx, bool add) {
  const job j = job_of(n);
  return gdi_launch(d, "local_response_norm's gradient", backward<T>, gdi_blocks_for(d, j.n), GDI_THREADS, j,
                    (const T *)n->in[0]->data, (const T *)n->saved[0]->data, (const T *)n->out->data,
                    (const T *)dy->data, (T *)dx->data, add);
}

gd_status gdi_cuda_local_response_norm_forward(gd_device *d, gd_node *n) {
  GD_TRY(gd_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
  return (n->out->dtype == GD_F64 ? run_forward<double> : run_forward<float>)(d, n);
}

gd_status gdi_cuda_local_response_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                                gd_tensor *const din[], const bool add[]) {
  return (dout->dtype == GD_F64 ? run_backward<double> : run_backward<float>)(d, n, dout, din[0], add[0]);
}
