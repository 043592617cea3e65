#include "device/convert.h"

#include "device/values.h"

#define FROM(dtype, type, value, to_dtype)                                                                   \
  case GD_##dtype:                                                                                           \
    for (int64_t i = 0; i < n; i++) to[i] = GDI_TO_##to_dtype(value(((const type *)from)[i]));               \
    break;
#define INTO(to_type, to_dtype)                                                                              \
  static void into_##to_dtype(to_type *to, gd_dtype from_type, const void *from, int64_t n) {                \
    switch (from_type) { GDI_VALUE_TYPES(FROM, to_dtype) }                                                   \
  }
INTO(float, F32)
INTO(double, F64)
INTO(uint16_t, BF16)
INTO(int32_t, I32)
INTO(int64_t, I64)
INTO(uint8_t, U8)

void gdi_convert(gd_dtype to_type, void *to, gd_dtype from_type, const void *from, int64_t n) {
  switch (to_type) {
#define CASE(dtype, type, value, unused)                                                                     \
  case GD_##dtype: into_##dtype(to, from_type, from, n); break;
    GDI_VALUE_TYPES(CASE, )
  }
}

size_t gd_dtype_bytes(gd_dtype d) {
  static const size_t bytes[] = {
      [GD_F32] = 4, [GD_F64] = 8, [GD_BF16] = 2, [GD_I32] = 4, [GD_I64] = 8, [GD_U8] = 1};
  return bytes[d];
}

const char *gd_dtype_name(gd_dtype d) {
  static const char *const name[] = {[GD_F32] = "f32", [GD_F64] = "f64", [GD_BF16] = "bf16",
                                     [GD_I32] = "i32", [GD_I64] = "i64", [GD_U8] = "u8"};
  return name[d];
}

float gdi_from_half(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
  uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
  float value;
  if (exponent == 0) { /* zero and what is smaller than the smallest normal number: fraction / 2^24 */
    value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
  }
  memcpy(&value, &bits, sizeof value);
  return value;
}
