/*
 * The same bits on any number of ranks, over any transport. The expected parameters come from a computation
 * of its own in this file: one array, one rank, the tree written down again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "sync/exchange.h"
#include "test.h"

enum { STEPS = 20, MAX_K = 13, LANES = 8 };

static gd_world *first; /* holds MPI */
static gd_device *device[2];

/* ---- a case */

typedef struct trial {
  const char *name;
  gd_optimizer kind;
  double momentum, clip_norm, clip_value;
  bool two_pass_anyway;
  gd_dtype dtype;
} trial;

static const trial trials[] = {
    {"sgd", GD_SGD, 0, 0, 0, false, GD_F32},
    {"sgd with momentum", GD_SGD, 0.9, 0, 0, false, GD_F32},
    {"sgd in two passes", GD_SGD, 0.9, 0, 0, true, GD_F32},
    {"sgd clipped by norm", GD_SGD, 0.9, 0.01, 0, false, GD_F32},
    {"sgd clipped by value", GD_SGD, 0, 0, 1e-4, false, GD_F32},
    {"adam", GD_ADAM, 0, 0, 0, false, GD_F32},
    {"adamw clipped in f64", GD_ADAMW, 0, 0.01, 0, false, GD_F64},
    {"rmsprop", GD_RMSPROP, 0, 0, 0, false, GD_F64},
    {"lars", GD_LARS, 0.9, 0, 0, false, GD_F32},
    {"lars clipped", GD_LARS, 0.9, 0.01, 0, false, GD_F64},
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
  return o;
}

static int64_t micro_batches(int64_t step) {
  return 1 + (step * 5 + 7) % MAX_K; /* 8, 13, 5, 10 ...: every number once in MAX_K steps */
}

/* Values of very different size, so that another order of additions has other bits. */
static double gradient(int64_t step, int64_t k, int64_t i) {
  if (k % 5 == 3 && i < 40) return 0; /* micro-batches that do not reach the parameter at the front */
  uint64_t u = ((uint64_t)step * 1000 + (uint64_t)k) << 32 ^ (uint64_t)i;
  u = (u ^ u >> 31) * 0x9E3779B97F4A7C15u; /* SplitMix64's finaliser: cheap and well mixed */
  u = (u ^ u >> 30) * 0xBF58476D1CE4E5B9u;
  u = (u ^ u >> 27) * 0x94D049BB133111EBu;
  return ((double)(u >> 40) / (1 << 24) - 0.5) * (double)(1 << (u & 15)) / 4096;
}

static gd_record record_of(int64_t step, int64_t k) {
  return (gd_record){.loss_sum = 1.0 / (double)(3 + k + step),
                     .weight = (double)(10 + k % 3),
                     .correct = (double)k,
                     .samples = 10,
                     .grad_sq = 1.0 / (double)(7 + k)};
}

