/* y = f(a, b) with broadcasting: functors made from device/formulas.def. */
#include "device/cuda/broadcast.cuh"
#include "device/cuda/math.cuh"

#define C(value) ((T)(value))

#define DERIVATIVE(name, formula)                                                                            \
  template <typename T> struct name {                                                                        \
    __device__ T operator()(T a, T b, T y, T dy) const {                                                     \
      (void)a, (void)b, (void)y;                                                                             \
      return (formula);                                                                                      \
    }                                                                                                        \
  };
#define GDI_BINARY(name, formula, da, db)                                                                    \
  template <typename T> struct name##_y {                                                                    \
    __device__ T operator()(T a, T b) const { return (formula); }                                            \
  };                                                                                                         \
  DERIVATIVE(name##_da, da)                                                                                  \
  DERIVATIVE(name##_db, db)
#include "device/formulas.def"

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const gdi_array<const T> a = gdi_from<T>(n->in[0]), b = gdi_from<T>(n->in[1]);
  switch (n->op) {
#define GDI_BINARY(name, formula, da, db)                                                                    \
  case GDI_OP_##name:                                                                                        \
    return gdi_walk(d, name##_y<T>(), false, gdi_to<T>(n->out), a, b);
#include "device/formulas.def"
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel", gdi_op_name(n->op));
  }
}

gd_status gdi_cuda_binary_forward(gd_device *d, gd_node *n) {
  return n->out->dtype == GD_F64 ? forward<double>(d, n) : forward<float>(d, n);
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, int i, const gd_tensor *dout, gd_tensor *to,
                          bool add) {
  const gdi_array<const T> a = gdi_from<T>(n->in[0]), b = gdi_from<T>(n->in[1]), y = gdi_from<T>(n->out),
                           dy = gdi_from<T>(dout);
  switch (n->op) {
#define GDI_BINARY(name, formula, da, db)                                                                    \
  case GDI_OP_##name:                                                                                        \
    return i == 0 ? gdi_broadcast_gradient<T>(d, name##_da<T>(), dout, to, add, a, b, y, dy)                 \
                  : gdi_broadcast_gradient<T>(d, name##_db<T>(), dout, to, add, a, b, y, dy);
#include "device/formulas.def"
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel", gdi_op_name(n->op));
  }
}

gd_status gdi_cuda_binary_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  for (int i = 0; i < 2; i++)
    if (din[i])
      GD_TRY((dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, i, dout, din[i], add[i]));
  return GD_OK;
}
