/*
 * One pass over the elements of a broadcast shape: y = f(a, b, ...) or y += f(a, b, ...). A functor gets one
 * element of each operand in registers. Elements go in groups of 16 bytes where every operand lies so that it
 * can be read that way.
 */
#ifndef GDI_CUDA_WALK_CUH
#define GDI_CUDA_WALK_CUH

#include "device/cuda/places.cuh"

/* Contiguous elements of a shape. */
template <typename T> struct gdi_array {
  T *data;
  int ndim;
  const int64_t *shape;
};

template <typename T> static gdi_array<T> gdi_to(const gd_tensor *t) {
  return {(T *)t->data, t->ndim, t->shape};
}

template <typename T> static gdi_array<const T> gdi_from(const gd_tensor *t) {
  return {(const T *)t->data, t->ndim, t->shape};
}

/* ---- on the device ---- */

template <typename T, int V> struct alignas(sizeof(T) * V) gdi_vector { T at[V]; };

/* Elements 0 .. V-1 of an operand from p on; `step` is 0 or, of one that does not repeat, its stride. */
template <int V, typename T> static inline __device__ gdi_vector<T, V> gdi_load(const T *p, int64_t step) {
  gdi_vector<T, V> v;
  if (V > 1 && step != 0) return *(const gdi_vector<T, V> *)p;
  for (int k = 0; k < V; k++) v.at[k] = *p;
  return v;
}

template <int V, typename F, typename Y, typename... X>
static inline __device__ void gdi_apply(const F &f, bool add, Y *y, const gdi_vector<X, V> &...x) {
  gdi_vector<Y, V> now = {}, *to = (gdi_vector<Y, V> *)y;
  if (add) now = *to;
  for (int k = 0; k < V; k++) {
    const Y value = f(x.at[k]...);
    now.at[k] = add ? (Y)(now.at[k] + value) : value;
  }
  *to = now;
}

/* Groups of V lie along dimension 0, `groups` to a line; the last of a line may be short. `all` in
 * all lines. */
typedef struct gdi_lines {
  gdi_places p;
  int64_t all, groups;
  gdi_divisor divisor; /* groups */
} gdi_lines;

template <int V, typename F, typename Y, typename... X>
static __global__ void gdi_walk_groups(gdi_lines w, F f, bool add, gdi_operand<Y> y,
                                       gdi_operand<const X>... x) {
  GDI_EACH(g, w.all) {
    int64_t index[GD_MAX_DIMS] = {0};
    const int64_t line = w.p.ndim > 1 ? gdi_quotient(w.divisor, g) : 0;
    index[0] = (g - line * w.groups) * V;
    if (w.p.ndim > 1) gdi_locate(w.p, 1, line, index);
    if constexpr (V > 1)
      if (w.p.extent[0] - index[0] < V) {
        for (; index[0] < w.p.extent[0]; index[0]++)
          gdi_apply<1>(f, add, gdi_at(w.p, y, index), gdi_load<1>(gdi_at(w.p, x, index), 0)...);
        continue;
      }
    gdi_apply<V>(f, add, gdi_at(w.p, y, index), gdi_load<V>(gdi_at(w.p, x, index), x.stride[0])...);
  }
}

/* ---- on the host ---- */

template <typename... T> constexpr int gdi_widest() {
  int bytes = 1;
  ((bytes = (int)sizeof(T) > bytes ? (int)sizeof(T) : bytes), ...);
  return bytes;
}

/* Whether groups of V can be read and written at once: they start where such a vector may lie. */
template <typename T> static bool gdi_in_vectors(const gdi_places &p, const gdi_operand<T> &o, int V) {
  if (o.stride[0] > 1) return false;
  if (o.stride[0] == 0) return true;
  for (int i = 1; i < p.ndim; i++)
    if (o.stride[i] % V != 0) return false;
  return (uintptr_t)o.data % (sizeof(T) * (size_t)V) == 0;
}

template <int V, typename F, typename Y, typename... X>
static gd_status gdi_walk_in(gd_device *d, const gdi_places &p, F f, bool add, gdi_operand<Y> y,
                             gdi_operand<const X>... x) {
  gdi_lines w = {p, 0, (p.extent[0] + V - 1) / V, {}};
  if (p.count > 0) w.all = p.count / p.extent[0] * w.groups;
  w.divisor = gdi_divisor_of(w.groups);
  return gdi_launch(d, "an element-wise kernel", gdi_walk_groups<V, F, Y, X...>, gdi_blocks_for(d, w.all),
                    GDI_THREADS, w, f, add, y, x...);
}

/* y (+)= f(x...) over dimensions `extent`, innermost first; x may repeat, y may not. */
template <typename F, typename Y, typename... X>
static gd_status gdi_walk_over(gd_device *d, int ndim, const int64_t extent[], F f, bool add,
                               gdi_operand<Y> y, gdi_operand<const X>... x) {
  constexpr int V = 16 / gdi_widest<Y, X...>();
  const gdi_places p = gdi_merge(ndim, extent, y, x...);
  const bool wide = y.stride[0] == 1 && (... && gdi_in_vectors(p, x, V)) && gdi_in_vectors(p, y, V);
  return wide ? gdi_walk_in<V>(d, p, f, add, y, x...) : gdi_walk_in<1>(d, p, f, add, y, x...);
}

template <typename T> struct gdi_same {
  __device__ T operator()(T x) const { return x; }
};

template <typename T> static gdi_operand<T> gdi_broadcast(const gdi_array<T> &a) {
  gdi_operand<T> o = {a.data, {0}};
  int64_t run = 1;
  for (int i = 0; i < a.ndim; i++) {
    const int64_t extent = a.shape[a.ndim - 1 - i];
    o.stride[i] = extent == 1 ? 0 : run;
    run *= extent;
  }
  return o;
}

/* y (+)= f(x...) over the shape of y, to which the arrays x broadcast. */
template <typename F, typename Y, typename... X>
static gd_status gdi_walk(gd_device *d, F f, bool add, gdi_array<Y> y, gdi_array<const X>... x) {
  int64_t extent[GD_MAX_DIMS];
  for (int i = 0; i < y.ndim; i++) extent[i] = y.shape[y.ndim - 1 - i];
  return gdi_walk_over(d, y.ndim, extent, f, add, gdi_broadcast(y), gdi_broadcast(x)...);
}

#endif