static gd_module *model_of(gd_device *d, gd_dtype dtype) {
  gd_module *m;
  int64_t outputs; /* 40 + 12000 + 300 + 21000 parameters: 9 blocks, the last one short */
  assert_ok(gd_model_parse(&m, "linear:300 relu linear:40", GD_SHAPE(70), d, dtype, &outputs));
  gd_module_reset(m, 3);
  return m;
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

typedef struct model_state {
  int64_t elements;
  size_t bytes;
  char *params, *state[GD_OPTIM_MAX_STATES];
} model_state;

static model_state state_new(const gd_params *p) {
  model_state m = {.elements = p->elements, .bytes = gd_params_bytes(p)};
  m.params = calloc(m.bytes, 1);
  for (int i = 0; i < GD_OPTIM_MAX_STATES; i++) m.state[i] = calloc(m.bytes, 1);
  return m;
}

static void state_free(model_state *m) {
  free(m->params);
  for (int i = 0; i < GD_OPTIM_MAX_STATES; i++) free(m->state[i]);
}

static void expected_step(const gd_sync_options *o, const gd_params *p, model_state *m, int64_t step,
                          double lr) {
  const int64_t K = micro_batches(step);
  const size_t element = gd_dtype_bytes(p->dtype);
  char *sum = calloc(m->bytes, 1);
  double weight = 0;
  for (int64_t k = 0; k < K; k++) weight += record_of(step, k).weight; /* integers: exact */
  for (int j = 0; j < p->n; j++)
    for (int64_t i = p->offset[j]; i < p->offset[j] + gd_numel(p->item[j].tensor); i++) {
      const double v = tree(p->dtype, step, 0, K, i);
      p->dtype == GD_F32 ? (void)(((float *)(void *)sum)[i] = (float)v)
                         : (void)(((double *)(void *)sum)[i] = v);
    }
  gd_update u = {
      .lr = lr, .step = step, .grad_scale = 1 / weight, .clip_value = o->clip_value, .local_rate = 1};
  if (o->clip_norm > 0) {
    double squares = 0;
    if (o->optim.kind != GD_LARS)
      squares = square_sum_in_blocks(p->dtype, sum, 0, m->elements);
    else
      for (int64_t j = 0, at = 0; at < m->elements; j++) { /* one running sum over pieces */
        int64_t next = (at / GD_BLOCK + 1) * GD_BLOCK;
        for (int q = 0; q < p->n; q++)
          if (p->offset[q] > at && p->offset[q] < next) next = p->offset[q];
        if (next > m->elements) next = m->elements;
        squares += square_sum(p->dtype, sum, at, next);
        at = next;
      }
    const double norm = sqrt(squares) * u.grad_scale, factor = o->clip_norm / (norm + 1e-6);
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

static void write_gradient(gd_params *p, int64_t step, int64_t k, double spoil) {
  for (int j = 0; j < p->n; j++) {
    gd_tensor *t = p->item[j].tensor;
    if (j == 0 && k % 5 == 3) continue; /* not reached */
    for (int64_t i = 0; i < gd_numel(t); i++) {
      const double v = gradient(step, k, p->offset[j] + i) + (i == 5 ? spoil : 0);
      p->dtype == GD_F32 ? (void)(((float *)t->grad->data)[i] = (float)v)
                         : (void)(((double *)t->grad->data)[i] = v);
    }
    t->has_grad = true;
  }
}

static double rate(int64_t step) {
  return 0.1 / (double)(1 + step);
}

static gd_status run_step(gd_sync *s, gd_params *p, int64_t step, gd_sync_result *result) {
  const gd_range run = gd_sync_begin(s, micro_batches(step));
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_sync_leaf(s, k);
    write_gradient(p, step, k, 0);
    const gd_record r = record_of(step, k);
    assert_ok(gd_sync_leaf_done(s, k, &r));
  }
  return gd_sync_update(s, &(gd_sync_step){.lr = rate(step), .step = step}, result);
}

static void compare(const trial *t, int64_t step, gd_world *w, const gd_params *p, const model_state *m) {
  const char *got = p->data;
  for (size_t i = 0; i < m->bytes; i++)
    if (got[i] != m->params[i])
      fail_msg("%s, step %lld, rank %d of %d over %s: element %zu is %.17g, not %.17g", t->name,
               (long long)step, gd_world_rank(w), gd_world_size(w), gd_world_transport(w),
               i / gd_dtype_bytes(p->dtype), value_of(p->dtype, got, (int64_t)(i / gd_dtype_bytes(p->dtype))),
               value_of(p->dtype, m->params, (int64_t)(i / gd_dtype_bytes(p->dtype))));
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
      compare(t, -step, b, p, &m);
    }
    gd_sync_result result;
    assert_ok(run_step(s, p, step, &result));
    assert_true(result.updated);
    assert_true(result.total.loss_sum == tree_of_losses(step, 0, micro_batches(step)));
    expected_step(&o, p, &m, step, rate(step));
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

static gd_world *world_of(gd_transport transport, const char *fake_hosts) {
  gd_world *w;
  fake_hosts ? setenv("GDTRAIN_FAKE_HOSTS", fake_hosts, 1) : unsetenv("GDTRAIN_FAKE_HOSTS");
  assert_ok(gd_world_init(&w, &(gd_world_options){transport, 60}));
  return w;
}

static void all_trials(gd_world *a, gd_world *b, gd_device *d) {
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) equal_to_one_place(&trials[i], a, b, d);
}

static void equal_bits_over_shared_memory(void **state) {
  (void)state;
  gd_world *alone = world_of(GD_TRANSPORT_SELF, NULL);
  all_trials(first, first, device[0]);
  all_trials(alone, alone, device[1]);
  equal_to_one_place(&trials[1], first, first, device[1]);
  gd_world_finish(alone);
}

static void equal_bits_over_messages(void **state) {
  (void)state;
  gd_world *w = world_of(GD_TRANSPORT_MPI, NULL);
  all_trials(w, first, device[0]);
  gd_world_finish(w);
}

static void equal_bits_over_several_hosts(void **state) {
  (void)state;
  gd_world *two = world_of(GD_TRANSPORT_AUTO, "2"), *three = world_of(GD_TRANSPORT_AUTO, "3");
  all_trials(two, three, device[0]);
  gd_world_finish(three);
  gd_world_finish(two);
}

/* ---- what must not be updated */

static void spoiled_step(gd_world *w, bool skip, double loss, double spoil, gd_status expected, bool late) {
  gd_module *module = model_of(device[0], GD_F32);
  gd_params *p;
  gd_sync *s;
  gd_sync_result result;
  assert_ok(gd_params_new(&p, module));
  assert_ok(gd_sync_new(&s, w, p,
                        &(gd_sync_options){.optim = gd_optim_defaults(GD_SGD),
                                           .max_micro_batches = 6,
                                           .skip_nonfinite = skip}));
  char *before = malloc(gd_params_bytes(p));
  memcpy(before, p->data, gd_params_bytes(p));
  assert_ok(gd_world_barrier(w));
  const gd_range run = gd_sync_begin(s, 6);
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_record r = record_of(0, k);
    if (k == 4) r.loss_sum += loss;
    gd_sync_leaf(s, k);
    write_gradient(p, 0, k, k == 4 ? spoil : 0);
    assert_ok(gd_sync_leaf_done(s, k, &r));
  }
  assert_int_equal(gd_sync_update(s, &(gd_sync_step){.lr = 0.1, .flags = 1u << gd_world_rank(w)}, &result),
                   expected);
  assert_int_equal(result.flags, (1u << gd_world_size(w)) - 1);
  assert_int_equal(result.updated, late);
  if (!late) assert_memory_equal(before, p->data, gd_params_bytes(p));
  if (expected != GD_OK && loss != 0) assert_non_null(strstr(gd_error_last()->message, "micro-batch 4 of 6"));
  assert_int_equal(gd_sync_healthy(s), late ? GD_ERR_NONFINITE : GD_OK);
  if (late)
    assert_int_equal(run_step(s, p, 1, &result), micro_batches(1) > 6 ? GD_ERR_USAGE : GD_ERR_NONFINITE);
  if (late) assert_int_equal(run_step(s, p, 2, &result), GD_ERR_NONFINITE);
  gd_error_clear();
  gd_sync_free(s);
  free(before);
  gd_params_free(p);
  gd_module_free(module);
}

