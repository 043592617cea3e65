/* DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017. */
#include "data/augment.h"

static const gd_arg args[] = {{"size", GD_ARG_INT, NULL, 1, 1 << 14, NULL, "side of the square"}, {0}};

/* The middle lies anywhere in the image; what lies outside is cut off. */
static void apply(const gdi_arg_value a[], gdi_draws *d, gdi_pixels *p) {
  const int64_t top = gdi_draw_below(d, p->height) - a[0].i / 2,
                left = gdi_draw_below(d, p->width) - a[0].i / 2;
  for (int64_t y = top < 0 ? 0 : top; y < top + a[0].i && y < p->height; y++)
    for (int64_t x = left < 0 ? 0 : left; x < left + a[0].i && x < p->width; x++)
      for (int64_t c = 0; c < p->channels; c++) p->pixel[(y * p->width + x) * p->channels + c] = 0;
}

const gdi_augmentation gdi_augment_cutout = {.word = "cutout",
                                             .about = "a random square is black",
                                             .example = "cutout:16",
                                             .args = args,
                                             .apply = apply};
