#include "base/turn.h"

#include <string.h>

void gdi_turn(void *to, const void *from, size_t width, int ndim, const int64_t shape[]) {
  int64_t n = ndim > 0 ? 1 : 0, rows = 1, columns = ndim > 1 ? shape[ndim - 1] : 1;
  for (int d = 0; d < ndim; d++) n *= shape[d];
  if (n == 0) return;
  rows = n / columns; /* the last dimension takes the longest strides in `from` */
  char *out = to;
  for (int64_t r = 0; r < rows; r++) {
    int64_t at = 0, rest = r; /* r counts all dimensions but the last, the one before the last fastest */
    int64_t stride = rows;
    const int leading = ndim > 1 ? ndim - 1 : ndim;
    for (int d = leading - 1; d >= 0; d--) {
      stride /= shape[d];
      at += rest % shape[d] * stride;
      rest /= shape[d];
    }
    for (int64_t c = 0; c < columns; c++, out += width)
      memcpy(out, (const char *)from + (size_t)(at + c * rows) * width, width);
  }
}
