/* Digests of arrays: the one form in which named values are hashed, for parameters and for checkpoints. */
#ifndef GDI_BASE_DIGEST_H
#define GDI_BASE_DIGEST_H

#include "gd/sha256.h"
#include "gd/tensor.h"

/* Adds name + NUL, name of the type + NUL, ndim and extents (u64), the values: all little-endian.
 * data == NULL: without the values. */
void gdi_sha256_array(gd_sha256 *h, const char *name, gd_dtype type, int ndim, const int64_t shape[],
                      const void *data);
void gdi_sha256_text(gd_sha256 *h, const char *text); /* with its NUL, so that two texts are not one */
void gdi_sha256_i64(gd_sha256 *h, int64_t value);

#endif
