/* Columns of a convolution: from images, and back. */
#include "device/cuda/conv.h"

#include "device/cuda/bf16.cuh"
#include "device/cuda/walk.cuh"

template <typename T> static __device__ __forceinline__ void put(T *to, T x) {
  *to = x;
}
static __device__ __forceinline__ void put(uint16_t *to, float x) {
  *to = gdi_to_bf16(x);
}

/* Numbers of pixels and channels taken apart, innermost first; values of a pixel go N at a time. */
static gdi_places places(int ndim, const int64_t extent[]) {
  gdi_places p = {};
  p.ndim = ndim, p.count = 1;
  for (int i = 0; i < ndim; i++) {
    p.extent[i] = extent[i], p.divisor[i] = gdi_divisor_of(extent[i]);
    p.count *= extent[i];
  }
  return p;
}

/* Where a kernel lies over an image. */
typedef struct window {
  gdi_divisor kernel_width, stride[2], group; /* of a pixel's channels, by N */
  int64_t kernel[2], step[2], dilation[2], begin[2], in[2], out[2];
  int64_t c, per_group, n;
} window;

static window window_of(const gdi_conv *c, int N) {
  window w = {};
  w.c = c->c, w.per_group = c->c / c->groups, w.n = c->n;
  w.kernel_width = gdi_divisor_of(c->kernel[1]), w.group = gdi_divisor_of(w.per_group / N);
  for (int i = 0; i < 2; i++) {
    w.kernel[i] = c->kernel[i], w.step[i] = c->stride[i], w.stride[i] = gdi_divisor_of(c->stride[i]);
    w.dilation[i] = c->dilation[i], w.begin[i] = c->begin[i], w.in[i] = c->in[i], w.out[i] = c->out[i];
  }
  return w;
}

enum { OF_GROUP, TAP, COLUMN, ROW, IMAGE, GROUP, PLACES };

template <typename X, typename Y, int N>
__global__ void gather(const X *__restrict__ x, Y *__restrict__ columns, gdi_places p, window w) {
  GDI_EACH(e, p.count) {
    int64_t at[GD_MAX_DIMS] = {0};
    gdi_locate(p, 0, e, at);
    const int64_t down = gdi_quotient(w.kernel_width, at[TAP]), across = at[TAP] - down * w.kernel[1];
    const int64_t row = at[ROW] * w.step[0] - w.begin[0] + down * w.dilation[0],
                  column = at[COLUMN] * w.step[1] - w.begin[1] + across * w.dilation[1];
    gdi_pack<X, N> from = {};
    gdi_pack<Y, N> to;
    if (row >= 0 && row < w.in[0] && column >= 0 && column < w.in[1])
      from = gdi_load<N>(x + ((at[IMAGE] * w.in[0] + row) * w.in[1] + column) * w.c +
                         at[GROUP] * w.per_group + at[OF_GROUP] * N);
    for (int i = 0; i < N; i++) put(&to.v[i], from.v[i]);
    gdi_store<N>(columns + e * N, to);
  }
}

template <typename X, typename Y, int N>
static gd_status gather_by(gd_device *d, const gdi_conv *c, const void *x, void *columns) {
  const int64_t extent[PLACES] = {
      c->c / c->groups / N, gdi_conv_taps(c), c->out[1], c->out[0], c->n, c->groups};
  const gdi_places p = places(PLACES, extent);
  return gdi_launch(d, "columns", gather<X, Y, N>, gdi_blocks_for(d, p.count), GDI_THREADS, (const X *)x,
                    (Y *)columns, p, window_of(c, N));
}

/* Values of a pixel that move at once: as many as fit into 16 bytes, where groups have multiples of them. */
template <typename T> struct wide {
  enum { N = GDI_PACK_BYTES / sizeof(T) };
};
template <typename T> static bool in_packs(const gdi_conv *c, uintptr_t addresses) {
  return c->c / c->groups % wide<T>::N == 0 && gdi_packed(addresses);
}

template <typename X, typename Y>
static gd_status gather_as(gd_device *d, const gdi_conv *c, const void *x, void *columns) {
  return in_packs<X>(c, (uintptr_t)x | (uintptr_t)columns) ? gather_by<X, Y, wide<X>::N>(d, c, x, columns)
                                                           : gather_by<X, Y, 1>(d, c, x, columns);
}

gd_status gdi_cuda_columns(gd_device *d, const gdi_conv *c, const void *x, bool rounded, gd_dtype type,
                           void *columns) {
  if (rounded) return gather_as<uint16_t, uint16_t>(d, c, x, columns);
  if (type == GD_BF16) return gather_as<float, uint16_t>(d, c, x, columns);
  return type == GD_F64 ? gather_as<double, double>(d, c, x, columns)
                        : gather_as<float, float>(d, c, x, columns);
}

/* The map's row or column whose kernel lies over `place` with its tap number `tap`; or none: -1. */
static __device__ __forceinline__ int64_t over(const window &w, int axis, int64_t place, int64_t tap) {
  const int64_t from = place + w.begin[axis] - tap * w.dilation[axis];
  if (from < 0) return -1;
  const int64_t at = gdi_quotient(w.stride[axis], from);
  return at * w.step[axis] == from && at < w.out[axis] ? at : -1;
}