static void a_step_that_is_not_finite_changes_nothing(void **state) {
  (void)state;
  gd_world *worlds[] = {world_of(GD_TRANSPORT_AUTO, NULL), world_of(GD_TRANSPORT_AUTO, "2"),
                        world_of(GD_TRANSPORT_MPI, NULL)};
  for (int i = 0; i < 3; i++) {
    spoiled_step(worlds[i], false, NAN, 0, GD_ERR_NONFINITE, false);
    spoiled_step(worlds[i], true, INFINITY, 0, GD_OK, false);
    spoiled_step(worlds[i], true, 0, NAN, GD_OK, false);
    spoiled_step(worlds[i], false, 0, NAN, GD_OK,
                 true); /* one pass: found on the way, told at the next call */
  }
  for (int i = 0; i < 3; i++) gd_world_finish(worlds[i]);
}

/* ---- all-reduce */

static gd_tensor *loss_of(gd_tape *t, gd_module *m, gd_device *d, int64_t step, int64_t k) {
  gd_tensor *x, *y;
  double value[4 * 70], label[4 * 40];
  for (int i = 0; i < 4 * 70; i++) value[i] = gradient(step, k, i) * 100;
  for (int i = 0; i < 4 * 40; i++) label[i] = gradient(step, k + 50, i) * 100;
  assert_ok(gd_tensor_new(&x, gd_tape_arena(t), d, m->dtype, GD_SHAPE(4, 70)));
  assert_ok(gd_tensor_new(&y, gd_tape_arena(t), d, m->dtype, GD_SHAPE(4, 40)));
  assert_ok(gd_tensor_set(x, value, 4 * 70));
  assert_ok(gd_tensor_set(y, label, 4 * 40));
  return gd_loss_of(t, GD_MSE, gd_forward(m, t, x), y).sum;
}

typedef struct way {
  gd_sync_mode mode;
  bool attach, no_overlap;
  size_t bucket_bytes;
  double clip_norm;
} way;

enum {
  FAILS = 2,
  NOT_FINITE = 4,
  REAL_STEPS = 7
}; /* steps, of 5 and 2 micro-batches; all are 8 13 5 10 2 7 12 */

/* One step with real gradients. The rank with micro-batch 0 fails at its last one, or has a loss that is not
 * finite. */
