/*
 * Gradients that go through host memory: parameters and optimizer state end with the bits of one rank, by shared
 * memory and by messages, and what backward has finished is copied down and sent while it goes on.
 */
#include "sync/exchange.h"
#include "training.h"

static gd_world *first; /* holds MPI */

static const trial trials[] = {
    {.name = "sgd", .kind = GD_SGD},
    {.name = "clipped", .kind = GD_SGD, .clip_norm = 0.01},
    {.name = "adam that may skip, in f64", .kind = GD_ADAM, .skip = true, .dtype = GD_F64},
    {.name = "noise scale", .kind = GD_SGD, .noise = true}, /* not before backward is over */
    {.name = "statistics", .kind = GD_SGD, .statistics = true},
    {.name = "statistics, clipped", .kind = GD_SGD, .clip_norm = 0.01, .statistics = true},
    {.name = "statistics with adam, in f64",
     .kind = GD_ADAM,
     .dtype = GD_F64,
     .ema = 0.9,
     .statistics = true},
};

static gd_world *world_of(gd_transport transport, const char *fake_hosts) {
  gd_world *w;
  fake_hosts ? setenv("GDTRAIN_FAKE_HOSTS", fake_hosts, 1) : unsetenv("GDTRAIN_FAKE_HOSTS");
  assert_ok(gd_world_init(&w, &(gd_world_options){transport, 60}));
  return w;
}

/* ---- what was sent while the GPU was still at work ---- */

static const gdi_gpu *table;
static const gd_sync *watched; /* NULL: none */
static bool sent_early;

static gd_status reached(gd_device *d, gdi_event *m, bool *yes) {
  GD_TRY(table->reached(d, m, yes));
  const gdi_exchange *x = watched ? watched->exchange : NULL;
  for (int q = 0; x && !*yes && q < x->routes; q++)
    sent_early |= x->route[q].node > 0 || x->route[q].message > 0;
  return GD_OK;
}

/* When the last backward is over all copies are queued; none where that was declined, or cannot be. */
static void look(const job *j) {
  const gdi_gpu_sync *b = gdi_gpu_sync_of(j->sync);
  if (b->resident) return;
  assert_int_equal(b->early, !j->t->late && !j->t->noise);
  assert_int_equal(b->staged.asked, b->early ? j->sync->elements : 0);
}

static void wait_exchange_lane(void) {
  gdi_event *end;
  assert_ok(gpu->gpu->event_new(gpu, &end));
  assert_ok(gpu->gpu->event_record(gpu, GDI_STREAM_EXCHANGE, end));
  assert_ok(gpu->gpu->wait_for(gpu, end));
  gpu->gpu->event_free(gpu, end);
}

static void step(job *j, const gd_sync_step *s) {
  gd_sync_result told;
  compute(j, s, look);
  if (gdi_gpu_sync_of(j->sync)->resident) {
    assert_ok(gdi_resident_update(j->sync));
    assert_ok(gdi_gpu_sync_queued(j->sync, s, &told));
    return;
  }
  assert_ok(gdi_host_staged_down(j->sync));
  if (s->step % 2) wait_exchange_lane(); /* that stream first, for once */
  watched = j->t->late ? NULL : j->sync;
  assert_ok(gdi_host_staged_arrive(j->sync));
  watched = NULL;
  assert_ok(gd_sync_update(j->sync, s, &told));
}

/* With messages alone, the first ones leave before the GPU is done; a real GPU may be faster. */
static void expect_early(gd_world *w, const trial *t) {
  const char *streams = getenv("GDTRAIN_EMULATED_STREAMS");
  const bool lazy = streams && strcmp(streams, "lazy") == 0;
  if (lazy && !t->late && !t->noise && gd_world_groups(w) > 1 && gd_world_groups(w) == gd_world_size(w))
    assert_true(sent_early);
  if (t->late || t->noise) assert_false(sent_early);
}

static void ranks_end_with_the_bits_of_one(void **state) {
  (void)state;
  gd_world *worlds[] = {world_of(GD_TRANSPORT_AUTO, NULL), world_of(GD_TRANSPORT_AUTO, "2"),
                        world_of(GD_TRANSPORT_MPI, NULL)};
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
    outcome one = outcome_of(alone, &trials[i], step);
    for (int w = 0; w < 3; w++) {
      sent_early = false;
      expect_outcome(&one, worlds[w], &trials[i], step);
      expect_early(worlds[w], &trials[i]);
    }
    free(one.state);
  }
  for (int w = 0; w < 3; w++) gd_world_finish(worlds[w]);
}

static void allreduce_has_the_same_bits_during_backward_and_after_it(void **state) {
  (void)state;
  const trial after = {.name = "after", .kind = GD_SGD, .mode = GD_SYNC_ALLREDUCE, .late = true};
  const trial during = {.name = "all-reduce", .kind = GD_SGD, .mode = GD_SYNC_ALLREDUCE};
  gd_world *w = world_of(GD_TRANSPORT_AUTO, NULL);
  outcome late = outcome_of(w, &after, step);
  expect_outcome(&late, w, &during, step);
  free(late.state);
  gd_world_finish(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_end_with_the_bits_of_one),
      cmocka_unit_test(allreduce_has_the_same_bits_during_backward_and_after_it)};
  if (gd_world_init(&first, &(gd_world_options){GD_TRANSPORT_AUTO, 60}) != GD_OK) return 1;
  nccl_mode = GD_NCCL_NEVER;
  int failed = gd_device_gpus() > 0 ? 0 : SKIPPED;
  if (failed == 0) failed = (gpu = open_own_gpu(first)) ? 0 : 1;
  if (failed == 0) failed = gd_world_split(&alone, first, gd_world_rank(first)) == GD_OK ? 0 : 1;
  if (failed == 0) {
    gdi_gpu with_reached = *(table = gpu->gpu);
    with_reached.reached = reached;
    gpu->gpu = &with_reached;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    gpu->gpu = table;
  }
  gd_world_finish(alone);
  gd_device_close(gpu);
  gd_world_finish(first);
  return failed;
}
