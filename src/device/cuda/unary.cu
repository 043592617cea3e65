/*
 * y = f(x), element by element, from device/formulas.def. One kernel for all operations of a type, which
 * branches alike in all threads: these kernels wait for memory, and one for each operation takes minutes to
 * compile.
 */
#include "device/cuda/math.cuh"
#include "device/cuda/walk.cuh"

#define C(value) ((T)(value))

template <typename T> struct value {
  gdi_op op;
  T k0, k1;
  __device__ T operator()(T x) const {
    switch (op) {
#define GDI_UNARY(name, formula, derivative)                                                                 \
  case GDI_OP_##name: return (formula);                                                                      \
      #include "device/formulas.def"
    default: return x;
    }
  }
};

template <typename T> struct slope {
  gdi_op op;
  T k0, k1;
  __device__ T operator()(T x, T y, T dy) const {
    switch (op) {
#define GDI_UNARY(name, formula, derivative)                                                                 \
  case GDI_OP_##name: return (derivative);                                                                   \
      #include "device/formulas.def"
    default: return dy;
    }
  }
};

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const value<T> f = {n->op, (T)n->attr.a, (T)n->attr.b};
  return gdi_walk(d, f, false, gdi_to<T>(n->out), gdi_from<T>(n->in[0]));
}

gd_status gdi_cuda_unary_forward(gd_device *d, gd_node *n) {
  return n->out->dtype == GD_F64 ? forward<double>(d, n) : forward<float>(d, n);
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dout, gd_tensor *dx, bool add) {
  const slope<T> f = {n->op, (T)n->attr.a, (T)n->attr.b};
  return gdi_walk(d, f, add, gdi_to<T>(dx), gdi_from<T>(n->in[0]), gdi_from<T>(n->out), gdi_from<T>(dout));
}

gd_status gdi_cuda_unary_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  return (dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, dout, din[0], add[0]);
}
