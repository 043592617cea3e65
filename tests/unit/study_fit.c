/* What batch sizes say: medians, regimes, the hyperbola and its intervals. */
#include <math.h>

#include "gd/gd.h"
#include "test.h"
#include "study/study.h"

static void medians_keep_what_was_never_reached(void **state) {
  (void)state;
  assert_close(gdi_median((double[]){3, 1, 2}, 3), 2, 0);
  assert_close(gdi_median((double[]){4, 1, 2, 3}, 4), 2.5, 0);
  assert_close(gdi_median((double[]){INFINITY, 1, 2}, 3), 2, 0);
  assert_true(isinf(gdi_median((double[]){INFINITY, 1}, 2)));
  assert_true(isnan(gdi_median(NULL, 0)));
}

static void regimes_follow_the_slope(void **state) {
  (void)state;
  const double B[] = {1, 2, 4, 1024, 2048, 4096};
  double S[6];
  for (int i = 0; i < 6; i++) S[i] = 10 + 1000 / B[i];
  S[5] = INFINITY;
  assert_string_equal(gdi_regime(gdi_local_slope(0, 6, B, S)), "halving");
  assert_string_equal(gdi_regime(gdi_local_slope(4, 6, B, S)), "flat");
  assert_string_equal(gdi_regime(gdi_local_slope(5, 6, B, S)), "");
  assert_string_equal(gdi_regime(-0.5), "diminishing");
  assert_close(gdi_local_slope(1, 3, (double[]){1, 2, 4}, (double[]){8, 4, 2}), -1, 1e-12);
}

/* ---- the fit */

static void the_fit_finds_the_hyperbola_it_is_given(void **state) {
  (void)state;
  double B[12], S[12];
  for (int i = 0; i < 12; i++) B[i] = (double)(1 << i), S[i] = 34.1 + 2149 / B[i];
  S[7] = INFINITY; /* never reached: left out */
  S[9] = 0;        /* reached before the first update: says nothing */
  gd_hyperbola h;
  assert_ok(gd_hyperbola_fit(&h, 12, B, S));
  assert_int_equal(h.points, 10);
  assert_close(h.s_min, 34.1, 1e-6);
  assert_close(h.e_min, 2149, 1e-4);
  assert_close(h.b_crit, 2149 / 34.1, 1e-5);
  assert_close(h.deviation, 0, 1e-9);
  assert_int_equal(gd_hyperbola_fit(&h, 2, B, S), GD_ERR_USAGE);
}

static void the_deviation_is_that_of_the_points(void **state) {
  (void)state;
  enum { N = 4000 };
  double B[N], S[N];
  for (int i = 0; i < N; i++) {
    B[i] = (double)(1 << i % 12);
    S[i] = (50 + 5000 / B[i]) * exp(0.1 * gd_rng_normal(gd_rng_stream(3, GD_RNG_TEST, 0), (uint64_t)i));
  }
  gd_hyperbola h;
  assert_ok(gd_hyperbola_fit(&h, N, B, S));
  assert_close(h.deviation, 0.1, 0.004);
  assert_close(h.s_min, 50, 0.5);
  assert_close(h.e_min, 5000, 50);
}

/* ---- a noisy quadratic: the course that datasets/README.md derives */

typedef struct quadratic {
  double l, noise2, target; /* curvatures 1 and l */
} quadratic;

/* Updates to the target at the step a, with the crossing of a study. */
static double updates_at(const quadratic *o, double B, double a, double most) {
  double p = 100 + o->l / 3, q = 1. / 3, before;
  for (int t = 1; t <= most; t++) {
    const double p0 = p;
    before = p + q;
    p = (1 - a * o->l) * (1 - a * o->l) * p + a * a * o->l * o->l * (q + o->noise2) / B;
    q = (1 - a) * (1 - a) * q + a * a * (p0 + o->noise2) / B;
    if (p + q < o->target) return t - 1 + (before - o->target) / (before - p - q);
  }
  return INFINITY;
}

static double best_updates(const quadratic *o, double B) {
  double best = 1e5;
  for (int i = 0; i < 400; i++) best = fmin(best, updates_at(o, B, 2 * pow(0.01, i / 400.), best + 1));
  return best;
}

static gd_hyperbola fit_theory(const quadratic *o) {
  double B[14], S[14];
  gd_hyperbola h;
  for (int i = 0; i < 14; i++) B[i] = (double)(1 << i), S[i] = best_updates(o, B[i]);
  assert_ok(gd_hyperbola_fit(&h, 14, B, S));
  return h;
}

/* The deeper the target, the closer the course is to the model; how close, the deviation says. */
static void the_fit_finds_the_limits_of_a_quadratic(void **state) {
  (void)state;
  const gd_hyperbola deep = fit_theory(&(quadratic){0.1, 4e-4, 1e-5});
  assert_close(deep.s_min / 39.66, 1, 0.015);
  assert_close(deep.e_min / 2213, 1, 0.015);
  assert_true(deep.deviation < 0.01);
  const gd_hyperbola shallow = fit_theory(&(quadratic){0.05, 4, 0.1});
  assert_close(shallow.s_min / 34.1, 1, 0.1);
  assert_close(shallow.e_min / 2149, 1, 0.1);
  assert_true(shallow.deviation > 0.025);
}

