/* Updates: the bits do not depend on how a range is cut, and what is not finite is found. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

enum { N = 1003 };

/* One of each kernel: the names say the variant. */
static gd_optim variant(int i) {
  gd_optim o = gd_optim_defaults(i < 3    ? GD_SGD
                                 : i < 4  ? GD_ADAM
                                 : i < 5  ? GD_ADAMW
                                 : i < 9  ? GD_RMSPROP
                                 : i < 10 ? GD_LARS
                                          : GD_ADAM);
  o.weight_decay = 0.01;
  if (o.kind == GD_SGD) o.momentum = i ? 0.9 : 0, o.nesterov = i == 2;
  if (o.kind == GD_RMSPROP) o.momentum = i & 1 ? 0.9 : 0, o.centered = i >= 7;
  o.amsgrad = i >= 10;
  if (i == 11) o.ema = 0.9;
  if (i == 12) o.swa_start = 1, o.swa_every = 1;
  return o;
}
enum { VARIANTS = 13 };

typedef struct run {
  gd_dtype dtype;
  double w[N], grad[N], state[GD_OPTIM_MAX_STATES][N]; /* raw memory of f32 or f64 */
} run;

static void put(run *r, double *array, int i, double x) {
  if (r->dtype == GD_F64)
    array[i] = x;
  else
    ((float *)array)[i] = (float)x;
}

static void start(run *r, gd_dtype dtype) {
  memset(r, 0, sizeof *r);
  r->dtype = dtype;
  for (int i = 0; i < N; i++) {
    put(r, r->w, i, gd_rng_normal(gd_rng_stream(1, GD_RNG_TEST, 0), (uint64_t)i));
    put(r, r->grad, i, gd_rng_normal(gd_rng_stream(1, GD_RNG_TEST, 1), (uint64_t)i));
  }
}

static bool update(run *r, const gd_optim *o, int64_t step, int lo, int hi) {
  const gd_update u = {.lr = 0.01, .step = step, .grad_scale = 1.0 / 3, .clip_value = 0.5, .local_rate = 0.7};
  const size_t at = (size_t)lo * gd_dtype_bytes(r->dtype);
  void *state[GD_OPTIM_MAX_STATES];
  for (int i = 0; i < GD_OPTIM_MAX_STATES; i++) state[i] = (char *)r->state[i] + at;
  return gd_optim_update(o, &u, r->dtype, hi - lo, (char *)r->w + at, (char *)r->grad + at, state);
}

static void cuts_do_not_change_the_bits(void **state) {
  (void)state;
  static run whole, cut;
  for (int v = 0; v < VARIANTS; v++)
    for (int type = 0; type < 2; type++) {
      const gd_optim o = variant(v);
      assert_ok(gd_optim_check(&o));
      start(&whole, type ? GD_F64 : GD_F32);
      start(&cut, type ? GD_F64 : GD_F32);
      for (int step = 0; step < 4; step++) {
        assert_true(update(&whole, &o, step, 0, N));
        for (int lo = 0, hi, i = 0; lo < N; lo = hi, i++) {
          hi = lo + 1 + (int)gd_rng_below(gd_rng_stream(2, GD_RNG_TEST, (uint64_t)step), (uint64_t)i, 70);
          if (hi > N) hi = N;
          assert_true(update(&cut, &o, step, lo, hi));
        }
        assert_memory_equal(&whole, &cut, sizeof whole);
      }
    }
}

static void a_value_that_is_not_finite_is_found_wherever_it_is(void **state) {
  (void)state;
  static run r;
  const double wild[] = {NAN, INFINITY, -INFINITY};
  for (int v = 0; v < VARIANTS; v++)
    for (int type = 0; type < 2; type++)
      for (int at = 0; at < N; at += 167)
        for (int k = 0; k < 6; k++) {
          const gd_optim o = variant(v);
          start(&r, type ? GD_F64 : GD_F32);
          put(&r, k < 3 ? r.grad : r.w, at, wild[k % 3]);
          assert_false(update(&r, &o, 0, 0, N));
        }
}

static void rmsprop_centered_survives_a_constant_gradient(void **state) {
  (void)state;
  gd_optim o = gd_optim_defaults(GD_RMSPROP);
  o.centered = true;
  o.alpha = 0.5; /* the variance goes to zero at once */
  float w[3] = {1, 1, 1}, g[3] = {0.1f, 0.3f, 0.7f}, s[3] = {0}, mean[3] = {0};
  for (int step = 0; step < 200; step++)
    assert_true(gd_optim_update(&o, &(gd_update){.lr = 1e-9, .step = step, .grad_scale = 1, .local_rate = 1},
                                GD_F32, 3, w, g, (void *const[]){s, mean}));
}

static void gradients_are_scaled_then_clamped(void **state) {
  (void)state;
  const gd_optim o = gd_optim_defaults(GD_SGD);
  double w[3] = {0, 0, 0}, g[3] = {4, -40, 0.4};
  assert_true(gd_optim_update(&o, &(gd_update){.lr = 1, .grad_scale = 0.5, .clip_value = 3, .local_rate = 1},
                              GD_F64, 3, w, g, NULL));
  assert_close(w[0], -2, 0);
  assert_close(w[1], 3, 0);
  assert_close(w[2], -0.2, 1e-16);
}

