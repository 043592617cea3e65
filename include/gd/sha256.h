/** @file sha256.h  SHA-256 (FIPS 180-4): digests of parameters, data and checkpoints. */
#ifndef GD_SHA256_H
#define GD_SHA256_H

#include "gd/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gd_sha256 {
  uint32_t state[8];
  uint64_t bytes;
  uint8_t block[64];
} gd_sha256;

typedef struct gd_digest {
  uint8_t byte[32];
} gd_digest;

GD_API void gd_sha256_init(gd_sha256 *h);
GD_API void gd_sha256_add(gd_sha256 *h, const void *data, size_t bytes);
GD_API gd_digest gd_sha256_end(gd_sha256 *h);
/** 64 hexadecimal digits and a NUL. */
GD_API void gd_digest_hex(const gd_digest *d, char hex[65]);

#ifdef __cplusplus
}
#endif
#endif
