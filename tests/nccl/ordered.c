/*
 * What `sync: ordered` promises between GPUs: parameters and optimizer state end with the bits of one rank,
 * whatever the number of ranks and of micro-batches, and all buckets are on their way when backward is over.
 * On emulated GPUs streams run as late as they may, and lanes in any order.
 */
#include "gpus.h"
#include "sync/board.h"
#include "test.h"

enum { IN = 70, ROWS = 3, MAX_K = 13, STEPS = 8 };

static gd_world *world;
static gd_device *gpu;

typedef struct trial {
  const char *name;
  gd_optimizer kind;
  double clip_norm;
  bool skip, noise, late;
  gd_dtype dtype;
} trial;

static const trial trials[] = {
    {.name = "sgd", .kind = GD_SGD},
    {.name = "sgd after backward", .kind = GD_SGD, .late = true},
    {.name = "clipped", .kind = GD_SGD, .clip_norm = 0.01},
    {.name = "adam that may skip, in f64", .kind = GD_ADAM, .skip = true, .dtype = GD_F64},
    {.name = "lars", .kind = GD_LARS},
    {.name = "noise scale", .kind = GD_SGD, .noise = true},
};

/* One micro-batch, idle ranks, more than ranks, and what no number of ranks divides. */
static int64_t micro_batches(int64_t step) {
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

static gd_tensor *sines(gd_arena *a, gd_dtype type, int64_t n, int64_t seed) {
  double v[ROWS * IN];
  gd_tensor *x;
  for (int64_t i = 0; i < ROWS * n; i++) v[i] = __builtin_sin(0.7 * (double)(i * (seed + 3) % 1009));
  assert_ok(gd_tensor_new(&x, a, gpu, type, GD_SHAPE(ROWS, n)));
  assert_ok(gd_tensor_set(x, v, ROWS * n));
  return x;
}

/* Weights of 14000, 24000 and 1200 numbers: shares of 0 to 6 blocks, and buckets that end inside of blocks.
 */
static job job_new(gd_world *w, const trial *t) {
  job j = {.t = t, .plain = w != world};
  const gd_dtype type = t->dtype == GD_F64 ? GD_F64 : GD_F32;
  gd_sync_options o = {.optim = gd_optim_defaults(t->kind),
                       .max_micro_batches = MAX_K,
                       .clip_norm = t->clip_norm,
                       .skip_nonfinite = t->skip,
                       .noise_scale = t->noise,
                       .bucket_bytes = j.plain ? 0 : 2000,
                       .nccl = GD_NCCL_ALWAYS,
                       .no_overlap = t->late || j.plain};
  int64_t outputs;
  if (t->kind != GD_ADAM) o.optim.momentum = 0.9;
  assert_ok(gd_model_parse(&j.model, "linear:200 relu linear:120 relu linear:10", GD_SHAPE(IN), gpu, type,
                           &outputs));
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
static void leaf(job *j, int64_t k, int64_t step) {
  gd_sync_leaf(j->sync, k);
  gd_tape_reset(j->tape);
  gd_loss loss = gd_loss_of(j->tape, GD_MSE, gd_forward(j->model, j->tape, j->x[k]), j->y);
  loss.sum = gd_mul_scalar(j->tape, loss.sum, 1 + 0.37 * (double)((k * 7 + step) % 11));
  assert_ok(gd_tape_status(j->tape));
  assert_ok(gd_sync_leaf_loss(j->sync, k, &loss, ROWS));
  assert_ok(gd_backward(j->tape, loss.sum, NULL));
}

/* When the last backward is over, all buckets are queued; none where that was declined, or cannot be.
 */
static void expect_most_on_their_way(const job *j) {
  const gdi_board *b = gdi_board_of(j->sync);
  if (j->plain) return;
  assert_in_range(b->buckets, 3, 4);
  assert_int_equal(b->passed, j->t->late || j->t->noise ? 0 : b->buckets);
}

static void step(job *j, int64_t number) {
  gd_sync_result told;
  const gd_sync_step s = {.lr = 0.01, .step = number};
  const gd_range run = gd_sync_begin(j->sync, micro_batches(number));
  assert_ok(gdi_board_input(j->sync, &s, NULL));
  for (int64_t k = run.lo; k < run.hi; k++) {
    leaf(j, k, number);
    if (k + 1 == run.hi) expect_most_on_their_way(j);
    assert_ok(gd_sync_leaf_done(j->sync, k, NULL));
  }
  assert_ok(gdi_onboard_update(j->sync));
  gdi_nccl *nccl = gdi_board_of(j->sync)->nccl;
  if (nccl && number % 2) assert_ok(wait_lane(nccl, gpu, GDI_LANE_EXCHANGE)); /* that lane first, for once */
  assert_ok(gdi_board_queued(j->sync, &s, &told));
}

/* All that a checkpoint would keep: rank 0's, at the end. */
static size_t state_of(job *j, char **out) {
  const size_t run = gd_params_bytes(j->params), n = (size_t)j->sync->n_states;
  char *all = *out = calloc(n + 1, run);
  void *states[GD_OPTIM_MAX_STATES];
  for (size_t i = 0; i < n; i++) states[i] = all + (i + 1) * run;
  assert_ok(gd_sync_gather(j->sync, all, states));
  return (n + 1) * run;
}

static size_t train(gd_world *w, const trial *t, char **out, gd_digest *digest) {
  job j = job_new(w, t);
  for (int64_t s = 0; s < STEPS; s++) step(&j, s);
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

static void ranks_end_with_the_bits_of_one(void **state) {
  (void)state;
  gd_world *alone;
  assert_ok(gd_world_split(&alone, world, gd_world_rank(world)));
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
    char *one, *all;
    gd_digest of_one, of_all;
    const size_t bytes = train(alone, &trials[i], &one, &of_one);
    assert_int_equal(train(world, &trials[i], &all, &of_all), bytes);
    if (memcmp(&of_one, &of_all, sizeof of_one) != 0) fail_msg("%s: other parameters", trials[i].name);
    if (gd_world_rank(world) == 0 && memcmp(one, all, bytes) != 0)
      fail_msg("%s: other parameters or optimizer state in the checkpoint", trials[i].name);
    free(one), free(all);
  }
  gd_world_finish(alone);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ranks_end_with_the_bits_of_one)};
  if (gd_world_init(&world, &(gd_world_options){GD_TRANSPORT_AUTO, 60}) != GD_OK) return 1;
  gdi_nccl *nccl = NULL;
  char why[300] = "";
  int failed = gd_device_gpus() > 0 ? 0 : SKIPPED;
  if (failed == 0) failed = (gpu = open_own_gpu(world)) ? 0 : 1;
  if (failed == 0) failed = gdi_nccl_new(&nccl, world, gpu, why, sizeof why) == GD_OK ? 0 : 1;
  if (failed == 0 && !nccl) printf("skipped: %s\n", why), failed = SKIPPED;
  gdi_nccl_free(nccl);
  if (failed == 0) failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(gpu);
  gd_world_finish(world);
  return failed;
}
