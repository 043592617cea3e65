/* Every element becomes one value, or has another added. */
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

template <typename T>
static gd_status add(gd_device *d, void *to, const void *from, int64_t rows, int64_t n) {
  const int64_t shape[] = {rows, n};
  return gdi_walk(d, gdi_same<T>(), true, gdi_array<T>{(T *)to, 2, shape},
                  gdi_array<const T>{(const T *)from, 1, shape + 1});
}

gd_status gdi_cuda_add_row(gd_device *d, gd_dtype type, void *to, const void *row, int64_t rows, int64_t n) {
  return type == GD_F64 ? add<double>(d, to, row, rows, n) : add<float>(d, to, row, rows, n);
}

gd_status gdi_cuda_accumulate(gd_device *d, gd_dtype type, void *to, const void *from, int64_t n) {
  return gdi_cuda_add_row(d, type, to, from, 1, n);
}
