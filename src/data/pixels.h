/* An image at work, and what augmentations do to its pixels. */
#ifndef GDI_DATA_PIXELS_H
#define GDI_DATA_PIXELS_H

#include "data/image.h"

/* What was drawn for one augmentation of one sample; each kind says what its numbers are. */
typedef struct gdi_drawn {
  bool nothing; /* is to be done */
  int64_t i[4];
  double f[4];
} gdi_drawn;

/* As it is stored while pixels are only moved or blackened, as floats from the first one that is computed. */
typedef struct gdi_pixels {
  int64_t height, width, channels;
  int64_t planes;     /* as many images as channels, where each channel lies by itself; else 1 */
  size_t pixel_bytes; /* of one pixel of a plane */
  bool computed;      /* floats [height, width, channels], one plane */
  const char *pixel;  /* [planes, height, width, pixel_bytes] */
  char *room, *spare; /* as much; what is made in room becomes the image by gdi_pixels_take() */
  const char *source; /* the stored sample, which stays as it is */
  gd_dtype type;      /* of that, and its planes */
  int64_t stored_planes;
  float top;   /* white: 255 of bytes, 1 of other numbers */
  bool labels; /* pixels are labels: one of several is taken, never their mean; black is none */
} gdi_pixels;

/* `room` and `spare` each hold the image as it is stored, and as floats. */
void gdi_pixels_begin(gdi_pixels *p, const gdi_image_shape *s, gd_dtype type, const void *source, char *room,
                      char *spare);
/* As it is stored again. */
const void *gdi_pixels_end(gdi_pixels *p);

static inline void gdi_pixels_take(gdi_pixels *p) {
  char *made = p->room;
  p->room = p->pixel == p->source ? p->spare : (char *)p->pixel;
  p->pixel = made;
}
static inline size_t gdi_pixels_line_bytes(const gdi_pixels *p) {
  return (size_t)p->width * p->pixel_bytes;
}
/* From now on floats [height, width, channels], to be changed in place. */
float *gdi_pixels_compute(gdi_pixels *p);
/* Black from (top, left) to before (bottom, right), which lie within. */
void gdi_pixels_blacken(gdi_pixels *p, const int64_t box[4]);
/* Where pixel (y, x) of the new image lies in the old one: between pixels, or outside, where all is black. */
typedef void (*gdi_place)(const gdi_drawn *w, const gdi_pixels *p, int64_t y, int64_t x, double from[2]);
/* Bilinear, of floats; of labels the nearest. */
void gdi_pixels_resample(gdi_pixels *p, const gdi_drawn *w, gdi_place place);

#endif
