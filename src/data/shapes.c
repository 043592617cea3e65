/* Pictures of circles, squares and triangles, each turned and in a colour of its own, and the class of every pixel. */
#include <math.h>
#include <string.h>

#include "data/generate.h"

const char *const gdi_shape_names[GDI_SHAPE_CLASSES] = {"background", "circle", "square", "triangle"};

enum { NOTHING, CIRCLE, SQUARE, TRIANGLE, MOST = 3 };

/* Random numbers one after the other, from one stream. */
typedef struct dice {
  gd_rng r;
  uint64_t drawn;
} dice;

static double uniform(dice *d, double lo, double hi) {
  return lo + (hi - lo) * gd_rng_uniform(d->r, d->drawn++);
}

typedef struct figure {
  int class;
  double x, y, radius, angle; /* of its middle; of the circle around it */
  double colour[3];           /* 0 to 1 */
} figure;

/* Brighter than what is behind it, which noise hides at the edges alone. */
static figure draw_figure(dice *d, double side) {
  figure f = {.class = CIRCLE + (int)gd_rng_below(d->r, d->drawn++, MOST)};
  f.radius = side * uniform(d, 0.18, 0.3);
  f.x = uniform(d, f.radius / 2, side - f.radius / 2), f.y = uniform(d, f.radius / 2, side - f.radius / 2);
  f.angle = uniform(d, 0, 6.283185307179586);
  for (int c = 0; c < 3; c++) f.colour[c] = uniform(d, 0.5, 1);
  return f;
}

/* (u, v): from its middle, turned back. */
static bool covers(const figure *f, double x, double y) {
  const double s = sin(f->angle), c = cos(f->angle), u = c * (x - f->x) + s * (y - f->y),
               v = c * (y - f->y) - s * (x - f->x), r = f->radius;
  if (f->class == CIRCLE) return u * u + v * v <= r * r * 0.8;
  if (f->class == SQUARE) return fabs(u) <= r * 0.72 && fabs(v) <= r * 0.72;
  return v <= r * 0.6 && v >= 1.7320508075688772 * fabs(u) - 1.2 * r;
}

static uint8_t byte(double v) {
  return (uint8_t)(255 * (v < 0 ? 0 : v > 1 ? 1 : v) + 0.5);
}

void gdi_shapes_draw(uint8_t *pixel, int64_t *label, int64_t side, gd_rng r, double noise) {
  dice d = {r, 0};
  double ground[3];
  figure f[MOST];
  for (int c = 0; c < 3; c++) ground[c] = uniform(&d, 0, 0.4);
  const int64_t figures = 1 + gd_rng_below(r, d.drawn++, MOST);
  for (int64_t i = 0; i < figures; i++) f[i] = draw_figure(&d, (double)side);
  for (int64_t i = 0; i < side * side; i++) {
    const double *colour = ground;
    label[i] = NOTHING;
    for (int64_t k = 0; k < figures; k++) /* later ones lie on top */
      if (covers(&f[k], (double)(i % side), (double)(i / side))) colour = f[k].colour, label[i] = f[k].class;
    for (int c = 0; c < 3; c++) pixel[3 * i + c] = byte(colour[c] + uniform(&d, -noise, noise));
  }
}
