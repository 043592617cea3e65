/* The compression of SHA-256 over whole blocks of 64 bytes: in plain C, and by the instructions for it. */
#ifndef GDI_BASE_SHA256_BLOCKS_H
#define GDI_BASE_SHA256_BLOCKS_H

#include "gd/sha256.h"

extern const uint32_t gdi_sha256_constants[64];

void gdi_sha256_portable(uint32_t state[8], const uint8_t *p, size_t blocks);
/* False, and nothing done, where the processor has no such instructions. */
bool gdi_sha256_x86(uint32_t state[8], const uint8_t *p, size_t blocks);

#endif
