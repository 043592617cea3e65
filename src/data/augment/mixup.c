/* Zhang et al., "mixup: beyond empirical risk minimization", 2017. */
#include "data/mix.h"

static const gd_arg args[] = {
    {"alpha", GD_ARG_REAL, "0.2", 0.01, 1, NULL, "of the beta distribution: how evenly two are mixed"},
    {"p", GD_ARG_REAL, "1", 0, 1, NULL, "how often a micro-batch is mixed"},
    {0}};

/* One share for the micro-batch: x = keep x + (1 - keep) x', and so its target. */
static void mix(const gdi_arg_value a[], gdi_draws *d, gdi_mixing *m) {
  if (gdi_draw(d, 0, 1) >= a[1].f) return;
  const double keep = gdi_draw_beta(d, a[0].f);
  for (int64_t i = 0; i < m->n; i++)
    gdi_blend(m->type, gdi_mix_to(m, i), gdi_mix_from(m, i), m->values, keep);
  gdi_mix_targets(m, keep);
}

const gdi_augmentation gdi_augment_mixup = {
    .word = "mixup",
    .about = "each sample and another of its micro-batch, and their targets, are blended",
    .example = "mixup:0.2",
    .args = args,
    .mix = mix};
