/* Elementary functions of f32 are within 4 units in the last place over all of f32. */
#include "device/vmath.h"
#include "test.h"

static double sigmoid(double x) {
  return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}
static double softplus(double x) {
  return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}
static double normal_cdf(double x) {
  return 0.5 * erfc(-x * 0.70710678118654752440);
}
static double gauss(double x) {
  return exp(-0.5 * x * x);
}

/* The unit in the last place of an f32 near v. */
static double ulp(double v) {
  int e;
  frexp(v, &e);
  return ldexp(1, (e < -125 ? -125 : e) - 24);
}

static double error_ulps(float y, double exact) {
  if (isnan(exact)) return isnan(y) ? 0 : HUGE_VAL;
  if (!(fabs(exact) <= 0x1.fffffep127)) return isinf(y) && (y > 0) == (exact > 0) ? 0 : HUGE_VAL;
  if (isinf(y) && fabs(exact) > 0x1.fffff8p127) return 0;
  return fabs((double)y - exact) / ulp(exact);
}

/* Every 4099th f32, both signs, all exponents; and the special ones. */
#define CHECK(f, exact, limit)                                                                               \
  do {                                                                                                       \
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 4099) {                                              \
      float x = gdi_float_of((int32_t)(uint32_t)bits);                                                       \
      if (!(error_ulps(f(x), exact((double)x)) <= (limit)))                                                  \
        fail_msg(#f "(%a) = %a", (double)x, (double)f(x));                                                   \
    }                                                                                                        \
    const float special[] = {                                                                                \
        0,      -0.f,    0x1p-149f, -0x1p-149f,      0x1p-126f, 1,         -1,  88.72f, 88.73f,              \
        -87.4f, -103.9f, -104.1f,   0x1.fffffep127f, INFINITY,  -INFINITY, NAN, 0.6f,   1e-8f};              \
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)                                            \
      if (!(error_ulps(f(special[i]), exact((double)special[i])) <= (limit)))                                \
        fail_msg(#f "(%a) = %a", (double)special[i], (double)f(special[i]));                                 \
  } while (0)

static void elementary_functions_are_accurate(void **state) {
  (void)state;
  CHECK(gdi_expf, exp, 1.5);
  CHECK(gdi_logf, log, 1);
  CHECK(gdi_log1pf, log1p, 2);
  CHECK(gdi_tanhf, tanh, 2);
  CHECK(gdi_sigmoidf, sigmoid, 2.5);
  CHECK(gdi_softplusf, softplus, 2.5);
  CHECK(gdi_gaussf, gauss, 2);
  CHECK(gdi_normal_cdff, normal_cdf, 4);
}

/* A vector lane and a single call give equal bits. */
static void lanes_and_single_calls_agree(void **state) {
  (void)state;
  enum { N = 1003 };
  static float x[N], y[N];
  for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) * 0.21f;
  for (int i = 0; i < N; i++) y[i] = gdi_expf(x[i]) + gdi_tanhf(x[i]) + gdi_normal_cdff(x[i]);
  for (int i = 0; i < N; i++) {
    volatile float one = x[i];
    float single = gdi_expf(one) + gdi_tanhf(one) + gdi_normal_cdff(one);
    assert_int_equal(gdi_bits_of(single), gdi_bits_of(y[i]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elementary_functions_are_accurate),
      cmocka_unit_test(lanes_and_single_calls_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
