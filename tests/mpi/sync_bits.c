/*
 * The same bits on any number of ranks, over any transport. The expected parameters come from a computation
 * of its own in this file: one array, one rank, the tree written down again.
 */
#include <math.h>
#include <string.h>

#include "sync_steps.h"

enum { STEPS = 20, LANES = 8 };

/* ---- a case */

typedef struct trial {
  const char *name;
  gd_optimizer kind;
  double momentum, clip_norm, clip_value;
  bool two_pass_anyway;
  gd_dtype dtype;
  double ema;
  int64_t swa_every; /* from step 5 on */
} trial;

static const trial trials[] = {
    {"sgd", GD_SGD, 0, 0, 0, false, GD_F32, 0, 0},
    {"sgd with momentum", GD_SGD, 0.9, 0, 0, false, GD_F32, 0, 0},
    {"sgd in two passes", GD_SGD, 0.9, 0, 0, true, GD_F32, 0, 0},
    {"sgd clipped by norm", GD_SGD, 0.9, 0.01, 0, false, GD_F32, 0, 0},
    {"sgd clipped by value", GD_SGD, 0, 0, 1e-4, false, GD_F32, 0, 0},
    {"adam", GD_ADAM, 0, 0, 0, false, GD_F32, 0, 0},
    {"adamw clipped in f64", GD_ADAMW, 0, 0.01, 0, false, GD_F64, 0, 0},
    {"rmsprop", GD_RMSPROP, 0, 0, 0, false, GD_F64, 0, 0},
    {"lars", GD_LARS, 0.9, 0, 0, false, GD_F32, 0, 0},
    {"lars clipped", GD_LARS, 0.9, 0.01, 0, false, GD_F64, 0, 0},
    {"sgd averaged by ema", GD_SGD, 0, 0, 0, false, GD_F32, 0.9, 0},
    {"adam averaged by swa", GD_ADAM, 0, 0.01, 0, false, GD_F64, 0, 3},
};

static gd_sync_options options_of(const trial *t) {
  gd_sync_options o = {.mode = GD_SYNC_ORDERED,
                       .optim = gd_optim_defaults(t->kind),
                       .max_micro_batches = MAX_K,
                       .clip_norm = t->clip_norm,
                       .clip_value = t->clip_value,
                       .skip_nonfinite = t->two_pass_anyway};
  o.optim.momentum = t->momentum;
  o.optim.weight_decay = 0.01;
  o.optim.ema = t->ema, o.optim.swa_start = 5, o.optim.swa_every = t->swa_every;
  return o;
}

/* ---- the computation in one place */

static double value_of(gd_dtype t, const void *x, int64_t i) {
  return t == GD_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static double tree(gd_dtype dtype, int64_t step, int64_t lo, int64_t hi, int64_t i) {
  if (hi - lo == 1) return dtype == GD_F32 ? (double)(float)gradient(step, lo, i) : gradient(step, lo, i);
  int64_t half = 1;
  while (half * 2 < hi - lo) half *= 2;
  const double a = tree(dtype, step, lo, lo + half, i), b = tree(dtype, step, lo + half, hi, i);
  return dtype == GD_F32 ? (double)((float)a + (float)b) : a + b;
}

static double tree_of_losses(int64_t step, int64_t lo, int64_t hi) {
  if (hi - lo == 1) return record_of(step, lo).loss_sum;
  int64_t half = 1;
  while (half * 2 < hi - lo) half *= 2;
  return tree_of_losses(step, lo, lo + half) + tree_of_losses(step, lo + half, hi);
}

static double square_sum(gd_dtype t, const void *x, int64_t lo, int64_t hi) {
  double l[LANES] = {0};
  for (int64_t i = lo; i < hi; i++) l[(i - lo) % LANES] += value_of(t, x, i) * value_of(t, x, i);
  return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]));
}

/* Blocks in order, cut where [lo, hi) begins and ends. */
static double square_sum_in_blocks(gd_dtype t, const void *x, int64_t lo, int64_t hi) {
  double sum = 0;
  for (int64_t at = lo; at < hi;) {
    int64_t next = (at / GD_BLOCK + 1) * GD_BLOCK;
    if (next > hi) next = hi;
    sum += square_sum(t, x, at, next);
    at = next;
  }
  return sum;
}

static char *expected_sum(const gd_params *p, int64_t step, int64_t K) {
  char *sum = calloc(gd_params_bytes(p), 1);
  for (int j = 0; j < p->n; j++)
    for (int64_t i = p->offset[j]; i < p->offset[j] + gd_numel(p->item[j].tensor); i++) {
      const double v = tree(p->dtype, step, 0, K, i);
      p->dtype == GD_F32 ? (void)(((float *)(void *)sum)[i] = (float)v)
                         : (void)(((double *)(void *)sum)[i] = v);
    }
  return sum;
}

/* One running sum over blocks, which lars also cuts between parameters. */
static double expected_norm(const gd_sync_options *o, const gd_params *p, const char *sum) {
  if (o->optim.kind != GD_LARS) return sqrt(square_sum_in_blocks(p->dtype, sum, 0, p->elements));
  double squares = 0;
  for (int64_t at = 0, next; at < p->elements; at = next) {
    next = (at / GD_BLOCK + 1) * GD_BLOCK;
    for (int q = 0; q < p->n; q++)
      if (p->offset[q] > at && p->offset[q] < next) next = p->offset[q];
    if (next > p->elements) next = p->elements;
    squares += square_sum(p->dtype, sum, at, next);
  }
  return sqrt(squares);
}

