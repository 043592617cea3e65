/* Reductions over a set of dimensions, their backward, and sums over what was broadcast. */
#include "ops/cuda/broadcast.cuh"
#include "ops/cuda/fold.cuh"
#include "device/cuda/math.cuh"
#include "ops/reduce.h"

#define C(value) ((T)(value))

/* Kinds of folding in f64: `take` makes s from s, v and c; `join` from s and t. */
#define KIND(name, begin, taken, joined)                                                                     \
  struct name {                                                                                              \
    typedef double acc;                                                                                      \
    static __device__ double start() { return (begin); }                                                     \
    static __device__ double take(double s, double v, int64_t, double c) {                                   \
      (void)c;                                                                                               \
      return (taken);                                                                                        \
    }                                                                                                        \
    static __device__ double join(double s, double t) { return (joined); }                                   \
  };
KIND(sums, 0, s + v, s + t)
KIND(squares, 0, s + (v - c) * (v - c), s + t)
KIND(ties, 0, s + (v == c ? 1 : 0), s + t)
KIND(largest, -INFINITY, v > s || v != v ? v : s, t > s || t != t ? t : s) /* NaN wins */
KIND(smallest, INFINITY, v < s || v != v ? v : s, t < s || t != t ? t : s)

/* Results divided by `divisor`, as T to `out` and as they are to `exact`; either may be NULL. */
template <typename T> struct write_results {
  T *out;
  double *exact, divisor;
  bool add;
  __device__ void operator()(int64_t o, int64_t, double s) const {
    const double value = s / divisor;
    if (exact) exact[o] = value;
    if (out) out[o] = (T)(add ? (double)out[o] + value : value);
  }
};

/* ---- forward ---- */

/* What backward asks for, of the results' shape; *values is NULL when there will be none. */
template <typename T> static gd_status keep(gd_node *n, T **values) {
  *values = NULL;
  if (!n->recorded) return GD_OK;
  GD_TRY(gd_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
  *values = (T *)n->saved[0]->data;
  return GD_OK;
}

/* In two passes: the mean, then the squares of distances to it. */
template <typename T> static gd_status variance(gd_device *d, gd_node *n, const gdi_fold &f, double *centre) {
  const T *x = (const T *)n->in[0]->data;
  const double count = gdi_reduce_count(n);
  T *mean, *out = (T *)n->out->data;
  GD_TRY(keep(n, &mean));
  GD_TRY(gdi_fold_run<sums>(d, f, x, NULL, write_results<T>{mean, centre, count, false}));
  return gdi_fold_run<squares>(d, f, x, centre,
                               write_results<T>{out, NULL, count - gdi_reduce_of(n)->correction, false});
}

/* The largest or smallest, and how many there are of it. */
template <typename K, typename T>
static gd_status extreme(gd_device *d, gd_node *n, const gdi_fold &f, double *centre) {
  const T *x = (const T *)n->in[0]->data;
  T *many;
  GD_TRY(gdi_fold_run<K>(d, f, x, NULL, write_results<T>{(T *)n->out->data, centre, 1, false}));
  GD_TRY(keep(n, &many));
  return many ? gdi_fold_run<ties>(d, f, x, centre, write_results<T>{many, NULL, 1, false}) : GD_OK;
}

static gdi_fold fold_of(const gd_node *n) {
  return gdi_fold_of(n->in[0]->ndim, n->in[0]->shape, gdi_reduce_of(n)->dims);
}

/* One for each `how` of elementwise.def. */
template <typename T> static gd_status total(gd_device *d, gd_node *n, double divisor) {
  return gdi_fold_run<sums>(d, fold_of(n), (const T *)n->in[0]->data, NULL,
                            write_results<T>{(T *)n->out->data, NULL, divisor, false});
}
template <typename T> static gd_status forward_sum(gd_device *d, gd_node *n) {
  return total<T>(d, n, 1);
}
template <typename T> static gd_status forward_mean(gd_device *d, gd_node *n) {
  return total<T>(d, n, gdi_reduce_count(n));
}

typedef gd_status (*centred)(gd_device *d, gd_node *n, const gdi_fold &f, double *centre);

/* Results in f64 that a second pass looks at. */
static gd_status in_two_passes(gd_device *d, gd_node *n, centred passes) {
  const gdi_fold f = fold_of(n);
  void *centre = NULL;
  GD_TRY(gdi_cuda_scratch(d, f.kept.count, sizeof(double), &centre));
  return passes(d, n, f, (double *)centre);
}
template <typename T> static gd_status forward_var(gd_device *d, gd_node *n) {
  return in_two_passes(d, n, variance<T>);
}
template <typename T> static gd_status forward_max(gd_device *d, gd_node *n) {
  return in_two_passes(d, n, extreme<largest, T>);
}
template <typename T> static gd_status forward_min(gd_device *d, gd_node *n) {
  return in_two_passes(d, n, extreme<smallest, T>);
}

gd_status gdi_cuda_sum_to(gd_device *d, const void *from, int ndim, const int64_t shape[], gd_tensor *to,
                          bool add) {
  uint32_t over = 0;
  for (int i = 0; i < ndim; i++) {
    const int own = i - (ndim - to->ndim);
    if (own < 0 || to->shape[own] != shape[i]) over |= 1u << i;
  }
  const gdi_fold f = gdi_fold_of(ndim, shape, over);
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = to->dtype == GD_F64
                     ? gdi_fold_run<sums>(d, f, (const double *)from, NULL,
                                          write_results<double>{(double *)to->data, NULL, 1, add})
                     : gdi_fold_run<sums>(d, f, (const float *)from, NULL,
                                          write_results<float>{(float *)to->data, NULL, 1, add});
  gd_arena_release(d->scratch, mark);
  return st;
}

/* ---- backward ---- */

#define GDI_REDUCE(name, prints, how, formula)                                                               \
  template <typename T> struct name##_dx {                                                                   \
    T n;                                                                                                     \
    __device__ T operator()(T x, T y, T dy, T m) const {                                                     \
      (void)x, (void)y, (void)m;                                                                             \
      return (formula);                                                                                      \
    }                                                                                                        \
  };
