/* y = f(a, b) with broadcasting, from ops/elementwise.def: one kernel for all operations, as in unary.cu. */
#include "ops/cuda/broadcast.cuh"
#include "device/cuda/math.cuh"
#include "ops/ops.h"

#define C(value) ((T)(value))

/* Which operation a kernel is to be. */
enum which {
#define GDI_BINARY(name, prints, formula, da, db) BINARY_##name,
#include "ops/elementwise.def"
};

#define CASE(name, value)                                                                                    \
  case BINARY_##name: return (value);

template <typename T> struct value_of {
  which op;
  __device__ T operator()(T a, T b) const {
    switch (op) {
#define GDI_BINARY(name, prints, formula, da, db) CASE(name, formula)
#include "ops/elementwise.def"
    default: return a;
    }
  }
};

/* Of the operand `of`, 0 or 1. */
template <typename T> struct slope_of {
  which op;
  int of;
  __device__ T operator()(T a, T b, T y, T dy) const {
    switch (op) {
#define GDI_BINARY(name, prints, formula, da, db) CASE(name, of == 0 ? (T)(da) : (T)(db))
#include "ops/elementwise.def"
    default: return dy;
    }
  }
};

template <typename T> static gd_status forward_as(gd_device *d, const gd_node *n, which op) {
  return gdi_walk(d, value_of<T>{op}, false, gdi_to<T>(n->out), gdi_from<T>(n->in[0]), gdi_from<T>(n->in[1]));
}

static gd_status forward(gd_device *d, const gd_node *n, which op) {
  return n->out->dtype == GD_F64 ? forward_as<double>(d, n, op) : forward_as<float>(d, n, op);
}

template <typename T>
static gd_status backward_as(gd_device *d, const gd_node *n, which op, int i, const gd_tensor *dout,
                             gd_tensor *to, bool add) {
  const slope_of<T> f = {op, i};
  return gdi_broadcast_gradient<T>(d, f, dout, to, add, gdi_from<T>(n->in[0]), gdi_from<T>(n->in[1]),
                                   gdi_from<T>(n->out), gdi_from<T>(dout));
}

static gd_status backward(gd_device *d, const gd_node *n, which op, const gd_tensor *dout,
                          gd_tensor *const din[], const bool add[]) {
  for (int i = 0; i < 2; i++)
    if (din[i])
      GD_TRY((dout->dtype == GD_F64 ? backward_as<double> : backward_as<float>)(d, n, op, i, dout, din[i],
                                                                                add[i]));
  return GD_OK;
}

#define GDI_BINARY(name, prints, formula, da, db)                                                            \
  gd_status gdi_cuda_##name##_forward(gd_device *d, gd_node *n) {                                            \
    return forward(d, n, BINARY_##name);                                                                     \
  }                                                                                                          \
  gd_status gdi_cuda_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                      \
                                       gd_tensor *const din[], const bool add[]) {                           \
    return backward(d, n, BINARY_##name, dout, din, add);                                                    \
  }
#include "ops/elementwise.def"
