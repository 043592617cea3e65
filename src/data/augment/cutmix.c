/* Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features", 2019. */
#include <math.h>
#include <string.h>

#include "data/mix.h"

static const gd_arg args[] = {
    {"alpha", GD_ARG_REAL, "1", 0.01, 1, NULL, "of the beta distribution that the area is drawn from"},
    {"p", GD_ARG_REAL, "1", 0, 1, NULL, "how often a micro-batch is mixed"},
    {0}};

/* A box, top, left, bottom, right, comes from the partner. */
static void paste(const gdi_mixing *m, int64_t i, const int64_t box[4]) {
  const gdi_image_shape *s = m->shape;
  const size_t width = gd_dtype_bytes(m->type);
  const int64_t planes = s->planes ? s->channels : 1, pixel = s->planes ? 1 : s->channels;
  for (int64_t c = 0; c < planes; c++)
    for (int64_t y = box[0]; y < box[2]; y++) {
      const size_t at = (size_t)(((c * s->height + y) * s->width + box[1]) * pixel) * width;
      memcpy(gdi_mix_to(m, i) + at, gdi_mix_from(m, i) + at, (size_t)((box[3] - box[1]) * pixel) * width);
    }
}

/* About a middle anywhere, cut off at the edge. */
static void edges(gdi_draws *d, int64_t n, double part, int64_t *first, int64_t *end) {
  const int64_t middle = gdi_draw_below(d, n), half = (int64_t)(part * (double)n / 2);
  *first = middle > half ? middle - half : 0;
  *end = middle + half < n ? middle + half : n;
}

/* i: one box for the micro-batch; f: targets are mixed by the area that it has. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  int64_t *box = out->i;
  out->nothing = gdi_draw(d, 0, 1) >= a[1].f;
  if (out->nothing) return;
  const double part = sqrt(1 - gdi_draw_beta(d, a[0].f));
  edges(d, s->height, part, &box[0], &box[2]);
  edges(d, s->width, part, &box[1], &box[3]);
  out->f[0] = 1 - (double)((box[2] - box[0]) * (box[3] - box[1])) / (double)(s->height * s->width);
}

static void mix(const gdi_drawn *w, gdi_mixing *m) {
  for (int64_t i = 0; i < m->n; i++) paste(m, i, w->i);
  gdi_mix_targets(m, w->f[0]);
}

const gdi_augmentation gdi_augment_cutmix = {
    .word = "cutmix",
    .about = "a box of each image is that of another of its micro-batch; so are targets",
    .example = "cutmix:1",
    .args = args,
    .draw = draw,
    .mix = mix,
    .on_gpu = GDI_CHANGE_CUTMIX};
