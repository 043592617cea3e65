/*
 * Statistics: parameters end with the bits of the same model without them, whatever the update needs, and
 * statistics with those of a computation of their own in this file, on any number of ranks, over any transport.
 */
#include <math.h>
#include <string.h>

#include "sync_steps.h"

enum { STEPS = 12, PARAMS = 3, STATISTICS = 2, LARGEST = 5000 };

/* ---- a model with statistics, and the same one without */

typedef struct watched {
  gd_module base;
  gd_tensor *param[PARAMS], *statistic[STATISTICS];
} watched;

static const gd_module_class watched_class = {.name = "Watched"};
static const int64_t param_size[PARAMS] = {21000, 40, 13001}, statistic_size[STATISTICS] = {70, LARGEST};
static const double momentum[STATISTICS] = {0.1, 0.3};

static watched *watched_new(gd_dtype dtype, bool statistics) {
  gd_module *m;
  assert_ok(gd_module_new(&m, &watched_class, sizeof(watched), device, dtype));
  watched *w = (watched *)m;
  for (int i = 0; i < PARAMS; i++) {
    const char name[] = {'p', (char)('0' + i), 0};
    assert_ok(gd_module_add_param(m, name, GD_SHAPE(param_size[i]), &w->param[i]));
    gd_init_uniform(w->param[i], gd_rng_stream(5, GD_RNG_INIT, (uint64_t)i), -1, 1);
  }
  for (int i = 0; statistics && i < STATISTICS; i++) {
    const char name[] = {'s', (char)('0' + i), 0};
    assert_ok(gd_module_add_statistic(m, name, momentum[i], GD_SHAPE(statistic_size[i]), &w->statistic[i]));
    assert_ok(gd_tensor_fill(w->statistic[i], i));
  }
  return w;
}

typedef struct trial {
  const char *name;
  gd_optimizer kind;
  double clip_norm, clip_value;
  bool skip, noise;
  gd_dtype dtype;
} trial;

static const trial trials[] = {
    {"sgd", GD_SGD, 0, 0, false, false, GD_F32},
    {"sgd clipped by norm", GD_SGD, 0.01, 0, false, false, GD_F32},
    {"sgd clipped by value, with the noise scale", GD_SGD, 0, 1e-4, false, true, GD_F32},
    {"adamw that may skip, in f64", GD_ADAMW, 0, 0, true, false, GD_F64},
    {"lars with the noise scale", GD_LARS, 0, 0, false, true, GD_F32},
};

static gd_sync_options options_of(const trial *t) {
  gd_sync_options o = {.optim = gd_optim_defaults(t->kind),
                       .max_micro_batches = MAX_K,
                       .clip_norm = t->clip_norm,
                       .clip_value = t->clip_value,
                       .skip_nonfinite = t->skip,
                       .noise_scale = t->noise,
                       .audit_every = 3};
  o.optim.weight_decay = 0.01;
  return o;
}

/* ---- statistics in one place */

static double in_type(gd_dtype t, double v) {
  return t == GD_F32 ? (double)(float)v : v;
}