#include "ops/elementwise.def"

template <typename T, typename F>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dout, gd_tensor *dx, bool add) {
  const gd_tensor *in = n->in[0];
  int64_t shape[GD_MAX_DIMS]; /* of the results with their dimensions kept as 1: it broadcasts to x */
  for (int i = 0; i < in->ndim; i++) shape[i] = gdi_reduce_of(n)->dims >> i & 1 ? 1 : in->shape[i];
  const gdi_array<const T> x = gdi_from<T>(in), dy = {(const T *)dout->data, in->ndim, shape},
                           y = {(const T *)n->out->data, in->ndim, shape};
  gdi_array<const T> m = y; /* sum and mean have none and do not look */
  if (n->saved[0]) m.data = (const T *)n->saved[0]->data;
  const T count = (T)(gdi_reduce_count(n) - gdi_reduce_of(n)->correction); /* which only var has */
  return gdi_walk(d, F{count}, add, gdi_to<T>(dx), x, y, dy, m);
}

#define GDI_REDUCE(name, prints, how, formula)                                                               \
  gd_status gdi_cuda_##name##_forward(gd_device *d, gd_node *n) {                                            \
    const size_t mark = gd_arena_mark(d->scratch);                                                           \
    gd_status st = n->out->dtype == GD_F64 ? forward_##how<double>(d, n) : forward_##how<float>(d, n);       \
    gd_arena_release(d->scratch, mark);                                                                      \
    return st;                                                                                               \
  }                                                                                                          \
  gd_status gdi_cuda_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                      \
                                       gd_tensor *const din[], const bool add[]) {                           \
    return dout->dtype == GD_F64 ? backward<double, name##_dx<double>>(d, n, dout, din[0], add[0])           \
                                 : backward<float, name##_dx<float>>(d, n, dout, din[0], add[0]);            \
  }
#include "ops/elementwise.def"
