/*
 * Transcendental functions for loops that must vectorise. The f32 ones are branch-free arithmetic, so a
 * vector lane and the scalar remainder of a loop give equal bits; f64, the reference precision, is libm's.
 *
 * The capital macros are what device/formulas.def is written in: they pick by the type of their argument.
 */
#ifndef GDI_CPU_MATH_H
#define GDI_CPU_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* x = n ln 2 + r, |r| <= ln 2 / 2, -125 <= n <= 128.  Returns expm1(r), a polynomial fitted to 0.05 ulp over
 * that range, and 2^(n-1), which is finite where 2^n is not. */
static inline float gdi_expm1_parts(float x, float *half_power) {
  const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
  float shifted = x * 0x1.715476p+0f + round;
  float n = shifted - round;
  float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 126) << 23;
  memcpy(half_power, &bits, sizeof bits);
  float q = 0.000198519949f;
  q = q * r + 0.0013943084f;
  q = q * r + 0.0083333822f;
  q = q * r + 0.0416663289f;
  q = q * r + 0.166666657f;
  q = q * r + 0.5f;
  return r + r * r * q;
}

/* Within 1.5 ulp; results below 2.4e-38 are 0, above the largest number infinity. NaN stays NaN. */
static inline float gdi_expf(float x) {
  const float low = -86.6f, high = 88.722839f;
  float half_power;
  float p = gdi_expm1_parts(x < low ? low : x > high ? high : x, &half_power);
  float y = 2 * (half_power + half_power * p);
  y = x < low ? 0 : y;
  return x > high ? INFINITY : y;
}

/* Within 2.5 ulp: tanh |x| = e / (e + 2), e = expm1(2 |x|); beyond 9.1 it rounds to 1. */
static inline float gdi_tanhf(float x) {
  float a = fabsf(x), half_power;
  float p = gdi_expm1_parts(a > 10 ? 20 : 2 * a, &half_power);
  float e = 2 * half_power * p + (2 * half_power - 1);
  return copysignf(e / (e + 2), x);
}

/* Within 3 ulp: erf |x| = -expm1(-x P(x)); P is fitted to -log(erfc x) / x over [0, 4], beyond which erf
 * rounds to 1. */
static inline float gdi_erff(float x) {
  float a = fabsf(x);
  a = a > 4 ? 4 : a;
  float P = 4.06969448e-05f;
  P = P * a - 0.000380914222f;
  P = P * a + 0.00125148532f;
  P = P * a + 0.000206102064f;
  P = P * a - 0.0193220079f;
  P = P * a + 0.102814518f;
  P = P * a + 0.636616468f;
  P = P * a + 1.12837923f;
  float half_power, p = gdi_expm1_parts(-a * P, &half_power);
  return copysignf((1 - 2 * half_power) - 2 * half_power * p, x);
}

#define EXP(x)    _Generic((x), float : gdi_expf, double : exp)(x)
#define TANH(x)   _Generic((x), float : gdi_tanhf, double : tanh)(x)
#define ERF(x)    _Generic((x), float : gdi_erff, double : erf)(x)
#define LOG(x)    _Generic((x), float : logf, double : log)(x)
#define LOG1P(x)  _Generic((x), float : log1pf, double : log1p)(x)
#define SQRT(x)   _Generic((x), float : sqrtf, double : sqrt)(x)
#define SIN(x)    _Generic((x), float : sinf, double : sin)(x)
#define COS(x)    _Generic((x), float : cosf, double : cos)(x)
#define ABS(x)    _Generic((x), float : fabsf, double : fabs)(x)
#define POW(x, y) _Generic((x), float : powf, double : pow)(x, y)

#endif