template <typename T, int N>
__global__ void sum(const T *__restrict__ columns, T *__restrict__ x, bool add, gdi_places p, window w) {
  GDI_EACH(e, p.count) {
    int64_t at[GD_MAX_DIMS] = {0};
    gdi_locate(p, 0, e, at);
    const int64_t g = gdi_quotient(w.group, at[0]), c = at[0] * N - g * w.per_group,
                  maps = (g * w.n + at[3]) * w.out[0];
    gdi_pack<T, N> total = {};
    for (int64_t k = 0; k < w.kernel[0]; k++) {
      const int64_t row = over(w, 0, at[2], k);
      for (int64_t l = 0; row >= 0 && l < w.kernel[1]; l++) {
        const int64_t column = over(w, 1, at[1], l);
        if (column < 0) continue;
        const int64_t pixel = (maps + row) * w.out[1] + column;
        const gdi_pack<T, N> part =
            gdi_load<N>(columns + ((pixel * w.kernel[0] + k) * w.kernel[1] + l) * w.per_group + c);
        for (int i = 0; i < N; i++) total.v[i] += part.v[i];
      }
    }
    if (add) {
      const gdi_pack<T, N> before = gdi_load<N>((const T *)x + e * N);
      for (int i = 0; i < N; i++) total.v[i] += before.v[i];
    }
    gdi_store<N>(x + e * N, total);
  }
}

template <typename T, int N>
static gd_status sum_by(gd_device *d, const gdi_conv *c, const void *columns, void *x, bool add) {
  const int64_t extent[] = {c->c / N, c->in[1], c->in[0], c->n};
  const gdi_places p = places(4, extent);
  return gdi_launch(d, "sum_of_columns", sum<T, N>, gdi_blocks_for(d, p.count), GDI_THREADS,
                    (const T *)columns, (T *)x, add, p, window_of(c, N));
}

template <typename T>
static gd_status sum_as(gd_device *d, const gdi_conv *c, const void *columns, void *x, bool add) {
  return in_packs<T>(c, (uintptr_t)x | (uintptr_t)columns) ? sum_by<T, wide<T>::N>(d, c, columns, x, add)
                                                           : sum_by<T, 1>(d, c, columns, x, add);
}

gd_status gdi_cuda_sum_columns(gd_device *d, const gdi_conv *c, const void *columns, void *x, bool add) {
  return c->type == GD_F64 ? sum_as<double>(d, c, columns, x, add) : sum_as<float>(d, c, columns, x, add);
}

/* ---- weights ---- */

struct rounding {
  __device__ uint16_t operator()(float x) const { return gdi_to_bf16(x); }
};

struct widening {
  __device__ float operator()(uint16_t x) const { return gdi_of_bf16(x); }
};

/* [O, a, inner] becomes [O, inner, a], a being what is left of a row of weights. */
template <typename X, typename Y, typename F>
static gd_status turn(gd_device *d, const gdi_conv *c, F f, const void *from, void *to, int64_t inner,
                      bool add) {
  const int64_t row = gdi_conv_taps(c) * (c->c / c->groups), extent[] = {row / inner, inner, c->o};
  return gdi_walk_over(d, 3, extent, f, add, gdi_operand<Y>{(Y *)to, {1, row / inner, row}},
                       gdi_operand<const X>{(const X *)from, {inner, 1, row}});
}

gd_status gdi_cuda_conv_pack(gd_device *d, const gdi_conv *c, const void *w, bool rounded, gd_dtype type,
                             void *packed) {
  const int64_t taps = gdi_conv_taps(c);
  if (rounded) return turn<uint16_t, uint16_t>(d, c, gdi_same<uint16_t>(), w, packed, taps, false);
  if (type == GD_BF16) return turn<float, uint16_t>(d, c, rounding(), w, packed, taps, false);
  return type == GD_F64 ? turn<double, double>(d, c, gdi_same<double>(), w, packed, taps, false)
                        : turn<float, float>(d, c, gdi_same<float>(), w, packed, taps, false);
}

gd_status gdi_cuda_conv_unpack(gd_device *d, const gdi_conv *c, const void *packed, bool rounded, void *w,
                               bool add) {
  const int64_t channels = c->c / c->groups;
  if (rounded) return turn<uint16_t, float>(d, c, widening(), packed, w, channels, add);
  return c->type == GD_F64 ? turn<double, double>(d, c, gdi_same<double>(), packed, w, channels, add)
                           : turn<float, float>(d, c, gdi_same<float>(), packed, w, channels, add);
}

gd_status gdi_cuda_widen(gd_device *d, const void *from, void *to, int64_t n, bool add) {
  return gdi_walk(d, widening(), add, gdi_array<float>{(float *)to, 1, &n},
                  gdi_array<const uint16_t>{(const uint16_t *)from, 1, &n});
}