static gd_status real_step(gd_sync *s, gd_tape *t, gd_module *m, int64_t step, gd_sync_result *result) {
  const gd_range run = gd_sync_begin(s, micro_batches(step));
  const bool fails = step == FAILS && run.lo == 0;
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_sync_leaf(s, k);
    if (fails && k + 1 == run.hi) break;
    gd_tensor *loss = loss_of(t, m, device[0], step, k);
    assert_ok(gd_backward(t, loss, NULL));
    gd_record r = {.loss_sum = gd_item(loss), .weight = 4 * 40, .samples = 4};
    if (step == NOT_FINITE && k == 0) r.loss_sum = NAN;
    assert_ok(gd_sync_leaf_done(s, k, &r));
    gd_tape_reset(t);
  }
  return gd_sync_update(s, &(gd_sync_step){.lr = 0.01, .step = step, .flags = fails}, result);
}

/* A step in which a rank fails ends a run; here it is taken back, to see that it leaves no message behind. */
static void failed_step(gd_sync *s, gd_tape *t, gd_module *m, const gd_params *p) {
  model_state before = state_new(p);
  gd_sync_result result;
  assert_ok(gd_sync_gather(s, before.params, (void *const *)before.state));
  assert_ok(real_step(s, t, m, FAILS, &result));
  assert_int_equal(result.flags, 1);
  assert_ok(gd_sync_scatter(s, before.params, (const void *const *)before.state));
  state_free(&before);
}

/* Train with real gradients; the parameters at the end. Owner: caller. */
static double *trained(gd_world *w, const way *how, int64_t *n) {
  gd_module *module = model_of(device[0], GD_F64);
  gd_params *p;
  gd_sync *s;
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device[0]));
  assert_ok(gd_params_new(&p, module));
  assert_ok(gd_sync_new(&s, w, p,
                        &(gd_sync_options){.mode = how->mode,
                                           .optim = gd_optim_defaults(GD_ADAM),
                                           .max_micro_batches = MAX_K,
                                           .clip_norm = how->clip_norm,
                                           .bucket_bytes = how->bucket_bytes,
                                           .no_overlap = how->no_overlap}));
  if (how->attach) gd_sync_attach(s, t);
  for (int64_t step = 0; step < REAL_STEPS; step++) {
    gd_sync_result result;
    if (step == FAILS) {
      failed_step(s, t, module, p);
      continue;
    }
    const gd_status st = real_step(s, t, module, step, &result);
    assert_int_equal(st, step == NOT_FINITE ? GD_ERR_NONFINITE : GD_OK);
    assert_int_equal(result.updated, step != NOT_FINITE);
    if (how->clip_norm > 0 && st == GD_OK) assert_true(result.grad_norm > 0);
  }
  gd_error_clear();
  *n = p->elements;
  double *copy = malloc(gd_params_bytes(p));
  memcpy(copy, p->data, gd_params_bytes(p));
  gd_sync_free(s);
  gd_tape_free(t);
  gd_params_free(p);
  gd_module_free(module);
  return copy;
}

static void all_reduce_agrees_with_the_ordered_sum(void **state) {
  (void)state;
  int64_t n;
  double *ordered = trained(first, &(way){.clip_norm = 0.5}, &n);
  const way ways[] = {{GD_SYNC_ALLREDUCE, false, false, 0, 0.5},
                      {GD_SYNC_ALLREDUCE, true, false, 0, 0.5},
                      {GD_SYNC_ALLREDUCE, true, true, 0, 0.5},
                      {GD_SYNC_ALLREDUCE, true, false, 1000, 0.5},
                      {GD_SYNC_ALLREDUCE, true, false, 100000, 0.5}};
  for (int i = 0; i < 5; i++) {
    double *reduced = trained(first, &ways[i], &n);
    for (int64_t e = 0; e < n; e++) assert_close(reduced[e], ordered[e], 1e-7);
    assert_ok(gd_world_same(first, "parameters", reduced, (size_t)n * sizeof(double), ""));
    free(reduced);
  }
  free(ordered);
}

/* ---- sent while backward goes on */

