/* The noise scale's estimator: exact over all draws, whatever the cut, and smoothed without bias at the
 * start. */
#include <math.h>

#include "test.h"
#include "train/noise.h"

/*
 * Gradients uniform on {1, 3}: G = 2, S = 1. Every draw of a step that is cut into `n` micro-batches of
 * size[k], each as likely: the means must be exact.
 */
static gdi_noise_estimate mean_over_draws(int n, const int *size) {
  int B = 0;
  for (int k = 0; k < n; k++) B += size[k];
  gdi_noise_estimate mean = {0, 0};
  for (int draw = 0; draw < 1 << B; draw++) {
    double small = 0, total = 0;
    for (int k = 0, i = 0; k < n; k++) {
      double sum = 0;
      for (int end = i + size[k]; i < end; i++) sum += draw >> i & 1 ? 3 : 1;
      total += sum;
      small += sum * sum / size[k] / B; /* weight b_k / B of the squared mean */
    }
    gdi_noise_estimate e = gdi_noise_of(small, total * total / B / B, B, n);
    mean.s += e.s / (1 << B), mean.g2 += e.g2 / (1 << B);
  }
  return mean;
}

static void two_draws_of_one_have_the_published_means(void **state) {
  (void)state;
  gdi_noise_estimate e = mean_over_draws(2, (const int[]){1, 1});
  assert_close(e.s, 1, 1e-14);
  assert_close(e.g2, 4, 1e-14);
  assert_close(e.s / e.g2, 0.25, 1e-14);
}

static void uneven_micro_batches_are_exact_too(void **state) {
  (void)state;
  const int cuts[][4] = {{2, 1}, {4, 4, 3}, {3, 3, 3, 1}, {1, 7}};
  const int n[] = {2, 3, 4, 2};
  for (int i = 0; i < 4; i++) {
    gdi_noise_estimate e = mean_over_draws(n[i], cuts[i]);
    assert_close(e.s, 1, 1e-12);
    assert_close(e.g2, 4, 1e-12);
  }
}

static gd_sync_result update_of(double small, double big) {
  return (gd_sync_result){.updated = true,
                          .micro_batches = 2,
                          .grad_norm = sqrt(big),
                          .total = {.weight = 10, .samples = 2, .grad_sq = 10 * small}};
}

static void smoothing_is_not_biased_at_the_start(void **state) {
  (void)state;
  gdi_noise n = {.decay = 0.9};
  for (int i = 0; i < 5; i++) {              /* equal values: their mean from the first on */
    gdi_noise_add(&n, &(gd_sync_result){0}); /* not updated: not counted */
    gd_sync_result r = update_of(5, 4.5);
    gdi_noise_add(&n, &r);
    assert_close(n.mean.s, 1, 1e-14);
    assert_close(n.mean.g2, 4, 1e-14);
  }
  gdi_noise ema = {.decay = 0.5}, plain = {.decay = 1};
  for (int i = 0; i < 3; i++) {
    gd_sync_result r = update_of(4 + (double)i, 4); /* S = 0, 2, 4; |G|^2 = 4, 3, 2 */
    gdi_noise_add(&ema, &r);
    gdi_noise_add(&plain, &r);
  }
  assert_close(ema.mean.s, (0.25 * 0 + 0.5 * 2 + 4) / 1.75, 1e-14);
  assert_close(plain.mean.s, 2, 1e-14);
  assert_close(gdi_noise_scale(&plain), 2. / 3, 1e-14); /* smoothed apart, then divided */
}

static void what_cannot_be_measured_is_nan(void **state) {
  (void)state;
  assert_true(isnan(gdi_noise_of(1, 1, 64, 1).s));
  gdi_noise n = {.decay = 1};
  assert_true(isnan(gdi_noise_scale(&n)));
  gd_sync_result r = update_of(5, 4.5);
  r.micro_batches = 1;
  gdi_noise_add(&n, &r);
  assert_true(n.weight == 0);
  r = update_of(8, 3); /* |G|^2 est. = -2 */
  gdi_noise_add(&n, &r);
  assert_true(n.weight == 1 && n.mean.g2 < 0 && isnan(gdi_noise_scale(&n)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_draws_of_one_have_the_published_means),
      cmocka_unit_test(uneven_micro_batches_are_exact_too),
      cmocka_unit_test(smoothing_is_not_biased_at_the_start),
      cmocka_unit_test(what_cannot_be_measured_is_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
