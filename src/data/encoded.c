#include "data/encoded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 1 << 14, MAX_IMAGE_BYTES = 1 << 28 };

/* ---- opening ---- */

static bool offsets_name(char out[80], gdi_h5 *f, const char *x_name) {
  snprintf(out, 80, "%.63s%s", x_name, GDI_OFFSETS);
  return gdi_h5_has(f, out);
}

int64_t gdi_encoded_count(gdi_h5 *f, const char *x_name) {
  char name[80];
  gdi_h5_array a;
  if (!offsets_name(name, f, x_name)) return -1;
  if (gdi_h5_array_open(&a, f, name) != GD_OK) {
    gd_error_clear();
    return -1;
  }
  const int64_t n = a.ndim == 1 ? a.n - 1 : -1;
  gdi_h5_array_close(&a);
  return n;
}

static const char *const shape_name[] = {"height", "width", "channels"};

gd_status gdi_encoded_put(gdi_h5_writer *w, const gd_table *t, const char *name, int64_t lo, int64_t n) {
  char offsets[80];
  const int64_t first = t->image_at[lo], bytes = t->image_at[lo + n] - first, ends = n + 1;
  GD_TRY(gdi_h5_put(w, name, GD_U8, 1, &bytes, (const uint8_t *)t->x + first));
  for (int k = 0; k < 3; k++) GD_TRY(gdi_h5_put_attr_i64(w, name, shape_name[k], t->sample[k]));
  int64_t *at = malloc((size_t)ends * sizeof *at);
  if (!at) return GD_FAIL(GD_ERR_OOM, "no memory for where %lld images begin", (long long)n);
  for (int64_t k = 0; k < ends; k++) at[k] = t->image_at[lo + k] - first;
  snprintf(offsets, sizeof offsets, "%.63s%s", name, GDI_OFFSETS);
  const gd_status st = gdi_h5_put(w, offsets, GD_I64, 1, &ends, at);
  free(at);
  return st;
}

static gd_status read_shape(gd_dataset *d) {
  gd_data_info *i = &d->info;
  for (int k = 0; k < 3; k++) {
    GD_TRY(gdi_h5_attr_i64(&d->file, i->x_name, shape_name[k], &i->sample[k]));
    if (i->sample[k] < 1 || i->sample[k] > MAX_SIDE || (k == 2 && i->sample[k] != 1 && i->sample[k] != 3))
      return GDI_H5_REFUSE(&d->file, i->x_name, "%lld as the %s of images", (long long)i->sample[k],
                           shape_name[k]);
  }
  i->ndim = 3;
  return GD_OK;
}

static gd_status check_offsets(const gd_dataset *d, const char *name) {
  const int64_t *at = d->image_at, n = d->info.n;
  for (int64_t k = 0; k < n; k++)
    if (at[k + 1] <= at[k] || at[k + 1] - at[k] > MAX_IMAGE_BYTES)
      return GDI_H5_REFUSE(&d->file, name, "image %lld is from %lld to %lld", (long long)k, (long long)at[k],
                           (long long)at[k + 1]);
  if (at[0] == 0 && at[n] == d->x.n) return GD_OK;
  return GDI_H5_REFUSE(&d->file, name, "images are from %lld to %lld, but %s has %lld bytes",
                       (long long)at[0], (long long)at[n], d->info.x_name, (long long)d->x.n);
}

static gd_status read_offsets(gd_dataset *d, const gdi_h5_array *a) {
  if (a->text || a->ndim != 1 || a->n < 2)
    return GDI_H5_REFUSE(&d->file, a->name, "it must be [samples + 1]");
  d->info.n = a->n - 1;
  d->image_at = malloc((size_t)a->n * sizeof *d->image_at);
  if (!d->image_at) return GD_FAIL(GD_ERR_OOM, "no memory for where %lld images begin", (long long)a->n - 1);
  GD_TRY(gdi_h5_array_read(a, GD_I64, 0, a->n, d->image_at));
  return check_offsets(d, a->name);
}

gd_status gdi_encoded_open(gd_dataset *d) {
  char name[80];
  gdi_h5_array a;
  if (d->x.text || d->x.ndim != 1 || d->x.type != GD_U8 || !offsets_name(name, &d->file, d->info.x_name))
    return GD_OK;
  GD_TRY(gdi_h5_array_open(&a, &d->file, name));
  const gd_status st = read_offsets(d, &a);
  gdi_h5_array_close(&a);
  GD_TRY(st);
  d->info.from_images = true;
  return read_shape(d);
}

