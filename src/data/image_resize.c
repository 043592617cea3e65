/* Images of one size: a window of each, resized. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/image.h"

/* Pixels first .. first + n - 1 of a line make one of the resized line: their weights, which sum to `total`. */
typedef struct tap {
  int64_t first, n;
  double total;
  double *weight;
} tap;

/* The most weights that a pixel of `size` of a line of n has. */
static int64_t most_weights(int64_t n, int64_t size) {
  return 2 * (int64_t)ceil(n > size ? (double)n / (double)size : 1) + 2;
}

/* A triangle of as many pixels as make one. */
static void make_taps(tap *t, double *weight, int64_t n, int64_t size) {
  const double scale = (double)n / (double)size, reach = scale > 1 ? scale : 1;
  for (int64_t i = 0; i < size; i++) {
    const double middle = ((double)i + 0.5) * scale;
    int64_t lo = (int64_t)floor(middle - reach), hi = (int64_t)ceil(middle + reach);
    if (lo < 0) lo = 0;
    if (hi > n) hi = n;
    t[i] = (tap){.first = lo, .weight = weight};
    for (int64_t k = lo; k < hi; k++) {
      const double w = 1 - fabs((double)k + 0.5 - middle) / reach;
      if (w <= 0 && t[i].n == 0) t[i].first = k + 1;
      if (w > 0) t[i].weight[t[i].n++] = w, t[i].total += w;
    }
    weight += t[i].n;
  }
}

static void resize_line(const tap *t, int64_t size, const uint8_t *from, float *to, int64_t channels) {
  for (int64_t i = 0; i < size; i++, t++)
    for (int64_t c = 0; c < channels; c++) {
      const uint8_t *v = from + t->first * channels + c;
      double sum = 0;
      for (int64_t k = 0; k < t->n; k++) sum += t->weight[k] * v[k * channels];
      *to++ = (float)(sum / t->total);
    }
}

/* One line of the resized image, of the lines that it is made of, n values each. */
static void resize_column(const tap *t, const float *lines, int64_t n, double *restrict sum, uint8_t *to) {
  memset(sum, 0, (size_t)n * sizeof *sum);
  for (int64_t k = 0; k < t->n; k++) {
    const float *restrict line = lines + (t->first + k) * n;
    const double w = t->weight[k];
    for (int64_t x = 0; x < n; x++) sum[x] += w * line[x];
  }
  for (int64_t x = 0; x < n; x++) to[x] = (uint8_t)((float)(sum[x] / t->total) + 0.5F);
}

/* Along the lines, then along the columns of what that left. */
static void resize(const gdi_image *i, const int64_t box[4], int64_t height, int64_t width, uint8_t *to,
                   char *room) {
  const int64_t c = i->channels, n = width * c;
  tap *across = (tap *)(void *)room, *down = across + width;
  double *weight = (double *)(void *)(down + height), *sum = weight + width * most_weights(box[3], width);
  make_taps(across, weight, box[3], width);
  double *weight_down = sum + n;
  make_taps(down, weight_down, box[2], height);
  float *lines = (float *)(void *)(weight_down + height * most_weights(box[2], height));
  for (int64_t y = 0; y < box[2]; y++)
    resize_line(across, width, i->pixel + ((box[0] + y) * i->width + box[1]) * c, lines + y * n, c);
  for (int64_t y = 0; y < height; y++) resize_column(&down[y], lines, n, sum, to + y * n);
}

gd_status gdi_image_resize(const gdi_image *i, const int64_t box[4], int height, int width, uint8_t *to,
                           gdi_resize_room *room) {
  const int64_t c = i->channels, n = (int64_t)width * c;
  if (box[2] == height && box[3] == width) { /* nothing to compute */
    for (int64_t y = 0; y < height; y++)
      memcpy(to + y * n, i->pixel + ((box[0] + y) * i->width + box[1]) * c, (size_t)n);
    return GD_OK;
  }
  const int64_t doubles = width * most_weights(box[3], width) + n + height * most_weights(box[2], height);
  const size_t bytes = (size_t)(width + height) * sizeof(tap) + (size_t)doubles * sizeof(double) +
                       (size_t)(box[2] * n) * sizeof(float);
  if (bytes > room->bytes) {
    free(room->at);
    room->at = malloc(bytes);
    room->bytes = room->at ? bytes : 0;
  }
  if (!room->at) return GD_FAIL(GD_ERR_OOM, "no memory to resize %d x %d pixels", i->width, i->height);
  resize(i, box, height, width, to, room->at);
  return GD_OK;
}

void gdi_image_middle(const gdi_image *i, int height, int width, int64_t box[4]) {
  const int64_t h = i->height, w = i->width;
  box[2] = h * width > w * height ? w * height / width : h;
  box[3] = h * width > w * height ? w : h * width / height;
  if (box[2] < 1) box[2] = 1;
  if (box[3] < 1) box[3] = 1;
  box[0] = (h - box[2]) / 2, box[1] = (w - box[3]) / 2;
}

gd_status gdi_image_fit(gdi_image *i, int size) {
  if (i->width == size && i->height == size) return GD_OK;
  const size_t bytes = (size_t)size * (size_t)size * (size_t)i->channels;
  gdi_resize_room room = {0};
  int64_t box[4];
  uint8_t *pixel = malloc(bytes);
  if (!pixel) return GD_FAIL(GD_ERR_OOM, "no memory to resize %d x %d pixels", i->width, i->height);
  gdi_image_middle(i, size, size, box);
  const gd_status st = gdi_image_resize(i, box, size, size, pixel, &room);
  free(room.at);
  free(i->pixel);
  *i = (gdi_image){size, size, i->channels, pixel, bytes};
  return st;
}