static double at(const gd_tensor *t, int64_t i) {
  return t->dtype == GD_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

static int64_t samples_of(int64_t step, int64_t k) {
  return 7 + (k + step) % 4;
}

/* n_k (r - s_k), or nothing from a micro-batch that does not use the statistic. */
static double contribution(gd_dtype t, int64_t step, int64_t k, int s, int64_t i, double r) {
  if (s == 1 && k % 3 == 2) return 0;
  return in_type(t, (double)samples_of(step, k) * (r - 10 * gradient(step, k, i + 7 * s)));
}

static double tree(gd_dtype t, int64_t step, int64_t lo, int64_t hi, int s, int64_t i, double r) {
  if (hi - lo == 1) return contribution(t, step, lo, s, i, r);
  int64_t half = 1;
  while (half * 2 < hi - lo) half *= 2;
  return in_type(t, tree(t, step, lo, lo + half, s, i, r) + tree(t, step, lo + half, hi, s, i, r));
}

/* r -= momentum (sum / samples), each number and operation in the type of the model. */
static void expected_statistics(gd_dtype t, int64_t step, double *value[STATISTICS]) {
  const int64_t K = micro_batches(step);
  double samples = 0;
  for (int64_t k = 0; k < K; k++) samples += (double)samples_of(step, k);
  const double per_sample = in_type(t, 1 / samples);
  for (int s = 0; s < STATISTICS; s++)
    for (int64_t i = 0; i < statistic_size[s]; i++) {
      double *r = &value[s][i];
      const double g = in_type(t, per_sample * tree(t, step, 0, K, s, i, *r));
      *r = in_type(t, *r - in_type(t, in_type(t, momentum[s]) * g));
    }
}

/* ---- the same through the sync */

static void put(gd_tensor *g, int64_t i, double v) {
  g->dtype == GD_F32 ? (void)(((float *)g->data)[i] = (float)v) : (void)(((double *)g->data)[i] = v);
}

static void write_statistics(const watched *w, int64_t step, int64_t k) {
  for (int s = 0; s < STATISTICS; s++) {
    gd_tensor *t = w->statistic[s];
    if (!t || (s == 1 && k % 3 == 2)) continue; /* not reached */
    for (int64_t i = 0; i < statistic_size[s]; i++)
      put(t->grad, i, contribution(t->dtype, step, k, s, i, at(t, i)));
    t->has_grad = true;
  }
}

static void write_params(const watched *w, int64_t step, int64_t k) {
  int64_t offset = 0;
  for (int j = PARAMS - 1; j >= 0; offset += param_size[j--]) {
    for (int64_t i = 0; i < param_size[j]; i++) put(w->param[j]->grad, i, gradient(step, k, offset + i));
    w->param[j]->has_grad = true;
  }
}

static gd_sync_result one_step(gd_sync *s, const watched *w, int64_t step) {
  gd_sync_result result;
  const gd_range run = gd_sync_begin(s, micro_batches(step));
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_sync_micro_batch(s, k);
    write_params(w, step, k);
    write_statistics(w, step, k);
    gd_step_stats r = record_of(step, k);
    r.samples = (double)samples_of(step, k);
    assert_ok(gd_sync_micro_batch_done(s, k, &r));
  }
  assert_ok(gd_sync_update(s, &(gd_sync_step){.lr = rate(step), .step = step}, &result));
  return result;
}

typedef struct side {
  watched *model;
  gd_params *params;
  gd_sync *sync;
} side;

static side side_new(gd_world *w, const trial *t, bool statistics) {
  side s = {.model = watched_new(t->dtype, statistics)};
  const gd_sync_options o = options_of(t);
  assert_ok(gd_params_new(&s.params, &s.model->base));
  assert_ok(gd_sync_new(&s.sync, w, s.params, &o));
  return s;
}

static void side_free(side *s) {
  gd_sync_free(s->sync);
  gd_params_free(s->params);
  gd_module_free(&s->model->base);
}

static void compare(const trial *t, gd_world *w, int64_t step, const side *with, const side *without,
                    double *value[STATISTICS]) {
  for (int j = 0; j < PARAMS; j++)
    if (memcmp(with->model->param[j]->data, without->model->param[j]->data,
               gd_tensor_bytes(with->model->param[j])) != 0)
      fail_msg("%s, step %lld, %d ranks over %s: p%d is not that of the model without statistics", t->name,
               (long long)step, gd_world_size(w), gd_world_transport(w), j);
  for (int s = 0; s < STATISTICS; s++)
    for (int64_t i = 0; i < statistic_size[s]; i++)
      if (at(with->model->statistic[s], i) != value[s][i])
        fail_msg("%s, step %lld, %d ranks over %s: s%d[%lld] is %.17g, not %.17g", t->name, (long long)step,
                 gd_world_size(w), gd_world_transport(w), s, (long long)i, at(with->model->statistic[s], i),
                 value[s][i]);
}

/* From what rank 0 has saved, in another world. */
static void move_to(side *s, gd_world *w, const trial *t) {
  model_state saved = state_new(s->params);
  assert_ok(gd_sync_gather(s->sync, saved.params, (void *const *)saved.state));
  const bool statistics = s->model->statistic[0];
  const int64_t updates = gd_sync_updates(s->sync);
  side_free(s);
  *s = side_new(w, t, statistics);
  assert_ok(gd_sync_scatter(s->sync, saved.params, (const void *const *)saved.state));
  gd_sync_set_updates(s->sync, updates);
  state_free(&saved);
}

static void equal_to_one_place(const trial *t, gd_world *a, gd_world *b) {
  side with = side_new(a, t, true), without = side_new(a, t, false);
  double *value[STATISTICS];
  for (int s = 0; s < STATISTICS; s++) {
    value[s] = calloc(LARGEST, sizeof(double));
    for (int64_t i = 0; i < statistic_size[s]; i++) value[s][i] = s;
  }
  assert_int_equal(with.params->trained % GD_BLOCK, 0);
  assert_int_equal(with.params->trainable, without.params->trainable);
  for (int64_t step = 0; step < STEPS; step++) {
    if (step == STEPS / 2) move_to(&with, b, t), move_to(&without, b, t);
    const gd_sync_result r = one_step(with.sync, with.model, step),
                         o = one_step(without.sync, without.model, step);
    assert_true(r.updated && o.updated);
    assert_true(r.grad_norm == o.grad_norm || (isnan(r.grad_norm) && isnan(o.grad_norm)));
    assert_true(r.total.grad_sq == o.total.grad_sq);
    expected_statistics(t->dtype, step, value);
    compare(t, step < STEPS / 2 ? a : b, step, &with, &without, value);
  }
  assert_ok(gd_sync_healthy(with.sync));
  side_free(&with), side_free(&without);
  for (int s = 0; s < STATISTICS; s++) free(value[s]);
}

