#include <math.h>

#include "data/augment.h"

static const gd_arg args[] = {
    {"degrees", GD_ARG_REAL, "0", 0, 180, NULL, "turned by at most this, either way"},
    {"translate", GD_ARG_REAL, "0", 0, 1, NULL, "moved by at most this part of height and width"},
    {"scale", GD_ARG_REAL, "0", 0, 0.99, NULL, "larger or smaller by at most this part"},
    {0}};

/* Where each pixel comes from: back by the move, the turn about the middle, and the scale. */
static void apply(const gdi_arg_value a[], gdi_draws *d, gdi_pixels *p) {
  const double angle = gdi_draw(d, -a[0].f, a[0].f) * (3.14159265358979323846 / 180);
  const double down = gdi_draw(d, -a[1].f, a[1].f) * (double)p->height,
               right = gdi_draw(d, -a[1].f, a[1].f) * (double)p->width;
  const double scale = gdi_draw(d, 1 - a[2].f, 1 + a[2].f), cosine = cos(angle) / scale,
               sine = sin(angle) / scale;
  const double middle_y = (double)(p->height - 1) / 2, middle_x = (double)(p->width - 1) / 2;
  float *to = p->room;
  for (int64_t y = 0; y < p->height; y++)
    for (int64_t x = 0; x < p->width; x++) {
      const double v = (double)y - middle_y - down, u = (double)x - middle_x - right;
      for (int64_t c = 0; c < p->channels; c++)
        *to++ = gdi_pixels_at(p, middle_y + cosine * v - sine * u, middle_x + sine * v + cosine * u, c);
    }
  gdi_pixels_take(p);
}

const gdi_augmentation gdi_augment_affine = {
    .word = "affine",
    .about = "turned, moved and scaled a little; black comes in from outside",
    .example = "affine:10, or {affine: {degrees: 10, translate: 0.1, scale: 0.1}}",
    .args = args,
    .apply = apply};
