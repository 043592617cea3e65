#include "base/digest.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digests are over little-endian bytes");

void gdi_sha256_text(gd_sha256 *h, const char *text) {
  gd_sha256_add(h, text, strlen(text) + 1);
}

void gdi_sha256_i64(gd_sha256 *h, int64_t value) {
  gd_sha256_add(h, &value, sizeof value);
}

void gdi_sha256_array(gd_sha256 *h, const char *name, gd_dtype type, int ndim, const int64_t shape[],
                      const void *data) {
  gdi_sha256_text(h, name);
  gdi_sha256_text(h, gd_dtype_name(type));
  gdi_sha256_i64(h, ndim);
  size_t bytes = gd_dtype_bytes(type);
  for (int i = 0; i < ndim; i++) {
    gdi_sha256_i64(h, shape[i]);
    bytes *= (size_t)shape[i];
  }
  if (data) gd_sha256_add(h, data, bytes);
}
