/* Philox4x32-10 as code to be inlined, for those that draw many at once (gd/rng.h names the source). */
#ifndef GDI_BASE_PHILOX_H
#define GDI_BASE_PHILOX_H

#include <stdint.h>

#include "base/both.h"

/* n counters side by side, replaced by their draws: word w of counter l is cw[l]. Vector code where n is a
 * constant. */
GDI_BOTH void gdi_philox(uint32_t k0, uint32_t k1, int n, uint32_t *c0, uint32_t *c1, uint32_t *c2,
                         uint32_t *c3) {
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int l = 0; l < n; l++) {
      uint64_t p0 = (uint64_t)0xD2511F53u * c0[l], p1 = (uint64_t)0xCD9E8D57u * c2[l];
      c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
      c1[l] = (uint32_t)p1;
      c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
      c3[l] = (uint32_t)p0;
    }
}

#endif
