/* Zhang et al., "mixup: beyond empirical risk minimization", 2017. */
#include "data/mix.h"

static const gd_arg args[] = {
    {"alpha", GD_ARG_REAL, "0.2", 0.01, 1, NULL, "of the beta distribution: how evenly two are mixed"},
    {"p", GD_ARG_REAL, "1", 0, 1, NULL, "how often a micro-batch is mixed"},
    {0}};

/* f: one share for the micro-batch. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  (void)s;
  out->nothing = gdi_draw(d, 0, 1) >= a[1].f;
  if (!out->nothing) out->f[0] = gdi_draw_beta(d, a[0].f);
}

/* x = keep x + (1 - keep) x', and so its target. */
static void mix(const gdi_drawn *w, gdi_mixing *m) {
  const double keep = w->f[0];
  for (int64_t i = 0; i < m->n; i++)
    gdi_blend(m->type, gdi_mix_to(m, i), gdi_mix_from(m, i), m->values, keep);
  gdi_mix_targets(m, keep);
}

const gdi_augmentation gdi_augment_mixup = {
    .word = "mixup",
    .about = "each sample and another of its micro-batch, and their targets, are blended",
    .example = "mixup:0.2",
    .args = args,
    .draw = draw,
    .mix = mix,
    .on_gpu = GDI_CHANGE_MIXUP};
