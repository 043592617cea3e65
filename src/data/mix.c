#include "data/mix.h"

#include <math.h>

/* Joehnk 1964: u^(1/a) / (u^(1/a) + v^(1/a)) of those that lie below the diagonal. */
double gdi_draw_beta(gdi_draws *d, double alpha) {
  for (;;) {
    const double u = pow(gdi_draw(d, 0, 1), 1 / alpha), v = pow(gdi_draw(d, 0, 1), 1 / alpha);
    if (u + v > 0 && u + v <= 1) return u / (u + v);
  }
}

void gdi_blend(gd_dtype type, char *to, const char *from, int64_t n, double keep) {
  if (type == GD_F64) {
    double *t = (void *)to;
    const double *f = (const void *)from;
    for (int64_t i = 0; i < n; i++) t[i] = keep * t[i] + (1 - keep) * f[i];
    return;
  }
  float *t = (void *)to;
  const float *f = (const void *)from, k = (float)keep, rest = (float)(1 - keep);
  for (int64_t i = 0; i < n; i++) t[i] = k * t[i] + rest * f[i];
}

void gdi_mix_targets(gdi_mixing *m, double keep) {
  const size_t row = (size_t)m->targets * gd_dtype_bytes(m->type);
  for (int64_t i = 0; i < m->n; i++)
    gdi_blend(m->type, m->y + (size_t)i * row, m->was_y + (size_t)gdi_mix_partner(m, i) * row, m->targets,
              keep);
}
