/* A model trained step by step on GPUs, to be compared with one that a single rank trained. */
#ifndef GD_TEST_TRAINING_H
#define GD_TEST_TRAINING_H

#include "gpus.h"
#include "running.h"
#include "sync/gpu/gpu_sync.h"
#include "test.h"

enum { IN = 70, ROWS = 3, MAX_K = 13, STEPS = 8 };

static gd_world *alone; /* this rank by itself */
static gd_device *gpu;

typedef struct trial {
  const char *name;
  gd_optimizer kind;
  double clip_norm;
  bool skip, noise, late;
  gd_dtype dtype;
  gd_sync_mode mode;
  double ema;
  bool statistics; /* in the model */
} trial;

/* How ranks exchange: set before training. */
static int nccl_mode = GD_NCCL_ALWAYS;

/* One micro-batch, idle ranks, more than ranks, and what no number of ranks divides. */
static inline int64_t micro_batches(int64_t step) {
  static const int64_t K[STEPS] = {1, 2, 13, 5, 3, 8, 4, 9};
  return K[step];
}

/* ---- training ---- */

typedef struct job {
  const trial *t;
  bool plain; /* what the others must equal: one rank, one bucket, after backward */
  gd_module *model;
  gd_params *params;
  gd_sync *sync;
  gd_tape *tape;
  gd_arena *arena;
  gd_tensor *x[MAX_K], *y;
} job;

static inline gd_tensor *sines(gd_arena *a, gd_dtype type, int64_t n, int64_t seed) {
  double v[ROWS * IN];
  gd_tensor *x;
  for (int64_t i = 0; i < ROWS * n; i++) v[i] = __builtin_sin(0.7 * (double)(i * (seed + 3) % 1009));
  assert_ok(gd_tensor_new(&x, a, gpu, type, GD_SHAPE(ROWS, n)));
  assert_ok(gd_tensor_set(x, v, ROWS * n));
  return x;
}

/* Weights of 14000, 24000 and 1200 numbers: shares of 0 to 6 blocks, and buckets that end inside of blocks.
 */
static inline job job_new(gd_world *w, const trial *t) {
  job j = {.t = t, .plain = w == alone};
  const gd_dtype type = t->dtype == GD_F64 ? GD_F64 : GD_F32;
  gd_sync_options o = {.optim = gd_optim_defaults(t->kind),
                       .max_micro_batches = MAX_K,
                       .clip_norm = t->clip_norm,
                       .skip_nonfinite = t->skip,
                       .noise_scale = t->noise,
                       .bucket_bytes = j.plain ? 0 : 2000,
                       .mode = t->mode,
                       .nccl = nccl_mode,
                       .no_overlap = t->late || j.plain};
  int64_t outputs;
  if (t->kind != GD_ADAM) o.optim.momentum = 0.9;
  o.optim.ema = t->ema;
  if (!gd_module_class_find("running")) assert_ok(gd_module_register(&running_class));
  assert_ok(gd_model_parse(&j.model,
                           t->statistics ? "linear:200 running relu linear:120 running relu linear:10"
                                         : "linear:200 relu linear:120 relu linear:10",
                           GD_SHAPE(IN), gpu, type, &outputs));
  gd_module_reset(j.model, 5);
  assert_ok(gd_params_new(&j.params, j.model));
  assert_ok(gd_tape_new(&j.tape, gpu));
  assert_ok(gd_arena_new(&j.arena, "batches"));
  for (int64_t k = 0; k < MAX_K; k++) j.x[k] = sines(j.arena, type, IN, k);
  j.y = sines(j.arena, type, outputs, MAX_K);
  assert_ok(gd_sync_new(&j.sync, w, j.params, &o));
  gd_sync_attach(j.sync, j.tape);
  return j;
}

/* Gradients of very different size, so that another order of additions has other bits. */
static inline void leaf(job *j, int64_t k, int64_t step) {
  gd_sync_micro_batch(j->sync, k);
  gd_tape_reset(j->tape);
  gd_loss loss = gd_loss_of(j->tape, &gd_mse, gd_forward(j->model, j->tape, j->x[k]), j->y);
  loss.sum = gd_mul_scalar(j->tape, loss.sum, 1 + 0.37 * (double)((k * 7 + step) % 11));
  assert_ok(gd_tape_status(j->tape));
  assert_ok(gd_sync_micro_batch_loss(j->sync, k, &loss, ROWS));
  assert_ok(gd_backward(j->tape, loss.sum, NULL));
}

/* Forward and backward of this rank's micro-batches; `look` when the last backward is over. */
static inline void compute(job *j, const gd_sync_step *s, void (*look)(const job *j)) {
  const gd_range run = gd_sync_begin(j->sync, micro_batches(s->step));
  assert_ok(gdi_gpu_sync_input(j->sync, s, NULL));
  for (int64_t k = run.lo; k < run.hi; k++) {
    leaf(j, k, s->step);
    if (k + 1 == run.hi) look(j);
    assert_ok(gd_sync_micro_batch_done(j->sync, k, NULL));
  }
}

/* All that a checkpoint would keep: rank 0's, at the end. */
static inline size_t state_of(job *j, char **out) {
  const size_t run = gd_params_bytes(j->params), n = (size_t)j->sync->n_states;
  char *all = *out = calloc(n + 1, run);
  void *states[GD_OPTIM_MAX_STATES];
  for (size_t i = 0; i < n; i++) states[i] = all + (i + 1) * run;
  assert_ok(gd_sync_gather(j->sync, all, states));
  return (n + 1) * run;
}

typedef void (*job_step)(job *j, const gd_sync_step *s);

static inline size_t train(gd_world *w, const trial *t, job_step step, char **out, gd_digest *digest) {
  job j = job_new(w, t);
  for (int64_t s = 0; s < STEPS; s++) step(&j, &(gd_sync_step){.lr = 0.01, .step = s});
  assert_ok(gd_sync_healthy(j.sync));
  const size_t bytes = state_of(&j, out);
  assert_ok(gd_params_digest(j.params, digest));
  gd_sync_free(j.sync);
  gd_arena_free(j.arena);
  gd_tape_free(j.tape);
  gd_params_free(j.params);
  gd_module_free(j.model);
  return bytes;
}

/* What training left. */
typedef struct outcome {
  char *state;
  size_t bytes;
  gd_digest digest;
} outcome;

static inline outcome outcome_of(gd_world *w, const trial *t, job_step step) {
  outcome o;
  o.bytes = train(w, t, step, &o.state, &o.digest);
  return o;
}

/* The ranks of w end with these bits. */
static inline void expect_outcome(const outcome *o, gd_world *w, const trial *t, job_step step) {
  outcome all = outcome_of(w, t, step);
  assert_int_equal(o->bytes, all.bytes);
  if (memcmp(&o->digest, &all.digest, sizeof o->digest) != 0) fail_msg("%s: other parameters", t->name);
  if (gd_world_rank(w) == 0 && memcmp(o->state, all.state, all.bytes) != 0)
    fail_msg("%s: other parameters or optimizer state in the checkpoint", t->name);
  free(all.state);
}

#endif
