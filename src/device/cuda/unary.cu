/* y = f(x), element by element: functors made from device/formulas.def. */
#include "device/cuda/math.cuh"
#include "device/cuda/walk.cuh"

#define C(value) ((T)(value))

#define GDI_UNARY(name, formula, derivative)                                                                 \
  template <typename T> struct name##_y {                                                                    \
    T k0, k1;                                                                                                \
    __device__ T operator()(T x) const { return (formula); }                                                 \
  };                                                                                                         \
  template <typename T> struct name##_dx {                                                                   \
    T k0, k1;                                                                                                \
    __device__ T operator()(T x, T y, T dy) const {                                                          \
      (void)x, (void)y;                                                                                      \
      return (derivative);                                                                                   \
    }                                                                                                        \
  };
#include "device/formulas.def"

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const T a = (T)n->attr.a, b = (T)n->attr.b;
  switch (n->op) {
#define GDI_UNARY(name, formula, derivative)                                                                 \
  case GDI_OP_##name:                                                                                        \
    return gdi_walk(d, name##_y<T>{a, b}, false, gdi_to<T>(n->out), gdi_from<T>(n->in[0]));
#include "device/formulas.def"
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel", gdi_op_name(n->op));
  }
}

gd_status gdi_cuda_unary_forward(gd_device *d, gd_node *n) {
  return n->out->dtype == GD_F64 ? forward<double>(d, n) : forward<float>(d, n);
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dout, gd_tensor *dx, bool add) {
  const T a = (T)n->attr.a, b = (T)n->attr.b;
  const gdi_array<const T> x = gdi_from<T>(n->in[0]), y = gdi_from<T>(n->out), dy = gdi_from<T>(dout);
  switch (n->op) {
#define GDI_UNARY(name, formula, derivative)                                                                 \
  case GDI_OP_##name:                                                                                        \
    return gdi_walk(d, name##_dx<T>{a, b}, add, gdi_to<T>(dx), x, y, dy);
#include "device/formulas.def"
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel", gdi_op_name(n->op));
  }
}

gd_status gdi_cuda_unary_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  return (dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, dout, din[0], add[0]);
}
