/* What ops/elementwise.def is written in, for float and double. Those of float are the CPU's own. */
#ifndef GDI_CUDA_MATH_CUH
#define GDI_CUDA_MATH_CUH

#include <cuda_runtime.h>
#include <math.h>

#include "device/vmath.h"

#define OVERLOAD(NAME, single, exact)                                                                        \
  static inline __device__ float NAME(float x) {                                                             \
    return single(x);                                                                                        \
  }                                                                                                          \
  static inline __device__ double NAME(double x) {                                                           \
    return exact(x);                                                                                         \
  }
OVERLOAD(EXP, gdi_expf, exp)
OVERLOAD(TANH, gdi_tanhf, tanh)
OVERLOAD(CDF, gdi_normal_cdff, gdi_normal_cdf) /* of the normal distribution */
OVERLOAD(GAUSS, gdi_gaussf, gdi_gauss)         /* e^(-x^2 / 2) */
OVERLOAD(LOG, gdi_logf, log)
OVERLOAD(LOG1P, gdi_log1pf, log1p)
OVERLOAD(SQRT, sqrtf, sqrt)
OVERLOAD(SIN, sinf, sin)
OVERLOAD(COS, cosf, cos)
OVERLOAD(ABS, fabsf, fabs)
#undef OVERLOAD

static inline __device__ float POW(float x, float y) {
  return powf(x, y);
}
static inline __device__ double POW(double x, double y) {
  return pow(x, y);
}

#endif