/* ---- intervals */

enum { N = 10, SEEDS = 8 };

/* updates[seed][batch] with chance of its own for each run, and chance that all batch sizes of a seed
 * share. */
static void measure(double *S, int seeds, uint64_t stream, double own, double shared) {
  const gd_rng rng = gd_rng_stream(7, GD_RNG_TEST, stream);
  for (int k = 0; k < seeds; k++)
    for (int i = 0; i < N; i++) {
      const double mine = own * gd_rng_normal(rng, (uint64_t)(k * N + i));
      const double ours = shared * gd_rng_normal(rng, (uint64_t)(1000 + k));
      S[k * N + i] = (50 + 5000 / (double)(1 << i)) * exp(mine + ours);
    }
}

static gd_hyperbola fit_medians(int seeds, const double *S) {
  double B[N], median[N], v[SEEDS];
  gd_hyperbola h;
  for (int i = 0; i < N; i++) {
    for (int k = 0; k < seeds; k++) v[k] = S[k * N + i];
    B[i] = (double)(1 << i), median[i] = gdi_median(v, seeds);
  }
  assert_ok(gd_hyperbola_fit(&h, N, B, median));
  assert_ok(gdi_hyperbola_bootstrap(&h, N, seeds, B, S));
  return h;
}

static void intervals_shrink_with_noise(void **state) {
  (void)state;
  const double truth[] = {50, 5000, 100}, noise[] = {0.2, 0.02};
  for (int seeds = 1; seeds <= SEEDS; seeds += SEEDS - 1) {
    double width[2], S[N * SEEDS];
    for (int w = 0; w < 2; w++) {
      measure(S, seeds, 0, noise[w], 0);
      const gd_hyperbola h = fit_medians(seeds, S);
      const double found[] = {h.s_min, h.e_min, h.b_crit};
      for (int j = 0; j < 3; j++) assert_true(h.lo[j] < found[j] && found[j] < h.hi[j]);
      for (int j = 0; j < 3; j++) assert_true(h.lo[j] < truth[j] && truth[j] < h.hi[j]);
      width[w] = h.hi[2] / h.lo[2];
    }
    assert_true(width[1] < 1 + (width[0] - 1) / 2);
  }
}

/* Of studies repeated many times, as many intervals hold the truth as they claim, roughly. */
static void intervals_hold_the_truth_as_often_as_they_say(void **state) {
  (void)state;
  enum { STUDIES = 60 };
  const struct {
    int seeds;
    double own, shared;
  } cases[] = {{1, 0.05, 0}, {3, 0.05, 0}, {SEEDS, 0.02, 0.05}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    int held[2] = {0, 0};
    for (int study = 0; study < STUDIES; study++) {
      double S[N * SEEDS];
      measure(S, cases[c].seeds, (uint64_t)(1 + study), cases[c].own, cases[c].shared);
      const gd_hyperbola h = fit_medians(cases[c].seeds, S);
      held[0] += h.lo[0] < 50 && 50 < h.hi[0], held[1] += h.lo[1] < 5000 && 5000 < h.hi[1];
    }
    print_message("%d seeds: %d and %d of %d\n", cases[c].seeds, held[0], held[1], STUDIES);
    assert_true(held[0] >= 0.87 * STUDIES && held[1] >= 0.87 * STUDIES);
  }
}

/* Seeds that agree do not make the hyperbola right: what it misses stays in the interval. */
static void intervals_know_what_the_model_misses(void **state) {
  (void)state;
  double S[N * SEEDS];
  measure(S, SEEDS, 0, 0, 0);
  for (int i = 0; i < N * SEEDS; i++) S[i] *= i % N % 2 ? 1.1 : 1 / 1.1;
  const gd_hyperbola h = fit_medians(SEEDS, S);
  assert_true(h.hi[0] / h.lo[0] > 1.1 && h.hi[1] / h.lo[1] > 1.1);
  assert_true(h.lo[0] < 50 && 50 < h.hi[0] && h.lo[1] < 5000 && 5000 < h.hi[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(medians_keep_what_was_never_reached),
      cmocka_unit_test(regimes_follow_the_slope),
      cmocka_unit_test(the_fit_finds_the_hyperbola_it_is_given),
      cmocka_unit_test(the_deviation_is_that_of_the_points),
      cmocka_unit_test(the_fit_finds_the_limits_of_a_quadratic),
      cmocka_unit_test(intervals_shrink_with_noise),
      cmocka_unit_test(intervals_hold_the_truth_as_often_as_they_say),
      cmocka_unit_test(intervals_know_what_the_model_misses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
