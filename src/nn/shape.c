/* Shapes of samples, as they go through a model that is built. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"

int64_t gd_shape_numel(const gd_shape *s) {
  int64_t n = 1;
  for (int i = 0; i < s->ndim; i++)
    if (__builtin_mul_overflow(n, s->dim[i], &n)) return -1;
  return n;
}

const char *gd_shape_text(const gd_shape *s, char *buf, size_t bytes) {
  size_t at = (size_t)snprintf(buf, bytes, "[");
  for (int i = 0; i < s->ndim && at < bytes; i++)
    at += (size_t)snprintf(buf + at, bytes - at, "%s%lld", i ? ", " : "", (long long)s->dim[i]);
  if (at < bytes) snprintf(buf + at, bytes - at, "]");
  return buf;
}

gd_status gd_shape_dim(const gd_shape *s, int64_t dim, int *out) {
  const int64_t counted = dim < 0 ? dim + s->ndim + 1 : dim;
  char text[160];
  if (counted < 1 || counted > s->ndim)
    return GD_FAIL(GD_ERR_SHAPE, "dim %lld is %s of samples %s: dimensions count from 0, which is the batch",
                   (long long)dim, counted == 0 ? "the batch" : "none", gd_shape_text(s, text, sizeof text));
  *out = (int)counted - 1;
  if (s->axes == GD_AXES_IMAGE) *out = (*out + s->ndim - 1) % s->ndim; /* C, H, W in [H, W, C] */
  return GD_OK;
}

bool gdi_shape_equal(const gd_shape *a, const gd_shape *b) {
  return a->dtype == b->dtype && a->ndim == b->ndim && a->axes == b->axes &&
         memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof *a->dim) == 0;
}

gd_status gdi_shape_of_children(gd_build *b) {
  (void)b;
  return GD_OK;
}

gd_status gd_shape_floats(gd_build *b) {
  for (int i = 0; i < b->n_in; i++)
    if (b->in[i].dtype != GD_F32 && b->in[i].dtype != GD_F64)
      return GD_FAIL(GD_ERR_SHAPE, "%s takes numbers, but its input is %s: indices need an embedding first",
                     b->cls->word, gd_dtype_name(b->in[i].dtype));
  return GD_OK;
}
