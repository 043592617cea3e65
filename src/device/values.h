/* Conversion between element types, one value at a time, on the host and on a GPU. */
#ifndef GDI_DEVICE_VALUES_H
#define GDI_DEVICE_VALUES_H

#include <stdint.h>
#include <string.h>

#include "base/both.h"

/* bf16 is its 16 bits in memory: the upper half of a float. */
GDI_BOTH float gdi_bf16_value(uint16_t bf16) {
  const uint32_t bits = (uint32_t)bf16 << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Round to nearest, ties to even; NaN stays NaN. */
GDI_BOTH uint16_t gdi_bf16_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value) return (uint16_t)(bits >> 16 | 64);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* Into integers: towards zero, what does not fit becomes the nearest that does, NaN 0. 2^63 itself does not
 * fit. */
#define GDI_SATURATE(v, type, lo, hi, top)                                                                   \
  ((v) != (v)                    ? (type)0                                                                   \
   : (double)(v) <= (double)(lo) ? (type)(lo)                                                                \
   : (double)(v) >= (top)        ? (type)(hi)                                                                \
                                 : (type)(v))

#define GDI_TO_F32(v)  ((float)(v))
#define GDI_TO_F64(v)  ((double)(v))
#define GDI_TO_BF16(v) gdi_bf16_of((float)(v))
#define GDI_TO_I32(v)  GDI_SATURATE(v, int32_t, INT32_MIN, INT32_MAX, 0x1p31)
#define GDI_TO_I64(v)  GDI_SATURATE(v, int64_t, INT64_MIN, INT64_MAX, 0x1p63)
#define GDI_TO_U8(v)   GDI_SATURATE(v, uint8_t, 0, UINT8_MAX, 0x1p8)
#define GDI_PLAIN(v)   (v)

/* X(dtype, type in memory, its value, ...) */
#define GDI_VALUE_TYPES(X, ...)                                                                              \
  X(F32, float, GDI_PLAIN, __VA_ARGS__)                                                                      \
  X(F64, double, GDI_PLAIN, __VA_ARGS__)                                                                     \
  X(BF16, uint16_t, gdi_bf16_value, __VA_ARGS__)                                                             \
  X(I32, int32_t, GDI_PLAIN, __VA_ARGS__)                                                                    \
  X(I64, int64_t, GDI_PLAIN, __VA_ARGS__)                                                                    \
  X(U8, uint8_t, GDI_PLAIN, __VA_ARGS__)

#endif
