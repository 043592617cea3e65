/* Rounding to bf16, to the nearest, ties to even. */
#ifndef GDI_CUDA_BF16_CUH
#define GDI_CUDA_BF16_CUH

#include "device/cuda/pack.cuh"

static __device__ __forceinline__ uint16_t gdi_to_bf16(float x) {
  const uint32_t bits = __float_as_uint(x), rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t)(x == x ? rounded : (bits >> 16 | 0x40)); /* NaN stays one, quiet */
}

static __device__ __forceinline__ float gdi_of_bf16(uint16_t x) {
  return __uint_as_float((uint32_t)x << 16);
}

/* A pack in bf16. Only f32 values are ever asked for; that the others compile keeps kernels in one piece. */
template <typename T, int N>
static __device__ __forceinline__ gdi_pack<uint16_t, N> gdi_rounded(const gdi_pack<T, N> &p) {
  gdi_pack<uint16_t, N> r;
  for (int k = 0; k < N; k++) r.v[k] = gdi_to_bf16((float)p.v[k]);
  return r;
}

#endif
