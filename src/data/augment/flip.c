#include "data/augment.h"

static const gd_arg args[] = {{"p", GD_ARG_REAL, "0.5", 0, 1, NULL, "how often"}, {0}};

static void apply(const gdi_arg_value a[], gdi_draws *d, gdi_pixels *p) {
  if (gdi_draw(d, 0, 1) >= a[0].f) return;
  const int64_t c = p->channels;
  for (int64_t y = 0; y < p->height; y++) {
    float *line = p->pixel + y * p->width * c;
    for (int64_t l = 0, r = p->width - 1; l < r; l++, r--)
      for (int64_t k = 0; k < c; k++) {
        const float v = line[l * c + k];
        line[l * c + k] = line[r * c + k];
        line[r * c + k] = v;
      }
  }
}

const gdi_augmentation gdi_augment_flip = {
    .word = "flip", .about = "left and right change places", .example = "flip", .args = args, .apply = apply};
