/* 1 where it holds, else 0: from ops/elementwise.def. */
#include "device/cuda/walk.cuh"
#include "ops/ops.h"

#define GDI_COMPARE(name, prints, holds)                                                                     \
  template <typename T> struct op_##name {                                                                   \
    __device__ uint8_t operator()(T a, T b) const { return (holds); }                                        \
  };
#include "ops/elementwise.def"

template <typename T, typename F> static gd_status compare(gd_device *d, const gd_node *n, F f) {
  return gdi_walk(d, f, false, gdi_to<uint8_t>(n->out), gdi_from<T>(n->in[0]), gdi_from<T>(n->in[1]));
}

static gd_status no_kernel(const gd_node *n) {
  return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel for %s", n->op->name, gd_dtype_name(n->in[0]->dtype));
}

#define GDI_COMPARE(name, prints, holds)                                                                     \
  gd_status gdi_cuda_##name##_forward(gd_device *d, gd_node *n) {                                            \
    switch (n->in[0]->dtype) {                                                                               \
    case GD_F32: return compare<float>(d, n, op_##name<float>());                                            \
    case GD_F64: return compare<double>(d, n, op_##name<double>());                                          \
    case GD_I32: return compare<int32_t>(d, n, op_##name<int32_t>());                                        \
    case GD_I64: return compare<int64_t>(d, n, op_##name<int64_t>());                                        \
    case GD_U8: return compare<uint8_t>(d, n, op_##name<uint8_t>());                                         \
    default: return no_kernel(n);                                                                            \
    }                                                                                                        \
  }
#include "ops/elementwise.def"
