/* Operands as the emulated units take them, for both libraries: f32 and f64 as they are, bf16 widened, f32 rounded to tf32. */
#ifndef GDI_EMULATED_UNITS_H
#define GDI_EMULATED_UNITS_H

#include <cstdint>
#include <cstring>

static inline float widened(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static inline uint16_t bf16_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)(x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40);
}

static inline float tf32_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x == x && (bits & 0x7f800000) != 0x7f800000) bits = (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/*
 * For the innermost loops, over vectors of the library's own, so that sanitizers have nothing to find there; with them, tests
 * of products took twice as long.
 */
#ifdef __SANITIZE_ADDRESS__
#define GDI_FAST __attribute__((no_sanitize_address, no_sanitize_undefined, optimize("O3")))
#else
#define GDI_FAST
#endif

#endif
