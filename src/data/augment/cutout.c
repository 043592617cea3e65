/* DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017. */
#include "data/augment.h"

static const gd_arg args[] = {{"size", GD_ARG_INT, NULL, 1, 1 << 14, NULL, "side of the square"}, {0}};

/* i: a box, the middle of which lies anywhere in the image; what lies outside is cut off. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  const int64_t extent[2] = {s->height, s->width};
  for (int k = 0; k < 2; k++) {
    const int64_t first = gdi_draw_below(d, extent[k]) - a[0].i / 2, end = first + a[0].i;
    out->i[k] = first < 0 ? 0 : first;
    out->i[2 + k] = end < extent[k] ? end : extent[k];
  }
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  gdi_pixels_blacken(p, w->i);
}

const gdi_augmentation gdi_augment_cutout = {.word = "cutout",
                                             .about = "a random square is black",
                                             .example = "cutout:16",
                                             .args = args,
                                             .draw = draw,
                                             .apply = apply,
                                             .on_gpu = GDI_CHANGE_BLACKEN};