/* Of images that are not encoded each has as many bytes. */
static gd_status resize_stored(gd_dataset *d) {
  gd_data_info *i = &d->info;
  GD_TRY(gdi_image_shape_of(&d->stored, i));
  if (i->x_type != GD_U8 || d->stored.planes)
    return GDI_H5_REFUSE(&d->file, i->x_name, "data.size: images [H,W,C] of bytes are resized, no others");
  d->image_at = malloc((size_t)(i->n + 1) * sizeof *d->image_at);
  if (!d->image_at) return GD_FAIL(GD_ERR_OOM, "no memory for %lld images", (long long)i->n);
  for (int64_t k = 0; k <= i->n; k++) d->image_at[k] = k * (d->x.n / i->n);
  i->from_images = true;
  return GD_OK;
}

gd_status gdi_images_resized(gd_dataset *d, int size) {
  int64_t *s = d->info.sample;
  if (!d->image_at) GD_TRY(resize_stored(d));
  s[0] = s[1] = size;
  return GD_OK;
}

gd_status gdi_encoded_read(const gd_dataset *d, int64_t lo, int64_t hi, void *to) {
  const bool rows = d->stored.height > 0;
  return gdi_h5_array_read(&d->x, GD_U8, rows ? lo : d->image_at[lo], rows ? hi : d->image_at[hi], to);
}

/* ---- samples ---- */

void gdi_decoder_free(gdi_decoder *m) {
  free(m->image.pixel), free(m->room.at);
  *m = (gdi_decoder){0};
}

/* An image as it is stored: what a decoder would have made. */
static gd_status take_stored(gdi_image *i, const gdi_image_shape *s, const uint8_t *bytes, size_t n) {
  if (i->room < n) {
    free(i->pixel);
    *i = (gdi_image){.pixel = malloc(n), .room = n};
    if (!i->pixel) return GD_FAIL(GD_ERR_OOM, "no memory for %zu bytes of an image", n);
  }
  i->height = (int)s->height, i->width = (int)s->width, i->channels = (int)s->channels;
  memcpy(i->pixel, bytes, n);
  return GD_OK;
}

gd_status gdi_decoder_image(gdi_decoder *m, const gd_dataset *d, int64_t index, const uint8_t *bytes) {
  char why[200];
  const size_t n = gdi_encoded_bytes(d, index, index + 1);
  if (d->stored.height) return take_stored(&m->image, &d->stored, bytes, n);
  gd_status st = gdi_image_decode(&m->image, bytes, n);
  if (st == GD_OK && m->image.channels > d->info.sample[2])
    st = GD_FAIL(GD_ERR_DATA, "it is in colour, but this set is grey");
  if (st == GD_OK) return GD_OK;
  snprintf(why, sizeof why, "%.199s", gd_error_last()->message);
  return GD_FAIL(st, "%s: %s: the image of sample %lld: %s", d->info.path, d->info.x_name, (long long)index,
                 why);
}

/* Grey among colours, in place: from the last pixel to the first. */
static void colour(uint8_t *x, int64_t pixels) {
  for (int64_t k = pixels - 1; k >= 0; k--) memset(x + 3 * k, x[k], 3);
}

gd_status gdi_decoder_sample(gdi_decoder *m, const gd_dataset *d, const int64_t box[4], uint8_t *to) {
  const int64_t *s = d->info.sample;
  GD_TRY(gdi_image_resize(&m->image, box, (int)s[0], (int)s[1], to, &m->room));
  if (d->info.ndim == 3 && m->image.channels < s[2]) colour(to, s[0] * s[1]);
  return GD_OK;
}

static gd_status middle_of(gdi_decoder *m, const gd_dataset *d, int64_t index, const uint8_t *bytes,
                           uint8_t *to) {
  int64_t box[4];
  GD_TRY(gdi_decoder_image(m, d, index, bytes));
  gdi_image_middle(&m->image, (int)d->info.sample[0], (int)d->info.sample[1], box);
  return gdi_decoder_sample(m, d, box, to);
}

gd_status gdi_encoded_samples(const gd_dataset *d, int64_t lo, int64_t hi, uint8_t *to) {
  gdi_decoder m = {0};
  uint8_t *bytes = malloc(gdi_encoded_bytes(d, lo, hi));
  gd_status st = bytes ? gdi_encoded_read(d, lo, hi, bytes)
                       : GD_FAIL(GD_ERR_OOM, "no memory for images of %s", d->info.path);
  for (int64_t i = lo; st == GD_OK && i < hi; i++)
    st = middle_of(&m, d, i, bytes + gdi_encoded_bytes(d, lo, i), to + (size_t)(i - lo) * d->x_row);
  gdi_decoder_free(&m);
  free(bytes);
  return st;
}
