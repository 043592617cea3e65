#include "base/sha256_blocks.h"

#include <string.h>

const uint32_t gdi_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t ror(uint32_t x, int n) {
  return x >> n | x << (32 - n);
}

static void compress_block(uint32_t s[8], const uint8_t *p) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++)
    w[i] =
        (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
           (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
  uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 =
        h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) + gdi_sha256_constants[i] + w[i];
    uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

void gdi_sha256_portable(uint32_t state[8], const uint8_t *p, size_t blocks) {
  for (; blocks > 0; blocks--, p += 64) compress_block(state, p);
}

static void compress(uint32_t state[8], const uint8_t *p, size_t blocks) {
  if (!gdi_sha256_x86(state, p, blocks)) gdi_sha256_portable(state, p, blocks);
}

void gd_sha256_init(gd_sha256 *h) {
  *h = (gd_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                             0x1f83d9ab, 0x5be0cd19}};
}

void gd_sha256_add(gd_sha256 *h, const void *data, size_t bytes) {
  const uint8_t *p = data;
  while (bytes > 0) {
    size_t held = h->bytes % 64, room = 64 - held, n = bytes < room ? bytes : room;
    if (held == 0 && n == 64) {
      n = bytes / 64 * 64;
      compress(h->state, p, n / 64);
    } else {
      memcpy(h->block + held, p, n);
      if (held + n == 64) compress(h->state, h->block, 1);
    }
    h->bytes += n, p += n, bytes -= n;
  }
}

gd_digest gd_sha256_end(gd_sha256 *h) {
  const uint64_t bits = h->bytes * 8;
  const uint8_t one = 0x80, zero = 0;
  gd_sha256_add(h, &one, 1);
  while (h->bytes % 64 != 56) gd_sha256_add(h, &zero, 1);
  uint8_t length[8];
  for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
  gd_sha256_add(h, length, 8);
  gd_digest d;
  for (int i = 0; i < 32; i++) d.byte[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
  return d;
}

void gd_digest_hex(const gd_digest *d, char hex[65]) {
  static const char digit[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) hex[2 * i] = digit[d->byte[i] >> 4], hex[2 * i + 1] = digit[d->byte[i] & 15];
  hex[64] = 0;
}