/* f = x^2 / 2 from 1: with the rate outside the velocity a new rate acts on all of it at once. */
static void the_rate_is_outside_the_velocity(void **state) {
  (void)state;
  gd_optim o = gd_optim_defaults(GD_SGD);
  o.momentum = 0.9;
  const double rate[] = {0.1, 0.2};
  double x = 1, v = 0;
  for (int i = 0; i < 2; i++) {
    double g = x;
    assert_true(gd_optim_update(&o, &(gd_update){.lr = rate[i], .step = i, .grad_scale = 1, .local_rate = 1},
                                GD_F64, 1, &x, &g, (void *const[]){&v}));
  }
  assert_close(x, 0.54, 1e-15);
}

static void lars_follows_its_paper(void **state) {
  (void)state;
  gd_optim o = gd_optim_defaults(GD_LARS);
  o.weight_decay = 0.1;
  const double local = gd_lars_rate(&o, 5, 2);
  assert_close(local, 0.002, 1e-18);
  assert_close(gd_lars_rate(&o, 0, 2), 1, 0);
  assert_close(gd_lars_rate(&o, 5, 0), 1, 0);
  double w[] = {3, 4}, g[] = {0, 2}, v[] = {0, 0};
  for (int i = 0; i < 2; i++) /* the same local rate twice: v = 0.9 v + lr local (g + 0.1 w) */
    assert_true(gd_optim_update(&o, &(gd_update){.lr = 10, .step = i, .grad_scale = 1, .local_rate = local},
                                GD_F64, 2, w, g, (void *const[]){v}));
  const double v0 = 0.02 * 0.3, v1 = 0.9 * v0 + 0.02 * 0.1 * (3 - v0);
  assert_close(v[0], v1, 1e-16);
  assert_close(w[0], 3 - v0 - v1, 1e-15);
}

static void impossible_settings_are_refused(void **state) {
  (void)state;
  gd_optim o = gd_optim_defaults(GD_SGD);
  o.nesterov = true;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
  o.momentum = 0.9;
  assert_ok(gd_optim_check(&o));
  o.dampening = 0.1;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
  o = gd_optim_defaults(GD_SGD);
  o.momentum = -0.1;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
  o.momentum = NAN;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
  o = gd_optim_defaults(GD_ADAM);
  o.beta2 = 1;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
  gd_optimizer k;
  assert_int_equal(gd_optim_parse(&k, "adma"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "'adam'"));
}

/* The mean of the parameters after updates start, start + every ...: before, and without a gap, w itself. */
static void averages_are_what_they_say(void **state) {
  (void)state;
  static run r;
  gd_optim o = gd_optim_defaults(GD_SGD);
  for (int every = 1; every <= 3; every++) {
    o.swa_start = 3, o.swa_every = every;
    start(&r, GD_F64);
    double sum = 0;
    for (int step = 0, n = 0; step < 14; step++) {
      assert_true(update(&r, &o, step, 0, N));
      if (step + 1 < 3) assert_true(r.state[0][7] == r.w[7]);
      if (step + 1 >= 3 && (step + 1 - 3) % every == 0) sum += r.w[7], n++;
      if (n > 0) assert_close(r.state[0][7], sum / n, 1e-14);
    }
  }
  o.swa_every = 0, o.ema = 0.75;
  start(&r, GD_F64);
  for (int i = 0; i < N; i++)
    r.state[0][i] = INFINITY; /* nothing of what was before the first update stays */
  double s = 0;
  for (int step = 0; step < 9; step++) {
    assert_true(update(&r, &o, step, 0, N));
    s = step ? 0.75 * s + 0.25 * r.w[7] : r.w[7];
    assert_close(r.state[0][7], s, 1e-14);
  }
  assert_string_equal(gd_optim_state_name(&o, gd_optim_average_state(&o)), "ema");
  o.swa_every = 1;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
  o.swa_every = 0, o.ema = 1;
  assert_int_equal(gd_optim_check(&o), GD_ERR_USAGE);
}

static void states_have_pytorch_names(void **state) {
  (void)state;
  gd_optim o = gd_optim_defaults(GD_SGD);
  assert_int_equal(gd_optim_states(&o), 0);
  assert_null(gd_optim_state_name(&o, 0));
  o = gd_optim_defaults(GD_RMSPROP);
  o.momentum = 0.9, o.centered = true;
  assert_int_equal(gd_optim_states(&o), 3);
  assert_string_equal(gd_optim_state_name(&o, 0), "square_avg");
  assert_string_equal(gd_optim_state_name(&o, 1), "momentum_buffer");
  assert_string_equal(gd_optim_state_name(&o, 2), "grad_avg");
  o = gd_optim_defaults(GD_ADAMW), o.amsgrad = true;
  assert_int_equal(gd_optim_states(&o), 3);
  assert_string_equal(gd_optim_state_name(&o, 2), "max_exp_avg_sq");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cuts_do_not_change_the_bits),
      cmocka_unit_test(a_value_that_is_not_finite_is_found_wherever_it_is),
      cmocka_unit_test(rmsprop_centered_survives_a_constant_gradient),
      cmocka_unit_test(gradients_are_scaled_then_clamped),
      cmocka_unit_test(the_rate_is_outside_the_velocity),
      cmocka_unit_test(lars_follows_its_paper),
      cmocka_unit_test(impossible_settings_are_refused),
      cmocka_unit_test(averages_are_what_they_say),
      cmocka_unit_test(states_have_pytorch_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
