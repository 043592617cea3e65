/* From one element type to another. */
#include "device/cuda/walk.cuh"
#include "device/values.h"
#include "ops/ops.h"

/* to_BF16: a functor from any type in memory to bf16 in memory. */
#define CALL(dtype, type, value, to_dtype, to_type)                                                          \
  __device__ to_type operator()(type v) const {                                                              \
    return GDI_TO_##to_dtype(value(v));                                                                      \
  }
#define INTO(dtype, type)                                                                                    \
  struct to_##dtype {                                                                                        \
    GDI_VALUE_TYPES(CALL, dtype, type)                                                                       \
  };
INTO(F32, float)
INTO(F64, double)
INTO(BF16, uint16_t)
INTO(I32, int32_t)
INTO(I64, int64_t)
INTO(U8, uint8_t)

template <typename F, typename Y>
static gd_status from_any(gd_device *d, F f, bool add, gdi_array<Y> y, const gd_tensor *x) {
  switch (x->dtype) {
#define CASE(dtype, type, value, unused)                                                                     \
  case GD_##dtype: return gdi_walk(d, f, add, y, gdi_from<type>(x));
    GDI_VALUE_TYPES(CASE, )
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "cast: no kernel for %s", gd_dtype_name(x->dtype));
  }
}

/* y (+)= x, each in its type. */
static gd_status convert(gd_device *d, const gd_tensor *y, bool add, const gd_tensor *x) {
  switch (y->dtype) {
#define TO_CASE(dtype, type, value, unused)                                                                  \
  case GD_##dtype: return from_any(d, to_##dtype(), add, gdi_to<type>(y), x);
    GDI_VALUE_TYPES(TO_CASE, )
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "cast: no kernel for %s", gd_dtype_name(y->dtype));
  }
}

gd_status gdi_cuda_cast_forward(gd_device *d, gd_node *n) {
  return convert(d, n->out, false, n->in[0]);
}

gd_status gdi_cuda_cast_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  (void)n;
  return convert(d, din[0], add[0], dout);
}
