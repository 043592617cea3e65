/* Every element becomes one value. */
#include "device/convert.h"
#include "device/cuda/walk.cuh"

template <typename T> struct constant {
  T value;
  __device__ T operator()() const { return value; }
};

template <typename T> static gd_status fill(gd_device *d, void *to, int64_t n, const void *value) {
  constant<T> f;
  memcpy(&f.value, value, sizeof f.value);
  return gdi_walk(d, f, false, gdi_array<T>{(T *)to, 1, &n});
}

gd_status gdi_cuda_fill(gd_device *d, gd_dtype type, void *to, int64_t n, double value) {
  uint64_t bits = 0;
  gdi_convert(type, &bits, GD_F64, &value, 1);
  switch (gd_dtype_bytes(type)) {
  case 1: return fill<uint8_t>(d, to, n, &bits);
  case 2: return fill<uint16_t>(d, to, n, &bits);
  case 4: return fill<uint32_t>(d, to, n, &bits);
  default: return fill<uint64_t>(d, to, n, &bits);
  }
}