/* Nobody's part in a step is the same twice; small pieces, so that many are on their way at once. */
static void equal_bits_whenever_gradients_leave(void **state) {
  (void)state;
  gd_world *worlds[] = {world_of(GD_TRANSPORT_MPI, NULL), world_of(GD_TRANSPORT_AUTO, "2"),
                        world_of(GD_TRANSPORT_AUTO, "3")};
  const way ways[] = {{GD_SYNC_ORDERED, true, false, 1000, 0},
                      {GD_SYNC_ORDERED, true, true, 1000, 0},
                      {GD_SYNC_ORDERED, true, false, 0, 0},
                      {GD_SYNC_ORDERED, true, false, 1000, 0.5}};
  for (int i = 0; i < 4; i++) {
    int64_t n;
    double *alone = trained(first, &(way){.clip_norm = ways[i].clip_norm}, &n);
    for (int j = 0; j < 3; j++) {
      double *got = trained(worlds[j], &ways[i], &n);
      assert_memory_equal(got, alone, (size_t)n * sizeof *got);
      free(got);
    }
    free(alone);
  }
  for (int j = 2; j >= 0; j--) gd_world_finish(worlds[j]);
}

/* With one rank in a group nobody else has to be ready: all is sent before the last micro-batch is done. */
static void gradients_leave_before_backward_is_over(void **state) {
  (void)state;
  gd_world *w = world_of(GD_TRANSPORT_MPI, NULL);
  gd_module *module = model_of(device[0], GD_F64);
  gd_params *p;
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device[0]));
  assert_ok(gd_params_new(&p, module));
  for (int late = 0; late < 2 && gd_world_size(w) > 1; late++) {
    gd_sync *s;
    gd_sync_result result;
    assert_ok(gd_sync_new(&s, w, p,
                          &(gd_sync_options){.optim = gd_optim_defaults(GD_SGD),
                                             .max_micro_batches = MAX_K,
                                             .bucket_bytes = 1000,
                                             .no_overlap = late}));
    gd_sync_attach(s, t);
    const gd_range run = gd_sync_begin(s, MAX_K);
    for (int64_t k = run.lo; k < run.hi; k++) {
      gd_sync_leaf(s, k);
      gd_tensor *loss = loss_of(t, module, device[0], 0, k);
      assert_ok(gd_backward(t, loss, NULL));
      const gdi_exchange *x = s->exchange;
      for (int i = 0; k + 1 == run.hi && i < x->routes; i++)
        assert_int_equal(x->route[i].node, late ? 0 : x->nodes[x->own]);
      assert_ok(
          gd_sync_leaf_done(s, k, &(gd_record){.loss_sum = gd_item(loss), .weight = 160, .samples = 4}));
      gd_tape_reset(t);
    }
    assert_ok(gd_sync_update(s, &(gd_sync_step){.lr = 0.01}, &result));
    gd_sync_free(s);
  }
  gd_tape_free(t);
  gd_params_free(p);
  gd_module_free(module);
  gd_world_finish(w);
}

static void a_step_with_too_many_micro_batches_is_refused(void **state) {
  (void)state;
  gd_module *module = model_of(device[0], GD_F32);
  gd_params *p;
  gd_sync *s;
  gd_sync_result result;
  assert_ok(gd_params_new(&p, module));
  gd_sync_options o = {.optim = gd_optim_defaults(GD_SGD), .max_micro_batches = 0};
  assert_int_equal(gd_sync_new(&s, first, p, &o), GD_ERR_USAGE);
  o.max_micro_batches = 2;
  assert_ok(gd_sync_new(&s, first, p, &o));
  const gd_range run = gd_sync_begin(s, 3);
  assert_int_equal(run.lo, run.hi);
  assert_int_equal(gd_sync_update(s, &(gd_sync_step){0}, &result), GD_ERR_USAGE);
  gd_error_clear();
  gd_sync_free(s);
  gd_params_free(p);
  gd_module_free(module);
}

int main(void) {
  if (gd_world_init(&first, &(gd_world_options){GD_TRANSPORT_AUTO, 60}) != GD_OK ||
      gd_device_open(&device[0], &(gd_device_options){.threads = 1}) != GD_OK ||
      gd_device_open(&device[1], &(gd_device_options){.threads = 3}) != GD_OK) {
    fprintf(stderr, "%s\n", gd_error_last()->message);
    return 1;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_bits_over_shared_memory),
      cmocka_unit_test(equal_bits_over_messages),
      cmocka_unit_test(equal_bits_over_several_hosts),
      cmocka_unit_test(a_step_that_is_not_finite_changes_nothing),
      cmocka_unit_test(all_reduce_agrees_with_the_ordered_sum),
      cmocka_unit_test(equal_bits_whenever_gradients_leave),
      cmocka_unit_test(gradients_leave_before_backward_is_over),
      cmocka_unit_test(a_step_with_too_many_micro_batches_is_refused),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(device[0]);
  gd_device_close(device[1]);
  gd_world_finish(first);
  return failed;
}
