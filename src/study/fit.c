/* What measured batch sizes say: medians, slopes, and the hyperbola between updates and samples. */
#include <math.h>
#include <stdlib.h>

#include "gd/rng.h"
#include "study/study.h"

double gdi_local_slope(int i, int n, const double *x, const double *y) {
  int lo = i > 0 && isfinite(y[i - 1]) ? i - 1 : i, hi = i + 1 < n && isfinite(y[i + 1]) ? i + 1 : i;
  if (lo == hi || !isfinite(y[i])) return NAN;
  return log(y[hi] / y[lo]) / log(x[hi] / x[lo]);
}

/* Thirds: twice the batch takes at least 41 % off the updates, or at most 16 %, or something between. */
const char *gdi_regime(double slope) {
  if (isnan(slope)) return "";
  return slope < -0.75 ? "halving" : slope > -0.25 ? "flat" : "diminishing";
}

/* ---- S(B) = e^a + e^b / B */

typedef struct sums {
  double cost, g[2], h[3]; /* squared error of log S; gradient; Hessian aa, ab, bb (Gauss-Newton) */
} sums;

/* Reached, and not before the first update. */
static bool usable(double updates) {
  return isfinite(updates) && updates > 0;
}

/* log_updates: NaN where a point is not usable. */
static sums accumulate(double a, double b, int n, const double *batch, const double *log_updates) {
  const double flat = exp(a), e_min = exp(b);
  sums s = {0};
  for (int i = 0; i < n; i++) {
    if (isnan(log_updates[i])) continue;
    const double fall = e_min / batch[i], S = flat + fall;
    const double e = log(S) - log_updates[i], da = flat / S, db = fall / S;
    s.cost += e * e;
    s.g[0] += e * da, s.g[1] += e * db;
    s.h[0] += da * da, s.h[1] += da * db, s.h[2] += db * db;
  }
  return s;
}

static int start(double *a, double *b, double *log_updates, int n, const double *batch,
                 const double *updates) {
  double s = INFINITY, e = INFINITY;
  int points = 0;
  for (int i = 0; i < n; i++) {
    log_updates[i] = usable(updates[i]) ? log(updates[i]) : NAN;
    if (!usable(updates[i])) continue;
    points++;
    s = fmin(s, updates[i]), e = fmin(e, updates[i] * batch[i]);
  }
  *a = log(s), *b = log(e);
  return points;
}

/* Levenberg-Marquardt. Data without a flat part would send s_min to 0: it stays above a thousandth. */
static gd_status fit(gd_hyperbola *out, double *log_updates, int n, const double *batch,
                     const double *updates) {
  enum { ITERATIONS = 200 };
  double a, b, damping = 1e-3;
  *out = (gd_hyperbola){.points = start(&a, &b, log_updates, n, batch, updates)};
  if (out->points < 3)
    return GD_FAIL(GD_ERR_USAGE, "a fit needs 3 batch sizes that reached the target, not %d", out->points);
  const double a_min = a - log(1000), b_min = b - log(1000);
  sums s = accumulate(a, b, n, batch, log_updates);
  for (int i = 0; i < ITERATIONS && damping < 1e12; i++) {
    const double aa = s.h[0] * (1 + damping) + 1e-12, bb = s.h[2] * (1 + damping) + 1e-12, ab = s.h[1];
    const double det = aa * bb - ab * ab;
    const double a1 = fmax(a_min, a - (bb * s.g[0] - ab * s.g[1]) / det);
    const double b1 = fmax(b_min, b - (aa * s.g[1] - ab * s.g[0]) / det);
    const sums s1 = accumulate(a1, b1, n, batch, log_updates);
    const double moved = fabs(a1 - a) + fabs(b1 - b);
    if (s1.cost <= s.cost)
      a = a1, b = b1, s = s1, damping /= 4;
    else
      damping *= 4;
    if (moved < 1e-13) break;
  }
  out->s_min = exp(a), out->e_min = exp(b), out->b_crit = exp(b - a);
  out->deviation = sqrt(s.cost / (out->points - 2));
  return GD_OK;
}

gd_status gd_hyperbola_fit(gd_hyperbola *out, int n, const double batch[], const double updates[]) {
  double *log_updates = malloc((size_t)(n > 0 ? n : 1) * sizeof *log_updates);
  if (!log_updates) return GD_FAIL(GD_ERR_OOM, "no memory for a fit");
  gd_status st = fit(out, log_updates, n, batch, updates);
  free(log_updates);
  return st;
}

/* ---- bootstrap */

enum { DRAWS = 1000 };

typedef struct measured {
  int n, seeds;
  const double *batch, *updates; /* [n], [seeds][n] */
  const gd_hyperbola *fit;
} measured;

static double median_of(const measured *m, int i, const int *seed) {
  double v[GDI_STUDY_MAX_SEEDS];
  for (int k = 0; k < m->seeds; k++) v[k] = m->updates[(seed ? seed[k] : k) * m->n + i];
  return gdi_median(v, m->seeds);
}

/*
 * The fitted curve, with chance as large as its deviation may be after so few points (sigma^2 over
 * chi-squared: Student's intervals), times what seeds drawn with replacement change in the medians (the same
 * draw for all batch sizes). Deviations alone know nothing of chance that batch sizes share, seeds alone
 * nothing of what the hyperbola misses.
 */
static void draw(double *y, gd_rng rng, uint64_t *at, const measured *m) {
  const int degrees = m->fit->points - 2;
  int seed[GDI_STUDY_MAX_SEEDS];
  double chi2 = 0;
  for (int k = 0; k < m->seeds; k++) seed[k] = (int)gd_rng_below(rng, (*at)++, m->seeds);
  for (int k = 0; k < degrees; k++) {
    const double z = gd_rng_normal(rng, (*at)++);
    chi2 += z * z;
  }
  const double sigma = m->fit->deviation * sqrt(degrees / chi2);
  for (int i = 0; i < m->n; i++) {
    const double median = median_of(m, i, NULL), curve = m->fit->s_min + m->fit->e_min / m->batch[i];
    const double r = sigma * gd_rng_normal(rng, (*at)++);
    y[i] = usable(median) ? curve * exp(r) * median_of(m, i, seed) / median : INFINITY;
  }
}

gd_status gdi_hyperbola_bootstrap(gd_hyperbola *h, int n, int seeds, const double *batch,
                                  const double *updates) {
  double *found = malloc(3 * DRAWS * sizeof *found);
  if (!found) return GD_FAIL(GD_ERR_OOM, "no memory for the bootstrap");
  const gd_rng rng = gd_rng_stream(1, GD_RNG_TEST, 1847);
  uint64_t at = 0;
  int fits = 0;
  for (int d = 0; d < DRAWS; d++) {
    double y[GDI_STUDY_MAX_BATCHES];
    gd_hyperbola one;
    draw(y, rng, &at, &(measured){n, seeds, batch, updates, h});
    if (gd_hyperbola_fit(&one, n, batch, y) != GD_OK) continue;
    found[fits] = one.s_min, found[DRAWS + fits] = one.e_min, found[2 * DRAWS + fits] = one.b_crit;
    fits++;
  }
  gd_error_clear();
  for (int k = 0; k < 3 && fits > 0; k++) {
    double *v = found + k * DRAWS;
    gdi_sort(v, fits);
    h->lo[k] = v[(int)(0.025 * (fits - 1))], h->hi[k] = v[(int)(0.975 * (fits - 1) + 0.5)];
  }
  free(found);
  return GD_OK;
}
