/* Rounding to bf16, to the nearest, ties to even. */
#ifndef GDI_CUDA_BF16_CUH
#define GDI_CUDA_BF16_CUH

#include <cuda_runtime.h>
#include <stdint.h>

static __device__ __forceinline__ uint16_t gdi_to_bf16(float x) {
  const uint32_t bits = __float_as_uint(x), rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t)(x == x ? rounded : (bits >> 16 | 0x40)); /* NaN stays one, quiet */
}

#endif
