/*
 * SHA-256 with the SHA extensions of x86. An instruction does two rounds on the state held as two vectors,
 * {F,E,B,A} and {H,G,D,C} from the lowest lane up; what was the first becomes the second.
 *
 * These instructions are not encoded as AVX's are. On Intel processors every change between the two costs
 * hundreds of cycles while the upper halves of vector registers are in use: 8 MB/s, where 1200 are possible. So
 * this file is compiled without AVX, and clears those halves first.
 */
#include "base/sha256_blocks.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

static bool has_instructions(void) {
  static atomic_int known; /* 1: no, 2: yes. Asking the processor is slow in a virtual machine */
  int k = atomic_load_explicit(&known, memory_order_relaxed);
  if (k == 0) {
    unsigned a, b, c, d;
    k = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA && __builtin_cpu_supports("sse4.1") ? 2 : 1;
    atomic_store_explicit(&known, k, memory_order_relaxed);
  }
  return k == 2;
}

__attribute__((target("sha,sse4.1"))) static void compress(__m128i *abef, __m128i *cdgh, const uint8_t *p) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i abef0 = *abef, cdgh0 = *cdgh;
  __m128i w[4];
  for (int i = 0; i < 4; i++)
    w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), big_endian);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) { /* four rounds, with words 4i to 4i + 3 */
    __m128i *now = &w[i % 4], before = w[(i + 3) % 4];
    if (i >= 4) {
      __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) % 4]),
                                  _mm_alignr_epi8(before, w[(i + 2) % 4], 4));
      *now = _mm_sha256msg2_epu32(sum, before);
    }
    __m128i wk = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)(gdi_sha256_constants + 4 * i)));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_unpackhi_epi64(wk, wk));
  }
  *abef = _mm_add_epi32(*abef, abef0);
  *cdgh = _mm_add_epi32(*cdgh, cdgh0);
}

__attribute__((target("sha,sse4.1"))) static void compress_all(uint32_t s[8], const uint8_t *p,
                                                               size_t blocks) {
  __m128i abef = _mm_setr_epi32((int)s[5], (int)s[4], (int)s[1], (int)s[0]);
  __m128i cdgh = _mm_setr_epi32((int)s[7], (int)s[6], (int)s[3], (int)s[2]);
  for (; blocks > 0; blocks--, p += 64) compress(&abef, &cdgh, p);
  uint32_t x[4], y[4];
  _mm_storeu_si128((__m128i *)x, abef);
  _mm_storeu_si128((__m128i *)y, cdgh);
  s[0] = x[3], s[1] = x[2], s[2] = y[3], s[3] = y[2];
  s[4] = x[1], s[5] = x[0], s[6] = y[1], s[7] = y[0];
}

bool gdi_sha256_x86(uint32_t state[8], const uint8_t *p, size_t blocks) {
  if (!has_instructions()) return false;
  if (__builtin_cpu_supports("avx")) __asm__ volatile("vzeroupper" ::: "memory");
  compress_all(state, p, blocks);
  return true;
}

#else

bool gdi_sha256_x86(uint32_t state[8], const uint8_t *p, size_t blocks) {
  (void)state, (void)p, (void)blocks;
  return false;
}

#endif
