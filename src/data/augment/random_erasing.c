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

/* i: a box. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  out->nothing = gdi_draw(d, 0, 1) >= a[0].f;
  for (int i = 0; i < ATTEMPTS && !out->nothing; i++) {
    const double area = gdi_draw(d, a[1].f, a[2].f) * (double)(s->height * s->width);
    const double aspect = exp(gdi_draw(d, -log(a[3].f), log(a[3].f)));
    const int64_t height = llround(sqrt(area * aspect)), width = llround(sqrt(area / aspect));
    if (height >= s->height || width >= s->width) continue;
    out->i[0] = gdi_draw_below(d, s->height - height + 1);
    out->i[1] = gdi_draw_below(d, s->width - width + 1);
    out->i[2] = out->i[0] + height, out->i[3] = out->i[1] + width;
    return;
  }
  out->nothing = true;
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  gdi_pixels_blacken(p, w->i);
}

const gdi_augmentation gdi_augment_random_erasing = {.word = "random_erasing",
                                                     .about = "a random rectangle is black",
                                                     .example = "random_erasing:0.25",
                                                     .args = args,
                                                     .check = check,
                                                     .draw = draw,
                                                     .apply = apply,
                                                     .on_gpu = GDI_CHANGE_BLACKEN};
