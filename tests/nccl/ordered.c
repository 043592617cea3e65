/*
 * What `sync: ordered` promises between GPUs: parameters and optimizer state end with the bits of one rank,
 * whatever the number of ranks and of micro-batches, and all buckets are on their way when backward is over.
 * On emulated GPUs streams run as late as they may, and streams in any order.
 */
#include "training.h"

static gd_world *world;

static const trial trials[] = {
    {.name = "sgd", .kind = GD_SGD},
    {.name = "sgd after backward", .kind = GD_SGD, .late = true},
    {.name = "clipped", .kind = GD_SGD, .clip_norm = 0.01},
    {.name = "adam that may skip, in f64", .kind = GD_ADAM, .skip = true, .dtype = GD_F64, .ema = 0.9},
    {.name = "lars", .kind = GD_LARS},
    {.name = "noise scale", .kind = GD_SGD, .noise = true},
    {.name = "statistics", .kind = GD_SGD, .statistics = true},
    {.name = "statistics, clipped", .kind = GD_SGD, .clip_norm = 0.01, .statistics = true},
    {.name = "statistics with adam, in f64",
     .kind = GD_ADAM,
     .dtype = GD_F64,
     .ema = 0.9,
     .statistics = true},
};

/* When the last backward is over, all buckets are queued; none where that was declined, or cannot be. */
static void look(const job *j) {
  const gdi_gpu_sync *b = gdi_gpu_sync_of(j->sync);
  if (j->plain) return;
  assert_in_range(b->buckets, 3, 4);
  assert_int_equal(b->passed, j->t->late || j->t->noise ? 0 : b->buckets);
}

static void step(job *j, const gd_sync_step *s) {
  gd_sync_result told;
  compute(j, s, look);
  assert_ok(gdi_resident_update(j->sync));
  gdi_nccl *nccl = gdi_gpu_sync_of(j->sync)->nccl;
  if (nccl && s->step % 2)
    assert_ok(wait_lane(nccl, gpu, GDI_STREAM_EXCHANGE)); /* that stream first, for once */
  assert_ok(gdi_gpu_sync_queued(j->sync, s, &told));
}

static void ranks_end_with_the_bits_of_one(void **state) {
  (void)state;
  assert_ok(gd_world_split(&alone, world, gd_world_rank(world)));
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
    outcome one = outcome_of(alone, &trials[i], step);
    expect_outcome(&one, world, &trials[i], step);
    free(one.state);
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
