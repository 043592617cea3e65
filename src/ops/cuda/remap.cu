/* Pixels are copied; backward looks, for each pixel of x, for those that were copied from it, in their order. */
#include "ops/remap.h"

#include "ops/cuda/image.cuh"

typedef struct job {
  gdi_remap p;
  gdi_images in, out; /* shapes of x and y */
} job;

static job job_of(const gd_node *n) {
  return {*(const gdi_remap *)n->params, gdi_images_of(n->in[0]), gdi_images_of(n->out)};
}

/* What must be whole packs for channels to stay together. */
static int64_t rows_of(const job &j) {
  return j.in.C | j.out.C | j.p.before[2];
}

template <typename T> struct copied {
  job j;
  const T *x;
  T *y;
  template <int N> __device__ void at(int64_t i) const {
    gdi_pixel p = gdi_pixel_of(j.out, i);
    p.row = gdi_remap_from(&j.p, 0, p.row, j.in.H);
    p.column = gdi_remap_from(&j.p, 1, p.column, j.in.W);
    p.channel -= j.p.before[2];
    gdi_pack<T, N> v = {};
    if (p.row >= 0 && p.column >= 0 && p.channel >= 0 && p.channel < j.in.C)
      v = gdi_load<N>(x + gdi_pixel_at(j.in, p));
    gdi_store<N>(y + i, v);
  }
};

template <typename T> struct gathered {
  job j;
  const T *dy;
  T *dx;
  bool add;
  template <int N> __device__ void at(int64_t i) const {
    const gdi_pixel from = gdi_pixel_of(j.in, i);
    gdi_pixel p = {from.image, -1, -1, from.channel + j.p.before[2]};
    gdi_pack<T, N> sum = {};
    if (add) sum = gdi_load<N>(dx + i);
    while ((p.row = gdi_remap_next(&j.p, 0, from.row, j.in.H, j.out.H, p.row)) >= 0)
      while ((p.column = gdi_remap_next(&j.p, 1, from.column, j.in.W, j.out.W, p.column)) >= 0) {
        const gdi_pack<T, N> v = gdi_load<N>(dy + gdi_pixel_at(j.out, p));
        for (int c = 0; c < N; c++) sum.v[c] += v.v[c];
      }
    gdi_store<N>(dx + i, sum);
  }
};

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const copied<T> f = {job_of(n), (const T *)n->in[0]->data, (T *)n->out->data};
  return gdi_over_images<T>(d, "remap", f, n->out, rows_of(f.j), (uintptr_t)f.x | (uintptr_t)f.y);
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dy, gd_tensor *dx, bool add) {
  const gathered<T> f = {job_of(n), (const T *)dy->data, (T *)dx->data, add};
  return gdi_over_images<T>(d, "remap's gradient", f, dx, rows_of(f.j), (uintptr_t)f.dy | (uintptr_t)f.dx);
}

gd_status gdi_cuda_remap_forward(gd_device *d, gd_node *n) {
  return (n->out->dtype == GD_F64 ? forward<double> : forward<float>)(d, n);
}

gd_status gdi_cuda_remap_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  return (dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, dout, din[0], add[0]);
}
