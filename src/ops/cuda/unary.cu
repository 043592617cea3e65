/*
 * y = f(x), element by element, from ops/elementwise.def. One kernel for all operations of a type, which
 * branches alike in all threads: these kernels wait for memory, and one for each operation takes minutes to
 * compile.
 */
#include "device/cuda/math.cuh"
#include "device/cuda/walk.cuh"
#include "ops/ops.h"

#define C(value) ((T)(value))

/* Which operation a kernel is to be. */
enum which {
#define GDI_UNARY(name, prints, formula, derivative)                  UNARY_##name,
#define GDI_UNARY_1(name, prints, k0, formula, derivative)            UNARY_##name,
#define GDI_UNARY_2(name, prints, k0, k1, holds, formula, derivative) UNARY_##name,
#include "ops/elementwise.def"
};

#define NUMBER(k, i) const T k = number[i];
#define CASE(name, numbers, value)                                                                           \
  case UNARY_##name: {                                                                                       \
    numbers return (value);                                                                                  \
  }

template <typename T> struct value_of {
  which op;
  T number[2];
  __device__ T operator()(T x) const {
    switch (op) {
#define GDI_UNARY(name, prints, formula, derivative)       CASE(name, , formula)
#define GDI_UNARY_1(name, prints, k0, formula, derivative) CASE(name, NUMBER(k0, 0), formula)
#define GDI_UNARY_2(name, prints, k0, k1, holds, formula, derivative)                                        \
  CASE(name, NUMBER(k0, 0) NUMBER(k1, 1), formula)
#include "ops/elementwise.def"
    default: return x;
    }
  }
};

template <typename T> struct slope_of {
  which op;
  T number[2];
  __device__ T operator()(T x, T y, T dy) const {
    switch (op) {
#define GDI_UNARY(name, prints, formula, derivative)       CASE(name, , derivative)
#define GDI_UNARY_1(name, prints, k0, formula, derivative) CASE(name, NUMBER(k0, 0), derivative)
#define GDI_UNARY_2(name, prints, k0, k1, holds, formula, derivative)                                        \
  CASE(name, NUMBER(k0, 0) NUMBER(k1, 1), derivative)
#include "ops/elementwise.def"
    default: return dy;
    }
  }
};

template <typename T> static gd_status forward_as(gd_device *d, const gd_node *n, which op) {
  const double *k = ((const gdi_numbers *)n->params)->k;
  const value_of<T> f = {op, {(T)k[0], (T)k[1]}};
  return gdi_walk(d, f, false, gdi_to<T>(n->out), gdi_from<T>(n->in[0]));
}

static gd_status forward(gd_device *d, const gd_node *n, which op) {
  return n->out->dtype == GD_F64 ? forward_as<double>(d, n, op) : forward_as<float>(d, n, op);
}

template <typename T>
static gd_status backward_as(gd_device *d, const gd_node *n, which op, const gd_tensor *dout, gd_tensor *dx,
                             bool add) {
  const double *k = ((const gdi_numbers *)n->params)->k;
  const slope_of<T> f = {op, {(T)k[0], (T)k[1]}};
  return gdi_walk(d, f, add, gdi_to<T>(dx), gdi_from<T>(n->in[0]), gdi_from<T>(n->out), gdi_from<T>(dout));
}

static gd_status backward(gd_device *d, const gd_node *n, which op, const gd_tensor *dout, gd_tensor *dx,
                          bool add) {
  return dout->dtype == GD_F64 ? backward_as<double>(d, n, op, dout, dx, add)
                               : backward_as<float>(d, n, op, dout, dx, add);
}

#define KERNELS(name)                                                                                        \
  gd_status gdi_cuda_##name##_forward(gd_device *d, gd_node *n) {                                            \
    return forward(d, n, UNARY_##name);                                                                      \
  }                                                                                                          \
  gd_status gdi_cuda_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                      \
                                       gd_tensor *const din[], const bool add[]) {                           \
    return backward(d, n, UNARY_##name, dout, din[0], add[0]);                                               \
  }
#define GDI_UNARY(name, prints, formula, derivative)                  KERNELS(name)
#define GDI_UNARY_1(name, prints, k0, formula, derivative)            KERNELS(name)
#define GDI_UNARY_2(name, prints, k0, k1, holds, formula, derivative) KERNELS(name)
#include "ops/elementwise.def"
