/* The largest of each window, and at which tap it was, in one byte where that is enough. NaN is larger than all. */
#include <math.h>

#include "ops/cuda/pool.cuh"

enum { BYTE_TAPS = 255 }; /* 255 itself: none */

/* I: of taps */
template <typename T, typename I> struct largest {
  gdi_pooling g;
  const T *x;
  T *y;
  I *tap;
  template <int N> __device__ void at(int64_t i) const {
    const gd_window &w = g.p.window;
    const gdi_pixel to = gdi_pixel_of(g.out, i);
    const int64_t top = to.row * w.stride[0] - w.begin[0], left = to.column * w.stride[1] - w.begin[1];
    gdi_pack<T, N> most;
    gdi_pack<I, N> which;
    bool any = false;
    for (int c = 0; c < N; c++) most.v[c] = (T)-INFINITY, which.v[c] = (I)-1;
    for (int64_t k = 0; k < w.kernel[0]; k++)
      for (int64_t l = 0; l < w.kernel[1]; l++) {
        const int64_t row = top + k * w.dilation[0], column = left + l * w.dilation[1];
        if (row < 0 || row >= g.in.H || column < 0 || column >= g.in.W) continue;
        const gdi_pack<T, N> v = gdi_load<N>(x + gdi_pixel_at(g.in, {to.image, row, column, to.channel}));
        for (int c = 0; c < N; c++) {
          const bool larger = !any || v.v[c] > most.v[c] || v.v[c] != v.v[c];
          most.v[c] = larger ? v.v[c] : most.v[c];
          which.v[c] = larger ? (I)(k * w.kernel[1] + l) : which.v[c];
        }
        any = true;
      }
    gdi_store<N>(y + i, most);
    gdi_store<N>(tap + i, which);
  }
};

template <typename T, typename I> struct given {
  gdi_pooling g;
  const T *dy;
  T *dx;
  const I *tap;
  bool add;
  template <int N> __device__ void at(int64_t i) const {
    const gd_window &w = g.p.window;
    const gdi_pixel to = gdi_pixel_of(g.in, i);
    const gdi_window_range rows = gdi_windows_around(g.p, 0, g.in.H, g.out.H, to.row),
                           columns = gdi_windows_around(g.p, 1, g.in.W, g.out.W, to.column);
    gdi_pack<T, N> sum = {};
    if (add) sum = gdi_load<N>(dx + i);
    for (int64_t row = rows.first; row <= rows.last; row++)
      for (int64_t column = columns.first; column <= columns.last; column++) {
        const int64_t down = to.row + w.begin[0] - row * w.stride[0],
                      right = to.column + w.begin[1] - column * w.stride[1];
        if (down % w.dilation[0] || right % w.dilation[1]) continue;
        const I own = (I)(down / w.dilation[0] * w.kernel[1] + right / w.dilation[1]);
        const int64_t from = gdi_pixel_at(g.out, {to.image, row, column, to.channel});
        const gdi_pack<I, N> which = gdi_load<N>(tap + from);
        const gdi_pack<T, N> v = gdi_load<N>(dy + from);
        for (int c = 0; c < N; c++) sum.v[c] += which.v[c] == own ? v.v[c] : 0;
      }
    gdi_store<N>(dx + i, sum);
  }
};

template <typename T, typename I> static gd_status forward(gd_device *d, const gd_node *n) {
  const largest<T, I> f = {gdi_pooling_of(n), (const T *)n->in[0]->data, (T *)n->out->data,
                           (I *)n->saved[0]->data};
  return gdi_over_images<T>(d, "max_pool2d", f, n->out, f.g.in.C, (uintptr_t)f.x | (uintptr_t)f.y);
}

template <typename T, typename I>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dy, gd_tensor *dx, bool add) {
  const given<T, I> f = {gdi_pooling_of(n), (const T *)dy->data, (T *)dx->data, (const I *)n->saved[0]->data,
                         add};
  return gdi_over_images<T>(d, "max_pool2d's gradient", f, dx, f.g.in.C, (uintptr_t)f.dy | (uintptr_t)f.dx);
}

static bool in_bytes(const gd_node *n) {
  const gd_window *w = &gdi_pool_of(n)->window;
  return w->kernel[0] * w->kernel[1] <= BYTE_TAPS;
}

gd_status gdi_cuda_max_pool2d_forward(gd_device *d, gd_node *n) {
  const bool f64 = n->out->dtype == GD_F64, bytes = in_bytes(n);
  GD_TRY(gd_node_temporary(&n->saved[0], n, bytes ? GD_U8 : GD_I32, n->out->ndim, n->out->shape));
  if (bytes) return (f64 ? forward<double, uint8_t> : forward<float, uint8_t>)(d, n);
  return (f64 ? forward<double, int32_t> : forward<float, int32_t>)(d, n);
}

gd_status gdi_cuda_max_pool2d_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                       gd_tensor *const din[], const bool add[]) {
  const bool f64 = dout->dtype == GD_F64;
  if (in_bytes(n))
    return (f64 ? backward<double, uint8_t> : backward<float, uint8_t>)(d, n, dout, din[0], add[0]);
  return (f64 ? backward<double, int32_t> : backward<float, int32_t>)(d, n, dout, din[0], add[0]);
}
