/* Every element becomes one value. */
#include "device/cuda/walk.cuh"
#include "device/values.h"

template <typename T> struct constant {
  T value;
  __device__ T operator()() const { return value; }
};

gd_status gdi_cuda_fill(gd_device *d, gd_dtype type, void *to, int64_t n, double value) {
  switch (type) {
#define CASE(dtype, memory_type, unused_value, unused)                                                       \
  case GD_##dtype:                                                                                           \
    return gdi_walk(d, constant<memory_type>{GDI_TO_##dtype(value)}, false,                                  \
                    gdi_array<memory_type>{(memory_type *)to, 1, &n});
    GDI_VALUE_TYPES(CASE, )
  default: return GD_FAIL(GD_ERR_NO_KERNEL, "fill: no kernel for %s", gd_dtype_name(type));
  }
}
