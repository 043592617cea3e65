/* Tensors: where they come from, how values get in and out. */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "device/convert.h"
#include "device/device.h"

int64_t gd_numel(const gd_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
  return n;
}

size_t gd_tensor_bytes(const gd_tensor *t) {
  return (size_t)gd_numel(t) * gd_dtype_bytes(t->dtype);
}

static gd_status check_shape(gd_dtype type, int ndim, const int64_t shape[]) {
  if (ndim < 0 || ndim > GD_MAX_DIMS)
    return GD_FAIL(GD_ERR_SHAPE, "a tensor has 0 to %d dimensions, not %d", GD_MAX_DIMS, ndim);
  size_t bytes = gd_dtype_bytes(type);
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0)
      return GD_FAIL(GD_ERR_SHAPE, "dimension %d of a tensor has the extent %lld", i, (long long)shape[i]);
    if (__builtin_mul_overflow(bytes, (size_t)shape[i], &bytes) || bytes > PTRDIFF_MAX)
      return GD_FAIL(GD_ERR_SHAPE,
                     "a tensor of %d dimensions up to extent %lld is too large for this machine", ndim,
                     (long long)shape[i]);
  }
  return GD_OK;
}

gd_status gdi_tensor_make(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                          const int64_t shape[], void *data) {
  gd_tensor *t = gd_arena_alloc(a, sizeof *t);
  *out = t;
  if (!t) return GD_ERR_OOM;
  *t = (gd_tensor){.data = data, .ndim = ndim, .dtype = type, .device = d, .arena = a};
  for (int i = 0; i < ndim; i++) t->shape[i] = shape[i];
  if (!data) t->data = gdi_arena_beside(a, &d->memory, gd_tensor_bytes(t));
  if (t->data) return GD_OK;
  *out = NULL;
  return GD_ERR_OOM;
}

gd_status gd_tensor_over(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                         const int64_t shape[], void *data) {
  *out = NULL;
  GD_TRY(check_shape(type, ndim, shape));
  return gdi_tensor_make(out, a, d, type, ndim, shape, data);
}

gd_status gd_tensor_new(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                        const int64_t shape[]) {
  return gd_tensor_over(out, a, d, type, ndim, shape, NULL);
}

static gd_status check_count(const gd_tensor *t, int64_t n) {
  if (n == gd_numel(t)) return GD_OK;
  char text[GDI_SHAPE_TEXT];
  return GD_FAIL(GD_ERR_SHAPE, "%lld values for a tensor of shape %s", (long long)n,
                 gdi_shape_text(t, text, sizeof text));
}

/* Values pass through a buffer of this many elements: converted there, moved to or from the device. */
enum { STAGE = 512 };

gd_status gd_tensor_set(gd_tensor *t, const double *values, int64_t n) {
  GD_TRY(check_count(t, n));
  const size_t bytes = gd_dtype_bytes(t->dtype);
  double stage[STAGE];
  for (int64_t at = 0; at < n; at += STAGE) {
    int64_t part = n - at < STAGE ? n - at : STAGE;
    gdi_convert(t->dtype, stage, GD_F64, values + at, part);
    GD_TRY(t->device->upload(t->device, (char *)t->data + (size_t)at * bytes, stage, (size_t)part * bytes));
  }
  return GD_OK;
}

gd_status gd_tensor_get(const gd_tensor *t, double *values, int64_t n) {
  GD_TRY(check_count(t, n));
  const size_t bytes = gd_dtype_bytes(t->dtype);
  double stage[STAGE];
  for (int64_t at = 0; at < n; at += STAGE) {
    int64_t part = n - at < STAGE ? n - at : STAGE;
    GD_TRY(t->device->download(t->device, stage, (char *)t->data + (size_t)at * bytes, (size_t)part * bytes));
    gdi_convert(GD_F64, values + at, t->dtype, stage, part);
  }
  return GD_OK;
}

double gd_item(const gd_tensor *t) {
  double value;
  if (!t || gd_numel(t) != 1 || gd_tensor_get(t, &value, 1) != GD_OK) return NAN;
  return value;
}

gd_status gd_tensor_fill(gd_tensor *t, double value) {
  return t->device->fill(t->device, t->dtype, t->data, gd_numel(t), value);
}

const char *gdi_dims_text(int ndim, const int64_t dim[], char buf[GDI_SHAPE_TEXT]) {
  size_t at = 0;
  for (int i = 0; i < ndim && at < GDI_SHAPE_TEXT; i++)
    at += (size_t)snprintf(buf + at, GDI_SHAPE_TEXT - at, "%s%lld", i ? ", " : "[", (long long)dim[i]);
  if (at < GDI_SHAPE_TEXT) snprintf(buf + at, GDI_SHAPE_TEXT - at, ndim ? "]" : "[]");
  return buf;
}

const char *gdi_shape_text(const gd_tensor *t, char *buf, size_t bytes) {
  char text[GDI_SHAPE_TEXT];
  snprintf(buf, bytes, "%s", gdi_dims_text(t->ndim, t->shape, text));
  return buf;
}

const char *gd_tensor_describe(const gd_tensor *t, char *buf, size_t bytes) {
  char text[GDI_SHAPE_TEXT];
  snprintf(buf, bytes, "%s %s", gd_dtype_name(t->dtype), gdi_shape_text(t, text, sizeof text));
  return buf;
}
