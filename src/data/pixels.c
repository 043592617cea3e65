#include "data/pixels.h"

#include <math.h>
#include <string.h>

/* Numbers of 64 bits are computed with as floats from the first. */
void gdi_pixels_begin(gdi_pixels *p, const gdi_image_shape *s, gd_dtype type, const void *source, char *room,
                      char *spare) {
  const int64_t planes = s->planes ? s->channels : 1;
  *p = (gdi_pixels){.height = s->height,
                    .width = s->width,
                    .channels = s->channels,
                    .planes = planes,
                    .pixel_bytes = gd_dtype_bytes(type) * (size_t)(s->channels / planes),
                    .pixel = source,
                    .room = room,
                    .spare = spare,
                    .source = source,
                    .type = type,
                    .stored_planes = planes,
                    .top = type == GD_U8 ? 255 : 1};
  if (type == GD_F64) gdi_pixels_compute(p);
}

/* ---- to floats, and back ---- */

/* n values of each plane; as floats the channels of a pixel lie together. */
#define TURN(S, TO_STORED)                                                                                   \
  static void load_##S(const void *from, float *restrict to, int64_t planes, int64_t n) {                    \
    const S *restrict s = from;                                                                              \
    for (int64_t c = 0; c < planes; c++)                                                                     \
      for (int64_t k = 0; k < n; k++) to[k * planes + c] = (float)s[c * n + k];                              \
  }                                                                                                          \
  static void store_##S(const float *restrict from, void *to, int64_t planes, int64_t n) {                   \
    S *restrict s = to;                                                                                      \
    for (int64_t c = 0; c < planes; c++)                                                                     \
      for (int64_t k = 0; k < n; k++) s[c * n + k] = TO_STORED(from[k * planes + c]);                        \
  }

static inline uint8_t byte(float v) {
  return v > 0 ? v < 255 ? (uint8_t)(v + 0.5F) : 255 : 0;
}
TURN(uint8_t, byte)
TURN(float, (float))
TURN(double, (double))

static int64_t values_of_plane(const gdi_pixels *p) {
  return p->height * p->width * p->channels / p->stored_planes;
}

float *gdi_pixels_compute(gdi_pixels *p) {
  if (p->computed) return (float *)(void *)p->pixel;
  float *to = (float *)(void *)p->room;
  (p->type == GD_U8    ? load_uint8_t
   : p->type == GD_F32 ? load_float
                       : load_double)(p->pixel, to, p->stored_planes, values_of_plane(p));
  gdi_pixels_take(p);
  p->computed = true, p->planes = 1, p->pixel_bytes = (size_t)p->channels * sizeof(float);
  return to;
}

const void *gdi_pixels_end(gdi_pixels *p) {
  if (!p->computed) return p->pixel;
  (p->type == GD_U8 ? store_uint8_t
   : p->type == GD_F32
       ? store_float
       : store_double)((const float *)(const void *)p->pixel, p->room, p->stored_planes, values_of_plane(p));
  return p->room;
}

/* ---- what several kinds do ---- */

void gdi_pixels_blacken(gdi_pixels *p, const int64_t box[4]) {
  const size_t line = gdi_pixels_line_bytes(p), bytes = (size_t)(p->planes * p->height) * line;
  if (p->pixel == p->source) {
    memcpy(p->room, p->source, bytes);
    gdi_pixels_take(p);
  }
  char *to = (char *)p->pixel;
  for (int64_t c = 0; c < p->planes; c++)
    for (int64_t y = box[0]; y < box[2]; y++)
      memset(to + (size_t)(c * p->height + y) * line + (size_t)box[1] * p->pixel_bytes, 0,
             (size_t)(box[3] - box[1]) * p->pixel_bytes);
}

void gdi_pixels_resample(gdi_pixels *p, const gdi_drawn *w, gdi_place place) {
  const int64_t n = p->channels;
  const float *pixel = gdi_pixels_compute(p);
  float *to = (float *)(void *)p->room;
  for (int64_t y = 0; y < p->height; y++)
    for (int64_t x = 0; x < p->width; x++, to += n) {
      double at[2];
      place(w, p, y, x, at);
      if (p->labels) at[0] = floor(at[0] + 0.5), at[1] = floor(at[1] + 0.5);
      const double top = floor(at[0]), left = floor(at[1]);
      const float down = (float)(at[0] - top), right = (float)(at[1] - left);
      const float *corner[4]; /* NULL: outside */
      for (int k = 0; k < 4; k++) {
        const double v = top + k / 2, u = left + k % 2;
        const bool inside = v >= 0 && u >= 0 && v < (double)p->height && u < (double)p->width;
        corner[k] = inside ? pixel + ((int64_t)v * p->width + (int64_t)u) * n : NULL;
      }
      for (int64_t c = 0; c < n; c++) {
        float value[4];
        for (int k = 0; k < 4; k++) value[k] = corner[k] ? corner[k][c] : 0;
        to[c] = (value[0] * (1 - right) + value[1] * right) * (1 - down) +
                (value[2] * (1 - right) + value[3] * right) * down;
      }
    }
  gdi_pixels_take(p);
}
