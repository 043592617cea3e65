#include <math.h>

#include "data/augment.h"

static const gd_arg args[] = {
    {"degrees", GD_ARG_REAL, "0", 0, 180, NULL, "turned by at most this, either way"},
    {"translate", GD_ARG_REAL, "0", 0, 1, NULL, "moved by at most this part of height and width"},
    {"scale", GD_ARG_REAL, "0", 0, 0.99, NULL, "larger or smaller by at most this part"},
    {0}};

/* f: down, right, and cosine and sine over the scale. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  const double angle = gdi_draw(d, -a[0].f, a[0].f) * (3.14159265358979323846 / 180);
  out->f[0] = gdi_draw(d, -a[1].f, a[1].f) * (double)s->height;
  out->f[1] = gdi_draw(d, -a[1].f, a[1].f) * (double)s->width;
  const double scale = gdi_draw(d, 1 - a[2].f, 1 + a[2].f);
  out->f[2] = cos(angle) / scale, out->f[3] = sin(angle) / scale;
}

/* Back by the move, the turn about the middle, and the scale. */
static void place(const gdi_drawn *w, const gdi_pixels *p, int64_t y, int64_t x, double from[2]) {
  const double middle_y = (double)(p->height - 1) / 2, middle_x = (double)(p->width - 1) / 2;
  const double v = (double)y - middle_y - w->f[0], u = (double)x - middle_x - w->f[1];
  from[0] = middle_y + w->f[2] * v - w->f[3] * u;
  from[1] = middle_x + w->f[3] * v + w->f[2] * u;
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  gdi_pixels_resample(p, w, place);
}

const gdi_augmentation gdi_augment_affine = {
    .word = "affine",
    .about = "turned, moved and scaled a little; black comes in from outside",
    .example = "affine:10, or {affine: {degrees: 10, translate: 0.1, scale: 0.1}}",
    .args = args,
    .draw = draw,
    .apply = apply,
    .moves = true,
    .on_gpu = GDI_CHANGE_AFFINE};
