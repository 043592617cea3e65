/* y = f(a, b) with broadcasting, from device/formulas.def: one kernel for all operations, as in unary.cu. */
#include "device/cuda/broadcast.cuh"
#include "device/cuda/math.cuh"

#define C(value) ((T)(value))

template <typename T> struct value {
  gdi_op op;
  __device__ T operator()(T a, T b) const {
    switch (op) {
#define GDI_BINARY(name, formula, da, db)                                                                    \
  case GDI_OP_##name: return (formula);                                                                      \
      #include "device/formulas.def"
    default: return a;
    }
  }
};

/* Of the operand `of`, 0 or 1. */
template <typename T> struct slope {
  gdi_op op;
  int of;
  __device__ T operator()(T a, T b, T y, T dy) const {
    switch (op) {
#define GDI_BINARY(name, formula, da, db)                                                                    \
  case GDI_OP_##name: return of == 0 ? (T)(da) : (T)(db);                                                    \
      #include "device/formulas.def"
    default: return dy;
    }
  }
};

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const value<T> f = {n->op};
  return gdi_walk(d, f, false, gdi_to<T>(n->out), gdi_from<T>(n->in[0]), gdi_from<T>(n->in[1]));
}

gd_status gdi_cuda_binary_forward(gd_device *d, gd_node *n) {
  return n->out->dtype == GD_F64 ? forward<double>(d, n) : forward<float>(d, n);
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, int i, const gd_tensor *dout, gd_tensor *to,
                          bool add) {
  const slope<T> f = {n->op, i};
  return gdi_broadcast_gradient<T>(d, f, dout, to, add, gdi_from<T>(n->in[0]), gdi_from<T>(n->in[1]),
                                   gdi_from<T>(n->out), gdi_from<T>(dout));
}

gd_status gdi_cuda_binary_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  for (int i = 0; i < 2; i++)
    if (din[i])
      GD_TRY((dout->dtype == GD_F64 ? backward<double> : backward<float>)(d, n, i, dout, din[i], add[i]));
  return GD_OK;
}