static void all_trials(gd_world *a, gd_world *b) {
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) equal_to_one_place(&trials[i], a, b);
}

static void equal_bits_over_shared_memory_and_messages(void **state) {
  (void)state;
  gd_world *messages = world_of(GD_TRANSPORT_MPI, NULL);
  all_trials(first, messages);
  gd_world_finish(messages);
}

static void equal_bits_over_several_hosts(void **state) {
  (void)state;
  gd_world *two = world_of(GD_TRANSPORT_AUTO, "2"), *three = world_of(GD_TRANSPORT_AUTO, "3");
  all_trials(two, three);
  gd_world_finish(three);
  gd_world_finish(two);
}

/* Sums in another order: close, not equal. */
static void allreduce_agrees(void **state) {
  (void)state;
  gd_sync_options o = options_of(&trials[0]);
  o.mode = GD_SYNC_ALLREDUCE;
  side s = {.model = watched_new(GD_F64, true)};
  assert_ok(gd_params_new(&s.params, &s.model->base));
  assert_ok(gd_sync_new(&s.sync, first, s.params, &o));
  double first_value[LARGEST], second_value[LARGEST], *value[STATISTICS] = {first_value, second_value};
  for (int64_t i = 0; i < LARGEST; i++) first_value[i] = 0, second_value[i] = 1;
  for (int64_t step = 0; step < 4; step++) {
    const gd_range run = gd_sync_begin(s.sync, micro_batches(step));
    gd_sync_result result;
    for (int64_t k = run.lo; k < run.hi; k++) {
      gd_sync_micro_batch(s.sync, k);
      for (int i = 0; i < STATISTICS; i++) {
        gd_tensor *t = s.model->statistic[i];
        for (int64_t e = 0; e < statistic_size[i]; e++)
          put(t->grad, e, (k > run.lo ? at(t->grad, e) : 0) + contribution(GD_F64, step, k, i, e, at(t, e)));
        t->has_grad = true;
      }
      gd_step_stats r = record_of(step, k);
      r.samples = (double)samples_of(step, k);
      assert_ok(gd_sync_micro_batch_done(s.sync, k, &r));
    }
    assert_ok(gd_sync_update(s.sync, &(gd_sync_step){.lr = 0.1, .step = step}, &result));
    expected_statistics(GD_F64, step, value);
    for (int i = 0; i < STATISTICS; i++)
      for (int64_t e = 0; e < statistic_size[i]; e++)
        assert_true(fabs(at(s.model->statistic[i], e) - value[i][e]) <= 1e-12 * (1 + fabs(value[i][e])));
  }
  side_free(&s);
}

/* A statistic that is not finite is never saved; where steps may be skipped, it is not written. */
static void a_statistic_that_is_not_finite_stops_or_is_skipped(void **state) {
  (void)state;
  for (int skip = 0; skip < 2; skip++) {
    trial t = trials[0];
    t.skip = skip;
    side s = side_new(first, &t, true);
    const gd_range run = gd_sync_begin(s.sync, 5);
    gd_sync_result result;
    for (int64_t k = run.lo; k < run.hi; k++) {
      gd_sync_micro_batch(s.sync, k);
      write_params(s.model, 0, k);
      write_statistics(s.model, 0, k);
      if (k == 3) put(s.model->statistic[0]->grad, 9, INFINITY);
      const gd_step_stats r = record_of(0, k);
      assert_ok(gd_sync_micro_batch_done(s.sync, k, &r));
    }
    assert_ok(gd_sync_update(s.sync, &(gd_sync_step){.lr = 0.1}, &result));
    assert_int_equal(result.updated, !skip);
    if (skip) assert_true(at(s.model->statistic[0], 9) == 0);
    assert_int_equal(gd_sync_healthy(s.sync), skip ? GD_OK : GD_ERR_NONFINITE);
    side_free(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_bits_over_shared_memory_and_messages),
      cmocka_unit_test(equal_bits_over_several_hosts),
      cmocka_unit_test(allreduce_agrees),
      cmocka_unit_test(a_statistic_that_is_not_finite_stops_or_is_skipped),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
