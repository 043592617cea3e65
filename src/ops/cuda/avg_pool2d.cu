/* The mean of each window, with the bits of the CPU: what is added is added in the same order. */
#include "ops/cuda/pool.cuh"

template <typename T>
static __device__ __forceinline__ T factor_of(const gdi_pool_span &h, const gdi_pool_span &w) {
  return (T)(1 / (double)(h.divisor * w.divisor));
}

template <typename T> struct means {
  gdi_pooling g;
  const T *x;
  T *y;
  template <int N> __device__ void at(int64_t i) const {
    const gdi_pixel to = gdi_pixel_of(g.out, i);
    const gdi_pool_span h = gdi_pool_span_of(&g.p, 0, g.in.H, to.row),
                        w = gdi_pool_span_of(&g.p, 1, g.in.W, to.column);
    const T factor = factor_of<T>(h, w);
    gdi_pack<T, N> sum = {};
    for (int64_t row = h.lo; row < h.hi; row++)
      for (int64_t column = w.lo; column < w.hi; column++) {
        const gdi_pack<T, N> v = gdi_load<N>(x + gdi_pixel_at(g.in, {to.image, row, column, to.channel}));
        for (int c = 0; c < N; c++) sum.v[c] += v.v[c];
      }
    for (int c = 0; c < N; c++) sum.v[c] *= factor;
    gdi_store<N>(y + i, sum);
  }
};

template <typename T> struct shares {
  gdi_pooling g;
  const T *dy;
  T *dx;
  bool add;
  template <int N> __device__ void at(int64_t i) const {
    const gdi_pixel of = gdi_pixel_of(g.in, i);
    const gdi_window_range rows = gdi_windows_around(g.p, 0, g.in.H, g.out.H, of.row),
                           columns = gdi_windows_around(g.p, 1, g.in.W, g.out.W, of.column);
    gdi_pack<T, N> sum = {};
    if (add) sum = gdi_load<N>(dx + i);
    for (int64_t row = rows.first; row <= rows.last; row++) {
      const gdi_pool_span h = gdi_pool_span_of(&g.p, 0, g.in.H, row);
      for (int64_t column = columns.first; column <= columns.last; column++) {
        const T factor = factor_of<T>(h, gdi_pool_span_of(&g.p, 1, g.in.W, column));
        const gdi_pack<T, N> v = gdi_load<N>(dy + gdi_pixel_at(g.out, {of.image, row, column, of.channel}));
        for (int c = 0; c < N; c++) sum.v[c] += v.v[c] * factor;
      }
    }
    gdi_store<N>(dx + i, sum);
  }
};

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const means<T> f = {gdi_pooling_of(n), (const T *)n->in[0]->data, (T *)n->out->data};
  return gdi_over_images<T>(d, "avg_pool2d", f, n->out, f.g.in.C, (uintptr_t)f.x | (uintptr_t)f.y);
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dy, gd_tensor *dx, bool add) {
  const shares<T> f = {gdi_pooling_of(n), (const T *)dy->data, (T *)dx->data, add};
  return gdi_over_images<T>(d, "avg_pool2d's gradient", f, dx, f.g.in.C, (uintptr_t)f.dy | (uintptr_t)f.dx);
}

gd_status gdi_cuda_avg_pool2d_forward(gd_device *d, gd_node *n) {
  return (n->out->dtype == GD_F64 ? forward<double> : forward<float>)(d, n);
}

gd_status gdi_cuda_avg_pool2d_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                       gd_tensor *const din[], const bool add[]) {
  return (dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, dout, din[0], add[0]);
}
