/*
 * Elementary functions of f32 without branches, calls or tables, so that loops over them become vector code,
 * and a GPU computes the bits of a CPU that has fused multiply-add.
 * Each is within 4 units in the last place of the true value over all of f32, denormals, infinities and NaN
 * included (tests/unit/cpu_vmath.c measures it). Polynomials are Chebyshev fits over the ranges named.
 */
#ifndef GDI_DEVICE_VMATH_H
#define GDI_DEVICE_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/both.h"

/* a b + c; rounded once where the machine can. */
GDI_BOTH float gdi_fmaf(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return fmaf(a, b, c);
#elif defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

GDI_BOTH float gdi_float_of(int32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

GDI_BOTH int32_t gdi_bits_of(float f) {
  int32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

/* 2^n, -126 <= n <= 127 */
GDI_BOTH float gdi_exp2_int(int32_t n) {
  return gdi_float_of((int32_t)((uint32_t)(n + 127) << 23));
}

/* e^x = 2^n e^r,  n = round(x / ln 2),  |r| <= ln 2 / 2,  e^r = 1 + r + r^2 p(r) */
GDI_BOTH float gdi_expf(float x) {
  const float magic = 0x1.8p23f; /* adding it rounds to an integer, found in the low bits */
  float c = x < -105 ? -105 : x; /* beyond, the result is 0 or inf anyway; NaN stays */
  c = c > 90 ? 90 : c;
  float shifted = gdi_fmaf(c, 0x1.715476p+0f, magic);
  float n = shifted - magic;
  float r = gdi_fmaf(n, -0x1.62e4p-1f, c);
  r = gdi_fmaf(n, -0x1.7f7d1cp-20f, r);
  float p = 0.00139263261f;
  p = gdi_fmaf(p, r, 0.00836329255f);
  p = gdi_fmaf(p, r, 0.0416665524f);
  p = gdi_fmaf(p, r, 0.166665763f);
  p = gdi_fmaf(p, r, 0.5f);
  p = gdi_fmaf(p * r, r, r) + 1;
  int32_t whole = gdi_bits_of(shifted) - gdi_bits_of(magic), half = whole >> 1;
  return p * gdi_exp2_int(half) * gdi_exp2_int(whole - half); /* in two steps: 2^whole may be no f32 */
}

/* log x = e ln 2 + log(1 + f),  sqrt(1/2) <= 1 + f < sqrt 2,  log(1 + f) = f - f^2 / 2 + f^3 p(f) */
GDI_BOTH float gdi_logf(float x) {
  float scaled = x < 0x1p-126f ? x * 0x1p23f : x;
  uint32_t bits = (uint32_t)gdi_bits_of(scaled);
  int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23; /* 0x3f3504f3: sqrt(1/2) */
  float n = (float)e - (x < 0x1p-126f ? 23.f : 0.f);
  float f = gdi_float_of((int32_t)(bits - ((uint32_t)e << 23))) - 1;
  float p = 0.0697161183f;
  p = gdi_fmaf(p, f, -0.114797339f);
  p = gdi_fmaf(p, f, 0.116854198f);
  p = gdi_fmaf(p, f, -0.124256872f);
  p = gdi_fmaf(p, f, 0.142490581f);
  p = gdi_fmaf(p, f, -0.166678026f);
  p = gdi_fmaf(p, f, 0.200007156f);
  p = gdi_fmaf(p, f, -0.24999997f);
  p = gdi_fmaf(p, f, 0.333333313f);
  float ff = f * f;
  float low = gdi_fmaf(ff * f, p, n * 0x1.7f7d1cp-20f);
  float y = gdi_fmaf(n, 0x1.62e4p-1f, gdi_fmaf(ff, -0.5f, low) + f);
  y = x < INFINITY ? y : x; /* inf and NaN are their own logarithms */
  y = x == 0 ? -INFINITY : y;
  return x < 0 ? NAN : y;
}

/* log(1 + x), accurate for small x: the rounding of 1 + x is put back to first order */
GDI_BOTH float gdi_log1pf(float x) {
  float u = 1 + x, lost = u - 1 - x;
  float y = gdi_logf(u);
  return u > 0 && u < INFINITY ? y - lost / u : y;
}

/* |x| < 0.6: x + x^3 p(x^2);  else 1 - 2 / (e^2|x| + 1) with the sign of x */
GDI_BOTH float gdi_tanhf(float x) {
  float a = fabsf(x), z = x * x;
  float p = -0.00626911968f;
  p = gdi_fmaf(p, z, 0.0211109594f);
  p = gdi_fmaf(p, z, -0.0538739488f);
  p = gdi_fmaf(p, z, 0.133329153f);
  p = gdi_fmaf(p, z, -0.333333313f);
  float small = gdi_fmaf(p * z, x, x);
  float large = copysignf(1 - 2 / (gdi_expf(2 * a) + 1), x);
  return a < 0.6f ? small : large;
}

/* 1 / (1 + e^-x), with all digits where it is small: e^x / (1 + e^x) for x < 0 */
GDI_BOTH float gdi_sigmoidf(float x) {
  float e = gdi_expf(-fabsf(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
GDI_BOTH float gdi_softplusf(float x) {
  return (x < 0 ? 0 : x) + gdi_log1pf(gdi_expf(-fabsf(x)));
}

/* e^(-x^2 / 2): the rounding of x^2 is put back, it would cost digits where the result is small */
GDI_BOTH float gdi_gaussf(float x) {
  float z = x * x, lost = gdi_fmaf(x, x, -z);
  float y = gdi_expf(-0.5f * z);
  return z < 210 ? gdi_fmaf(y, -0.5f * lost, y) : y;
}

/*
 * Normal distribution function, for gelu(x) = x cdf(x).
 * cdf(-t) = e^(-t^2 / 2) g(u) / (1 + t),  u = (t - 4) / (t + 4),  t >= 0;  cdf(t) = 1 - cdf(-t)
 */
GDI_BOTH float gdi_normal_cdff(float x) {
  float t = fabsf(x);
  t = t > 15 ? 15 : t;
  float u = (t - 4) / (t + 4);
  float p = -7.39324605e-05f;
  p = gdi_fmaf(p, u, -6.57207565e-05f);
  p = gdi_fmaf(p, u, 0.000691233552f);
  p = gdi_fmaf(p, u, -0.000300496991f);
  p = gdi_fmaf(p, u, -0.00500252098f);
  p = gdi_fmaf(p, u, 0.0179395489f);
  p = gdi_fmaf(p, u, -0.0321977288f);
  p = gdi_fmaf(p, u, 0.0286000278f);
  p = gdi_fmaf(p, u, 0.0139996307f);
  p = gdi_fmaf(p, u, -0.0967034698f);
  p = gdi_fmaf(p, u, 0.4720532f);
  float tail = gdi_gaussf(t) * (p / (1 + t));
  return x < 0 ? tail : 1 - tail;
}

/* The two of f64 that libm lacks. 0.5 (1 + erf(x / sqrt 2)), with all digits in the left tail */
GDI_BOTH double gdi_normal_cdf(double x) {
  return 0.5 * erfc(x * -0.70710678118654752440);
}

GDI_BOTH double gdi_gauss(double x) {
  return exp(-0.5 * x * x);
}

#endif
