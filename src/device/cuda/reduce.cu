/* Reductions over a set of dimensions, their backward, and sums over what was broadcast. */
#include "device/cuda/broadcast.cuh"
#include "device/cuda/fold.cuh"
#include "device/cuda/math.cuh"

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

/* How many elements make up one result. */
static double count_of(const gd_node *n) {
  const gd_tensor *x = n->in[0];
  double count = 1;
  for (int i = 0; i < x->ndim; i++)
    if (n->attr.dims >> i & 1) count *= (double)x->shape[i];
  return count;
}

/* ---- forward ---- */

/* What backward asks for, of the results' shape; *values is NULL when there will be none. */
template <typename T> static gd_status keep(gd_node *n, T **values) {
  *values = NULL;
  if (!n->recorded) return GD_OK;
  GD_TRY(gdi_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
  *values = (T *)n->saved[0]->data;
  return GD_OK;
}

/* In two passes: the mean, then the squares of distances to it. */
template <typename T> static gd_status variance(gd_device *d, gd_node *n, const gdi_fold &f, double *centre) {
  const T *x = (const T *)n->in[0]->data;
  const double count = count_of(n);
  T *mean, *out = (T *)n->out->data;
  GD_TRY(keep(n, &mean));
  GD_TRY(gdi_fold_run<sums>(d, f, x, NULL, write_results<T>{mean, centre, count, false}));
  return gdi_fold_run<squares>(d, f, x, centre,
                               write_results<T>{out, NULL, count - n->attr.correction, false});
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

template <typename T> static gd_status reduce(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  const gdi_fold f = gdi_fold_of(x->ndim, x->shape, n->attr.dims);
  void *centre = NULL;
  if (n->op == GDI_OP_sum || n->op == GDI_OP_mean)
    return gdi_fold_run<sums>(
        d, f, (const T *)x->data, NULL,
        write_results<T>{(T *)n->out->data, NULL, n->op == GDI_OP_mean ? count_of(n) : 1, false});
  GD_TRY(gdi_cuda_scratch(d, f.kept.count, sizeof(double), &centre));
  if (n->op == GDI_OP_var) return variance<T>(d, n, f, (double *)centre);
  return (n->op == GDI_OP_max ? extreme<largest, T> : extreme<smallest, T>)(d, n, f, (double *)centre);
}

gd_status gdi_cuda_reduce_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = (n->out->dtype == GD_F64 ? reduce<double> : reduce<float>)(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
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

#define GDI_REDUCE(name, formula)                                                                            \
  template <typename T> struct name##_dx {                                                                   \
    T n;                                                                                                     \
    __device__ T operator()(T x, T y, T dy, T m) const {                                                     \
      (void)x, (void)y, (void)m;                                                                             \
      return (formula);                                                                                      \
    }                                                                                                        \
  };
#include "device/formulas.def"

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dout, gd_tensor *dx, bool add) {
  const gd_tensor *in = n->in[0];
  int64_t shape[GD_MAX_DIMS]; /* of the results with their dimensions kept as 1: it broadcasts to x */
  for (int i = 0; i < in->ndim; i++) shape[i] = n->attr.dims >> i & 1 ? 1 : in->shape[i];
  const gdi_array<const T> x = gdi_from<T>(in), dy = {(const T *)dout->data, in->ndim, shape},
                           y = {(const T *)n->out->data, in->ndim, shape};
  gdi_array<const T> m = y; /* sum and mean have none and do not look */
  if (n->saved[0]) m.data = (const T *)n->saved[0]->data;
  const T count = (T)(n->op == GDI_OP_var ? count_of(n) - n->attr.correction : count_of(n));
  switch (n->op) {
#define GDI_REDUCE(name, formula)                                                                            \
  case GDI_OP_##name:                                                                                        \
    return gdi_walk(d, name##_dx<T>{count}, add, gdi_to<T>(dx), x, y, dy, m);
#include "device/formulas.def"
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel", gdi_op_name(n->op));
  }
}

gd_status gdi_cuda_reduce_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  return (dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, dout, din[0], add[0]);
}
