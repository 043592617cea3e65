#include "device/convert.h"

#include <string.h>

typedef struct bf16 {
  uint16_t bits;
} bf16;

static float bf16_value(bf16 b) {
  uint32_t bits = (uint32_t)b.bits << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Round to nearest, ties to even; NaN stays NaN. */
static bf16 to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value) return (bf16){(uint16_t)(bits >> 16 | 64)};
  return (bf16){(uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

/* Limits as doubles; 2^63 itself does not fit. */
#define SATURATE(v, type, lo, hi, top)                                                                       \
  ((v) != (v) ? 0 : (double)(v) <= (double)(lo) ? (lo) : (double)(v) >= (top) ? (hi) : (type)(v))

#define TO_F32(v)  ((float)(v))
#define TO_F64(v)  ((double)(v))
#define TO_BF16(v) to_bf16((float)(v))
#define TO_I32(v)  SATURATE(v, int32_t, INT32_MIN, INT32_MAX, 0x1p31)
#define TO_I64(v)  SATURATE(v, int64_t, INT64_MIN, INT64_MAX, 0x1p63)
#define TO_U8(v)   SATURATE(v, uint8_t, 0, UINT8_MAX, 0x1p8)
#define PLAIN(v)   (v)

/* X(dtype, type in memory, its value) */
#define TYPES(X, ...)                                                                                        \
  X(F32, float, PLAIN, __VA_ARGS__)                                                                          \
  X(F64, double, PLAIN, __VA_ARGS__)                                                                         \
  X(BF16, bf16, bf16_value, __VA_ARGS__)                                                                     \
  X(I32, int32_t, PLAIN, __VA_ARGS__)                                                                        \
  X(I64, int64_t, PLAIN, __VA_ARGS__)                                                                        \
  X(U8, uint8_t, PLAIN, __VA_ARGS__)

#define FROM(dtype, type, value, to_dtype)                                                                   \
  case GD_##dtype:                                                                                           \
    for (int64_t i = 0; i < n; i++) to[i] = TO_##to_dtype(value(((const type *)from)[i]));                   \
    break;
#define INTO(to_type, to_dtype)                                                                              \
  static void into_##to_dtype(to_type *to, gd_dtype from_type, const void *from, int64_t n) {                \
    switch (from_type) { TYPES(FROM, to_dtype) }                                                             \
  }
INTO(float, F32)
INTO(double, F64)
INTO(bf16, BF16)
INTO(int32_t, I32)
INTO(int64_t, I64)
INTO(uint8_t, U8)

void gdi_convert(gd_dtype to_type, void *to, gd_dtype from_type, const void *from, int64_t n) {
  switch (to_type) {
#define CASE(dtype, type, value, unused)                                                                     \
  case GD_##dtype: into_##dtype(to, from_type, from, n); break;
    TYPES(CASE, )
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
