/* Zhong et al., "Random erasing data augmentation", 2017; with torchvision's defaults. */
#include <math.h>

#include "data/augment.h"

enum { ATTEMPTS = 10 };

static const gd_arg args[] = {
    {"p", GD_ARG_REAL, "0.5", 0, 1, NULL, "how often"},
    {"least", GD_ARG_REAL, "0.02", 1e-6, 1, NULL, "least part of the area"},
    {"most", GD_ARG_REAL, "0.33", 1e-6, 1, NULL, "largest part of the area"},
    {"ratio", GD_ARG_REAL, "3.3", 1, 100, NULL, "largest ratio of its sides, either way"},
    {0}};

static gd_status check(const gdi_arg_value a[], const gdi_image_shape *s) {
  (void)s;
  return a[1].f <= a[2].f
             ? GD_OK
             : GD_FAIL(GD_ERR_USAGE, "random_erasing: least %g is more than most %g", a[1].f, a[2].f);
}

static void apply(const gdi_arg_value a[], gdi_draws *d, gdi_pixels *p) {
  if (gdi_draw(d, 0, 1) >= a[0].f) return;
  for (int i = 0; i < ATTEMPTS; i++) {
    const double area = gdi_draw(d, a[1].f, a[2].f) * (double)(p->height * p->width);
    const double aspect = exp(gdi_draw(d, -log(a[3].f), log(a[3].f)));
    const int64_t height = llround(sqrt(area * aspect)), width = llround(sqrt(area / aspect));
    if (height >= p->height || width >= p->width) continue;
    const int64_t top = gdi_draw_below(d, p->height - height + 1),
                  left = gdi_draw_below(d, p->width - width + 1);
    for (int64_t y = top; y < top + height; y++)
      for (int64_t k = left * p->channels; k < (left + width) * p->channels; k++)
        p->pixel[y * p->width * p->channels + k] = 0;
    return;
  }
}

const gdi_augmentation gdi_augment_random_erasing = {.word = "random_erasing",
                                                     .about = "a random rectangle is black",
                                                     .example = "random_erasing:0.25",
                                                     .args = args,
                                                     .check = check,
                                                     .apply = apply};
