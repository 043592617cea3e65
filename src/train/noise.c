#include "train/noise.h"

#include <math.h>

gdi_noise_estimate gdi_noise_of(double small, double big, int64_t samples, int64_t micro_batches) {
  if (micro_batches < 2 || samples < micro_batches) return (gdi_noise_estimate){NAN, NAN};
  const double B = (double)samples, b = B / (double)micro_batches;
  return (gdi_noise_estimate){.s = (small - big) / (1 / b - 1 / B), .g2 = (B * big - b * small) / (B - b)};
}

void gdi_noise_add(gdi_noise *n, const gd_sync_result *r) {
  if (!r->updated) return;
  const gdi_noise_estimate e = gdi_noise_of(r->total.grad_sq / r->total.weight, r->grad_norm * r->grad_norm,
                                            (int64_t)r->total.samples, r->micro_batches);
  if (!isfinite(e.s) || !isfinite(e.g2)) return;
  n->weight = n->decay * n->weight + 1;
  n->mean.s += (e.s - n->mean.s) / n->weight;
  n->mean.g2 += (e.g2 - n->mean.g2) / n->weight;
}

double gdi_noise_scale(const gdi_noise *n) {
  return n->weight > 0 && n->mean.g2 > 0 ? n->mean.s / n->mean.g2 : NAN;
}