static void expected_step(const gd_sync_options *o, const gd_params *p, model_state *m, int64_t step) {
  const int64_t K = micro_batches(step);
  const size_t element = gd_dtype_bytes(p->dtype);
  char *sum = expected_sum(p, step, K);
  double weight = 0;
  for (int64_t k = 0; k < K; k++) weight += record_of(step, k).weight; /* integers: exact */
  gd_update u = {
      .lr = rate(step), .step = step, .grad_scale = 1 / weight, .clip_value = o->clip_value, .local_rate = 1};
  if (o->clip_norm > 0) {
    const double norm = expected_norm(o, p, sum) * u.grad_scale, factor = o->clip_norm / (norm + 1e-6);
    assert_true(factor < 1); /* else this case would not clip */
    u.grad_scale *= factor;
  }
  for (int j = 0; j < p->n; j++) {
    const int64_t lo = p->offset[j], hi = j + 1 < p->n ? p->offset[j + 1] : m->elements;
    if (o->optim.kind == GD_LARS)
      u.local_rate = gd_lars_rate(&o->optim, sqrt(square_sum_in_blocks(p->dtype, m->params, lo, hi)),
                                  sqrt(square_sum_in_blocks(p->dtype, sum, lo, hi)) * u.grad_scale);
    void *state[GD_OPTIM_MAX_STATES];
    for (int i = 0; i < GD_OPTIM_MAX_STATES; i++) state[i] = m->state[i] + (size_t)lo * element;
    assert_true(gd_optim_update(&o->optim, &u, p->dtype, hi - lo, m->params + (size_t)lo * element,
                                sum + (size_t)lo * element, state));
  }
  free(sum);
}

/* ---- the same through the sync */

static void compare(const trial *t, int64_t step, gd_world *w, const gd_params *p, const model_state *m) {
  const char *got = p->data;
  for (size_t i = 0; i < m->bytes; i++) {
    if (got[i] == m->params[i]) continue;
    const int64_t element = (int64_t)(i / gd_dtype_bytes(p->dtype));
    fail_msg("%s, step %lld, rank %d of %d over %s: element %lld is %.17g, not %.17g", t->name,
             (long long)step, gd_world_rank(w), gd_world_size(w), gd_world_transport(w), (long long)element,
             value_of(p->dtype, got, element), value_of(p->dtype, m->params, element));
  }
}

/* Twenty steps; half of them in world a, the others in world b from what rank 0 has saved. */
static void equal_to_one_place(const trial *t, gd_world *a, gd_world *b, gd_device *d) {
  gd_module *module = model_of(d, t->dtype);
  gd_params *p;
  assert_ok(gd_params_new(&p, module));
  const gd_sync_options o = options_of(t);
  gd_sync *s;
  if (gd_world_rank(a) > 0) gd_module_reset(module, 99); /* rank 0's values are everybody's */
  assert_ok(gd_sync_new(&s, a, p, &o));
  model_state m = state_new(p), saved = state_new(p);
  memcpy(m.params, p->data, m.bytes);
  for (int64_t step = 0; step < STEPS; step++) {
    if (step == STEPS / 2) {
      assert_ok(gd_sync_gather(s, saved.params, (void *const *)saved.state));
      gd_sync_free(s);
      gd_module_reset(module, 98);
      assert_ok(gd_sync_new(&s, b, p, &o));
      if (gd_world_rank(a) > 0) memset(saved.params, 1, saved.bytes);
      assert_ok(gd_sync_scatter(s, saved.params, (const void *const *)saved.state));
      gd_sync_set_updates(s, step);
      compare(t, -step, b, p, &m);
    }
    gd_sync_result result;
    assert_ok(run_step(s, p, step, &result));
    assert_true(result.updated);
    assert_true(result.total.loss_sum == tree_of_losses(step, 0, micro_batches(step)));
    expected_step(&o, p, &m, step);
    compare(t, step, step < STEPS / 2 ? a : b, p, &m);
  }
  assert_ok(gd_sync_gather(s, saved.params, (void *const *)saved.state));
  if (gd_world_rank(b) == 0)
    for (int i = 0; i < gd_optim_states(&o.optim); i++)
      assert_memory_equal(saved.state[i], m.state[i], m.bytes);
  assert_ok(gd_sync_healthy(s));
  gd_sync_free(s);
  state_free(&m), state_free(&saved);
  gd_params_free(p);
  gd_module_free(module);
}

static void all_trials(gd_world *a, gd_world *b, gd_device *d) {
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) equal_to_one_place(&trials[i], a, b, d);
}

static void equal_bits_over_shared_memory(void **state) {
  (void)state;
  gd_world *alone = world_of(GD_TRANSPORT_SELF, NULL);
  gd_device *threads;
  assert_ok(gd_device_open(&threads, &(gd_device_options){.threads = 3}));
  all_trials(first, first, device);
  all_trials(alone, alone, threads);
  equal_to_one_place(&trials[1], first, first, threads);
  gd_device_close(threads);
  gd_world_finish(alone);
}

static void equal_bits_over_messages(void **state) {
  (void)state;
  gd_world *w = world_of(GD_TRANSPORT_MPI, NULL);
  all_trials(w, first, device);
  gd_world_finish(w);
}

static void equal_bits_over_several_hosts(void **state) {
  (void)state;
  gd_world *two = world_of(GD_TRANSPORT_AUTO, "2"), *three = world_of(GD_TRANSPORT_AUTO, "3");
  all_trials(two, three, device);
  gd_world_finish(three);
  gd_world_finish(two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_bits_over_shared_memory),
      cmocka_unit_test(equal_bits_over_messages),
      cmocka_unit_test(equal_bits_over_several_hosts),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
