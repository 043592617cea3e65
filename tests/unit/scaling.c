/* The model of a scaling study finds the terms that made the times, and predicts ranks that were not run. */
#include <math.h>

#include "test.h"
#include "study/scaling.h"

static const gd_scaling_fit truth = {2e-6, 30e-6, 1e-9};

static gdi_scaling_point at(double ranks, double samples) {
  gdi_scaling_point p = {ranks, samples / ranks, gdi_scaling_bytes(4e6, ranks), 0};
  p.seconds = gdi_scaling_predict(&truth, &p);
  return p;
}

static void the_terms_are_found(void **state) {
  (void)state;
  gdi_scaling_point p[8];
  for (int i = 0; i < 8; i++) p[i] = at((double)(1 << i % 4), i < 4 ? 4096 : 4096 * (double)(1 << i % 4));
  const gd_scaling_fit f = gdi_scaling_fit(8, p);
  assert_close(f.compute_s / truth.compute_s, 1, 1e-6);
  assert_close(f.latency_s / truth.latency_s, 1, 1e-6);
  assert_close(f.byte_s / truth.byte_s, 1, 1e-6);
  const gdi_scaling_point far = at(64, 4096);
  assert_close(gdi_scaling_predict(&f, &far) / far.seconds, 1, 1e-6);
}

/* One and two ranks cannot tell latency from bandwidth: one of them explains both. */
static void terms_that_cannot_be_told_apart_are_not_both_there(void **state) {
  (void)state;
  gdi_scaling_point p[3] = {at(1, 4096), at(2, 4096), at(2, 8192)};
  const gd_scaling_fit f = gdi_scaling_fit(3, p);
  assert_true((f.latency_s > 0) != (f.byte_s > 0));
  for (int i = 0; i < 3; i++) assert_close(gdi_scaling_predict(&f, &p[i]) / p[i].seconds, 1, 1e-6);
}

static void no_term_is_negative(void **state) {
  (void)state;
  gdi_scaling_point p[6];
  for (int i = 0; i < 6; i++) {
    p[i] = at((double)(1 << i % 3), 4096);
    p[i].seconds = 0.008 / pow(p[i].ranks, 1.3); /* faster than any sum of the terms */
  }
  const gd_scaling_fit f = gdi_scaling_fit(6, p);
  assert_true(f.compute_s > 0 && f.latency_s == 0 && f.byte_s == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_terms_are_found),
      cmocka_unit_test(terms_that_cannot_be_told_apart_are_not_both_there),
      cmocka_unit_test(no_term_is_negative),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
