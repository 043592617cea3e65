/*
 * Gradient noise scale (McCandlish et al. 2018): S / |G|^2, the batch size up to which more samples in an
 * update pay. S is the trace of the covariance of one sample's gradient, G the gradient of the expected loss.
 * Pure functions.
 *
 * A step of K micro-batches with b_k of its B samples has mean gradients g_k, and G_big of the whole:
 *   E |g_k|^2 = |G|^2 + S / b_k,    E |G_big|^2 = |G|^2 + S / B
 * Weighting by b_k / B makes uneven micro-batches exact: |G_small|^2 = sum_k b_k |g_k|^2 / B has the
 * expectation |G|^2 + S K / B, that of micro-batches of b = B / K samples. So without bias, for any b_k, S
 * est.     = (|G_small|^2 - |G_big|^2) / (1/b - 1/B) |G|^2 est. = (B |G_big|^2 - b |G_small|^2) / (B - b)
 * This holds for samples drawn independently (sampler: replacement); within an epoch S comes out N / (N - 1)
 * times larger.
 */
#ifndef GDI_TRAIN_NOISE_H
#define GDI_TRAIN_NOISE_H

#include "gd/sync.h"

typedef struct gdi_noise_estimate {
  double s, g2; /* of one step either may be negative */
} gdi_noise_estimate;

/* NaN for fewer than two micro-batches. small, big: squared norms as above; samples: B. */
gdi_noise_estimate gdi_noise_of(double small, double big, int64_t samples, int64_t micro_batches);

/*
 * Means over updates: weight 1 for the latest, decay for the one before, decay^2 ... divided by the sum of
 * the weights, so the start is not biased; decay 1 is the plain mean. All zero but decay: nothing seen yet.
 */
typedef struct gdi_noise {
  double decay, weight;
  gdi_noise_estimate mean;
} gdi_noise;

/* Take in an update. One that was skipped or cannot be estimated changes nothing. */
void gdi_noise_add(gdi_noise *n, const gd_sync_result *r);
/* B_simple = S / |G|^2; NaN before the first update, and while |G|^2 is lost in the noise (not above 0). */
double gdi_noise_scale(const gdi_noise *n);

#endif
