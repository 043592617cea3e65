#include <string.h>

#include "data/augment.h"

static const gd_arg args[] = {{"p", GD_ARG_REAL, "0.5", 0, 1, NULL, "how often"}, {0}};

static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  (void)s;
  out->nothing = gdi_draw(d, 0, 1) >= a[0].f;
}

/* Pixels of so many bytes: a number that the compiler knows. */
static inline void turn(const char *from, char *to, int64_t n, size_t bytes) {
  for (int64_t x = 0; x < n; x++) memcpy(to + (size_t)x * bytes, from + (size_t)(n - 1 - x) * bytes, bytes);
}

static void turn_line(const char *from, char *to, int64_t n, size_t bytes) {
  switch (bytes) {
  case 1: turn(from, to, n, 1); return;
  case 3: turn(from, to, n, 3); return;
  case 4: turn(from, to, n, 4); return;
  case 12: turn(from, to, n, 12); return;
  default: turn(from, to, n, bytes);
  }
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  (void)w;
  const size_t line = gdi_pixels_line_bytes(p);
  for (int64_t y = 0; y < p->planes * p->height; y++)
    turn_line(p->pixel + (size_t)y * line, p->room + (size_t)y * line, p->width, p->pixel_bytes);
  gdi_pixels_take(p);
}

const gdi_augmentation gdi_augment_flip = {.word = "flip",
                                           .about = "left and right change places",
                                           .example = "flip",
                                           .args = args,
                                           .draw = draw,
                                           .apply = apply,
                                           .moves = true,
                                           .on_gpu = GDI_CHANGE_FLIP};
