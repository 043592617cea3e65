/* Comparisons, where, argmax. */
#include "device/cuda/broadcast.cuh"
#include "device/cuda/fold.cuh"

/* ---- comparisons ---- */

#define GDI_COMPARE(name, holds)                                                                             \
  template <typename T> struct op_##name {                                                                   \
    __device__ uint8_t operator()(T a, T b) const { return (holds); }                                        \
  };
#include "device/formulas.def"

static gd_status no_kernel(const gd_node *n) {
  return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel for %s", gdi_op_name(n->op),
                 gd_dtype_name(n->in[0]->dtype));
}

template <typename T> static gd_status compare(gd_device *d, const gd_node *n) {
  const gdi_array<const T> a = gdi_from<T>(n->in[0]), b = gdi_from<T>(n->in[1]);
  switch (n->op) {
#define GDI_COMPARE(name, holds)                                                                             \
  case GDI_OP_##name:                                                                                        \
    return gdi_walk(d, op_##name<T>(), false, gdi_to<uint8_t>(n->out), a, b);
#include "device/formulas.def"
  default: return no_kernel(n);
  }
}

gd_status gdi_cuda_compare_forward(gd_device *d, gd_node *n) {
  switch (n->in[0]->dtype) {
  case GD_F32: return compare<float>(d, n);
  case GD_F64: return compare<double>(d, n);
  case GD_I32: return compare<int32_t>(d, n);
  case GD_I64: return compare<int64_t>(d, n);
  case GD_U8: return compare<uint8_t>(d, n);
  default: return no_kernel(n);
  }
}

/* ---- where ---- */

template <typename T> struct choose {
  __device__ T operator()(uint8_t c, T a, T b) const { return c ? a : b; }
};

/* The gradient of the operand that is taken when the condition is `taken`. */
template <typename T> struct choose_back {
  bool taken;
  __device__ T operator()(uint8_t c, T dy) const { return (c != 0) == taken ? dy : 0; }
};

template <typename T> static gd_status where(gd_device *d, const gd_node *n) {
  return gdi_walk(d, choose<T>(), false, gdi_to<T>(n->out), gdi_from<uint8_t>(n->in[0]),
                  gdi_from<T>(n->in[1]), gdi_from<T>(n->in[2]));
}

gd_status gdi_cuda_where_forward(gd_device *d, gd_node *n) {
  return n->out->dtype == GD_F64 ? where<double>(d, n) : where<float>(d, n);
}

template <typename T>
static gd_status where_back(gd_device *d, const gd_node *n, int i, const gd_tensor *dout, gd_tensor *to,
                            bool add) {
  return gdi_broadcast_gradient<T>(d, choose_back<T>{i == 1}, dout, to, add, gdi_from<uint8_t>(n->in[0]),
                                   gdi_from<T>(dout));
}

gd_status gdi_cuda_where_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  for (int i = 1; i < 3; i++)
    if (din[i])
      GD_TRY((dout->dtype == GD_F64 ? where_back<double> : where_back<float>)(d, n, i, dout, din[i], add[i]));
  return GD_OK;
}

/* ---- argmax ---- */

typedef struct best {
  double value; /* holds any f32 too */
  int64_t at;   /* -1: none yet */
} best;

/* The first largest; the first NaN counts as larger than all. Lanes hold no runs, so that `at` decides among
 * equals. */
struct first_largest {
  typedef best acc;
  static __device__ best start() { return {0, -1}; }
  static __device__ best take(best s, double v, int64_t r, double) { return join(s, {v, r}); }
  static __device__ best join(best s, best t) {
    if (s.at < 0 || t.at < 0) return s.at < 0 ? t : s;
    const bool s_nan = s.value != s.value, t_nan = t.value != t.value;
    const bool same = s.value == t.value || (s_nan && t_nan), more = t.value > s.value || (t_nan && !s_nan);
    return more || (same && t.at < s.at) ? t : s;
  }
};

struct write_index {
  int64_t *to;
  __device__ void operator()(int64_t o, int64_t, best s) const { to[o] = s.at; }
};

gd_status gdi_cuda_argmax_forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  const gdi_fold f = gdi_fold_of(x->ndim, x->shape, 1u << n->attr.dim);
  const write_index write = {(int64_t *)n->out->data};
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = x->dtype == GD_F64 ? gdi_fold_run<first_largest>(d, f, (const double *)x->data, NULL, write)
                                    : gdi_fold_run<first_largest>(d, f, (const float *)x->data, NULL, write);
  gd_arena_release(d->scratch, mark);
  return st;
}
