/*
 * Transcendental functions for loops that must vectorise. The f32 ones are branch-free arithmetic, so a
 * vector lane and the scalar remainder of a loop give equal bits; f64, the reference precision, is libm's.
 *
 * The capital macros are what ops/elementwise.def is written in: they pick by the type of their argument.
 */
#ifndef GDI_CPU_MATH_H
#define GDI_CPU_MATH_H

#include "device/vmath.h"

#define EXP(x)  _Generic((x), float : gdi_expf, double : exp)(x)
#define TANH(x) _Generic((x), float : gdi_tanhf, double : tanh)(x)
#define CDF(x)                                                                                               \
  _Generic((x), float : gdi_normal_cdff, double : gdi_normal_cdf)(x)       /* of the normal distribution */
#define GAUSS(x)  _Generic((x), float : gdi_gaussf, double : gdi_gauss)(x) /* e^(-x^2 / 2) */
#define LOG(x)    _Generic((x), float : gdi_logf, double : log)(x)
#define LOG1P(x)  _Generic((x), float : gdi_log1pf, double : log1p)(x)
#define SQRT(x)   _Generic((x), float : sqrtf, double : sqrt)(x)
#define SIN(x)    _Generic((x), float : sinf, double : sin)(x)
#define COS(x)    _Generic((x), float : cosf, double : cos)(x)
#define ABS(x)    _Generic((x), float : fabsf, double : fabs)(x)
#define POW(x, y) _Generic((x), float : powf, double : pow)(x, y)

#endif
