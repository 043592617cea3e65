/* As torchvision's RandomResizedCrop, with the size of the image. */
#include <math.h>

#include "data/augment.h"

enum { ATTEMPTS = 10 };

static const gd_arg args[] = {
    {"scale", GD_ARG_REAL, "0.08", 1e-6, 1, NULL, "least part of the area that is taken"},
    {"ratio", GD_ARG_REAL, "1.3333333333333333", 1, 100, NULL, "largest ratio of its sides, either way"},
    {0}};

/* i: a box; the largest square in the middle where no attempt fits. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  int64_t *box = out->i; /* top, left, height, width */
  for (int i = 0; i < ATTEMPTS; i++) {
    const double area = gdi_draw(d, a[0].f, 1) * (double)(s->height * s->width);
    const double aspect = exp(gdi_draw(d, -log(a[1].f), log(a[1].f)));
    box[2] = llround(sqrt(area / aspect)), box[3] = llround(sqrt(area * aspect));
    if (box[2] < 1 || box[3] < 1 || box[2] > s->height || box[3] > s->width) continue;
    box[0] = gdi_draw_below(d, s->height - box[2] + 1), box[1] = gdi_draw_below(d, s->width - box[3] + 1);
    return;
  }
  box[2] = box[3] = s->height < s->width ? s->height : s->width;
  box[0] = (s->height - box[2]) / 2, box[1] = (s->width - box[3]) / 2;
}

static double within(double v, int64_t first, int64_t n) {
  return fmin(fmax(v, (double)first), (double)(first + n - 1));
}

static void place(const gdi_drawn *w, const gdi_pixels *p, int64_t y, int64_t x, double from[2]) {
  const int64_t *box = w->i;
  const double v = (double)box[0] + ((double)y + 0.5) * (double)box[2] / (double)p->height - 0.5;
  const double u = (double)box[1] + ((double)x + 0.5) * (double)box[3] / (double)p->width - 0.5;
  from[0] = within(v, box[0], box[2]), from[1] = within(u, box[1], box[3]);
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  gdi_pixels_resample(p, w, place);
}

const gdi_augmentation gdi_augment_resized_crop = {
    .word = "resized_crop",
    .about = "a random window of random size and ratio, resized; first: of images as they were",
    .example = "resized_crop, or {resized_crop: {scale: 0.5, ratio: 1}}",
    .args = args,
    .draw = draw,
    .apply = apply,
    .moves = true,
    .on_gpu = GDI_CHANGE_RESIZE};
