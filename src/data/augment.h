/*
 * Augmentation: images are changed at random before they are learned from. What is drawn depends on (seed, epoch, sample)
 * and the place in the list alone, never on ranks, threads or the order of reading.
 *
 * A kind of augmentation is a record in a file of its own below augment/ and a line of augment.def; augment/flip.c is
 * the shortest. An image comes as it is stored and leaves so: bytes stay bytes.
 */
#ifndef GDI_DATA_AUGMENT_H
#define GDI_DATA_AUGMENT_H

#include "base/arguments.h"
#include "data/image.h"

/* An image at work. */
typedef struct gdi_pixels {
  int64_t height, width, channels;
  float *pixel; /* [height, width, channels] */
  float *room;  /* as much; what is made there becomes the image by gdi_pixels_take() */
  float top;    /* white: 255 of bytes, 1 of other numbers */
} gdi_pixels;

static inline void gdi_pixels_take(gdi_pixels *p) {
  float *made = p->room;
  p->room = p->pixel, p->pixel = made;
}

/* The random numbers of one augmentation of one sample, one after the other. */
typedef struct gdi_draws {
  gd_rng rng;
  uint64_t drawn;
} gdi_draws;

/* Uniform on [lo, hi). */
static inline double gdi_draw(gdi_draws *d, double lo, double hi) {
  return lo + (hi - lo) * gd_rng_uniform(d->rng, d->drawn++);
}
/* Uniform on 0 .. n-1. */
static inline int64_t gdi_draw_below(gdi_draws *d, int64_t n) {
  return gd_rng_below(d->rng, d->drawn++, n);
}

typedef struct gdi_mixing gdi_mixing; /* mix.h */

typedef struct gdi_augmentation {
  const char *word, *about, *example;
  const gd_arg *args; /* values come in this order */
  /* Are they possible for such images? NULL: always. Errors: GD_ERR_USAGE */
  gd_status (*check)(const gdi_arg_value a[], const gdi_image_shape *s);
  /* One image, or all of a micro-batch at once. */
  void (*apply)(const gdi_arg_value a[], gdi_draws *d, gdi_pixels *p);
  void (*mix)(const gdi_arg_value a[], gdi_draws *d, gdi_mixing *m);
} gdi_augmentation;

#define GD_AUGMENTATION(name) extern const gdi_augmentation gdi_augment_##name;
#include "data/augment.def"
#undef GD_AUGMENTATION

/* The pixel at (y, x), which lie between pixels; outside all is black. Bilinear */
float gdi_pixels_at(const gdi_pixels *p, double y, double x, int64_t c);

/* Sample `index` of the set, as stored, in `epoch`: from `from` to `to`. room: gdi_augment_room() */
void gdi_augment_sample(const gd_augment *a, int64_t epoch, int64_t index, const void *from, void *to,
                        float *room);
/* Values. */
size_t gdi_augment_room(const gd_augment *a);

#endif
