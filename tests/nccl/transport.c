/*
 * What NCCL as a transport promises: every operation brings what it should, in every stream, queued or
 * recorded, on all ranks. On emulated GPUs streams run as late as they may.
 */
#include "gpus.h"
#include "test.h"

static const gdi_stream LANE = GDI_STREAM_EXCHANGE;

static gd_world *world;
static gd_device *gpu;
static gdi_nccl *nccl;

static uint8_t pattern(int64_t i, int r) {
  return (uint8_t)(i * 7 + i / 251 + 31 * r);
}

static void sums_are_exact_and_the_same_on_all_ranks(void **state) {
  (void)state;
  const int64_t lengths[] = {1, 1000, 100003};
  const int size = gd_world_size(world), rank = gd_world_rank(world);
  for (int k = 0; k < 6; k++) {
    const int64_t n = lengths[k / 2];
    const gd_dtype type = k % 2 ? GD_F64 : GD_F32;
    const size_t bytes = (size_t)n * gd_dtype_bytes(type);
    double *v = malloc((size_t)n * sizeof *v);
    float *f = (float *)v;
    void *data = take(gpu, bytes);
    for (int64_t i = 0; i < n; i++)
      type == GD_F64 ? (v[i] = (double)(i + rank)) : (double)(f[i] = (float)(i + rank));
    assert_ok(gpu->upload(gpu, data, v, bytes));
    assert_ok(gdi_nccl_sum(nccl, LANE, data, n, type));
    assert_ok(wait_lane(nccl, gpu, LANE));
    assert_ok(gpu->download(gpu, v, data, bytes));
    for (int64_t i = 0; i < n; i++)
      assert_close(type == GD_F64 ? v[i] : (double)f[i], (double)(size * i + size * (size - 1) / 2), 0);

    for (int64_t i = 0; i < n; i++)
      type == GD_F64 ? (v[i] = 1.0 / (3 + rank)) : (double)(f[i] = 1.0f / (float)(3 + rank));
    assert_ok(gpu->upload(gpu, data, v, bytes));
    assert_ok(gdi_nccl_sum(nccl, LANE, data, n, type));
    assert_ok(wait_lane(nccl, gpu, LANE));
    assert_ok(gpu->download(gpu, v, data, bytes));
    assert_ok(gd_world_same(world, "a sum", v, bytes, ""));
    give(gpu, data);
    free(v);
  }
  assert_int_equal(gdi_nccl_sum(nccl, LANE, NULL, 1, GD_I64), GD_ERR_DTYPE);
  gd_error_clear();
}

/* Rank a sends (a + 2 b) % 5 * 1000 bytes to rank b: nothing to some, and to itself too. */
static size_t share(int a, int b) {
  return (size_t)((a + 2 * b) % 5 * 1000);
}

static void everybody_sends_to_everybody_at_once(void **state) {
  (void)state;
  const int size = gd_world_size(world), rank = gd_world_rank(world);
  enum { ROOM = 4000 };
  const size_t bytes = (size_t)size * ROOM;
  uint8_t *v = malloc(bytes), *out = take(gpu, bytes), *in = take(gpu, bytes);
  for (size_t i = 0; i < bytes; i++) v[i] = pattern((int64_t)i, rank);
  assert_ok(gpu->upload(gpu, out, v, bytes));
  assert_ok(gpu->zero(gpu, in, bytes));
  assert_ok(wait_lane(nccl, gpu, GDI_STREAM_COMPUTE));
  assert_ok(gdi_nccl_begin(nccl));
  for (int r = 0; r < size; r++) {
    assert_ok(gdi_nccl_send(nccl, LANE, out + r * ROOM, share(rank, r), r));
    assert_ok(gdi_nccl_receive(nccl, LANE, in + r * ROOM, share(r, rank), r));
  }
  assert_ok(gdi_nccl_end(nccl));
  assert_ok(wait_lane(nccl, gpu, LANE));
  assert_ok(gpu->download(gpu, v, in, bytes));
  for (int r = 0; r < size; r++)
    for (size_t i = 0; i < ROOM; i++) {
      const uint8_t expected = i < share(r, rank) ? pattern((int64_t)i + rank * ROOM, r) : 0;
      if (v[r * ROOM + (int)i] != expected) fail_msg("byte %zu of rank %d", i, r);
    }
  give(gpu, out), give(gpu, in);
  free(v);
}

static void a_broadcast_comes_from_its_root(void **state) {
  (void)state;
  enum { N = 70001 };
  uint8_t *v = malloc(N), *data = take(gpu, N);
  for (int root = 0; root < gd_world_size(world); root++) {
    for (int i = 0; i < N; i++) v[i] = pattern(i, gd_world_rank(world));
    assert_ok(gpu->upload(gpu, data, v, N));
    assert_ok(gdi_nccl_broadcast(nccl, LANE, data, N, root));
    assert_ok(wait_lane(nccl, gpu, LANE));
    assert_ok(gpu->download(gpu, v, data, N));
    for (int i = 0; i < N; i++)
      if (v[i] != pattern(i, root)) fail_msg("byte %d from rank %d", i, root);
  }
  give(gpu, data);
  free(v);
}

/* ---- streams and recorded work ---- */

enum { MANY = 5000 };

/* to = sum over ranks of from: copied in the compute stream, added in that of exchanges. */
static gd_status queue_sum(float *to, const float *from, gdi_event *ready, gdi_event *added) {
  GD_TRY(gpu->copy(gpu, to, from, MANY * sizeof *to));
  GD_TRY(gpu->gpu->event_record(gpu, GDI_STREAM_COMPUTE, ready));
  GD_TRY(gpu->gpu->after(gpu, LANE, ready));
  GD_TRY(gdi_nccl_sum(nccl, LANE, to, MANY, GD_F32));
  GD_TRY(gpu->gpu->event_record(gpu, LANE, added));
  return gpu->gpu->after(gpu, GDI_STREAM_COMPUTE, added);
}

typedef struct streams {
  float *from, *to;
  gdi_event *ready, *added;
} streams;

static streams streams_new(void) {
  streams l = {.from = take(gpu, MANY * sizeof(float)), .to = take(gpu, MANY * sizeof(float))};
  assert_ok(gpu->gpu->event_new(gpu, &l.ready));
  assert_ok(gpu->gpu->event_new(gpu, &l.added));
  return l;
}

static void streams_free(streams *l) {
  gpu->gpu->event_free(gpu, l->ready);
  gpu->gpu->event_free(gpu, l->added);
  give(gpu, l->from), give(gpu, l->to);
}

static void expect_all(const float *data, float expected) {
  static float v[MANY];
  assert_ok(gpu->download(gpu, v, data, sizeof v));
  for (int i = 0; i < MANY; i++) assert_close(v[i], expected, 0);
}

static float all_ranks(float of_rank_0) { /* the sum over ranks of of_rank_0 + rank */
  const int size = gd_world_size(world);
  return (float)size * of_rank_0 + (float)(size * (size - 1) / 2);
}

static void put(float *to, float value) {
  static float v[MANY];
  for (int i = 0; i < MANY; i++) v[i] = value + (float)gd_world_rank(world);
  assert_ok(gpu->upload(gpu, to, v, sizeof v));
}

static void marks_put_operations_of_lanes_in_order(void **state) {
  (void)state;
  streams l = streams_new();
  put(l.from, 1);
  for (int i = 0; i < 5; i++)
    assert_ok(queue_sum(l.to, l.from, l.ready, l.added)); /* the host waits for none */
  assert_ok(gpu->copy(gpu, l.from, l.to, MANY * sizeof(float)));
  assert_ok(wait_lane(nccl, gpu, GDI_STREAM_COMPUTE));
  expect_all(l.from, all_ranks(1));
  streams_free(&l);
}

static void recorded_operations_run_at_every_replay(void **state) {
  (void)state;
  streams l = streams_new();
  gdi_graph *graph;
  put(l.from, 0);
  assert_ok(queue_sum(l.to, l.from, l.ready, l.added));
  assert_ok(wait_lane(nccl, gpu, GDI_STREAM_COMPUTE));
  assert_ok(gpu->gpu->capture(gpu));
  assert_ok(queue_sum(l.to, l.from, l.ready, l.added));
  assert_ok(gpu->gpu->captured(gpu, &graph));
  for (int i = 1; i <= 4; i++) {
    put(l.from, (float)i);
    assert_ok(gpu->gpu->replay(gpu, graph));
    assert_ok(wait_lane(nccl, gpu, GDI_STREAM_COMPUTE));
    expect_all(l.to, all_ranks((float)i));
  }
  gpu->gpu->graph_free(gpu, graph);
  streams_free(&l);
}

/* ---- memory, other communicators ---- */

static void memory_of_the_library_is_used_as_any_other(void **state) {
  (void)state;
  void *data;
  double v[8];
  assert_ok(gdi_nccl_memory(nccl, &data, sizeof v));
  if (!data) skip();
  for (int i = 0; i < 8; i++) v[i] = i;
  assert_ok(gpu->upload(gpu, data, v, sizeof v));
  assert_ok(gdi_nccl_sum(nccl, LANE, data, 8, GD_F64));
  assert_ok(wait_lane(nccl, gpu, LANE));
  assert_ok(gpu->download(gpu, v, data, sizeof v));
  for (int i = 0; i < 8; i++) assert_close(v[i], i * gd_world_size(world), 0);
  gdi_nccl_memory_free(nccl, data);
}

static void parts_of_the_world_have_communicators_of_their_own(void **state) {
  (void)state;
  const int size = gd_world_size(world), rank = gd_world_rank(world);
  gd_world *part;
  gdi_nccl *other;
  char why[300];
  float v = 1, *data = take(gpu, sizeof v);
  assert_ok(gd_world_split(&part, world, rank % 2));
  assert_ok(gdi_nccl_new(&other, part, gpu, why, sizeof why));
  assert_non_null(other);
  assert_ok(gpu->upload(gpu, data, &v, sizeof v));
  assert_ok(gdi_nccl_sum(other, LANE, data, 1, GD_F32));
  assert_ok(gdi_nccl_sum(other, LANE, data, 1, GD_F32)); /* queued at the end, which finishes it */
  gdi_nccl_free(other);
  assert_ok(gd_world_agree(part, GD_OK)); /* it left nothing broken */
  assert_ok(gpu->download(gpu, &v, data, sizeof v));
  const int ranks = size / 2 + (size % 2 && rank % 2 == 0);
  assert_close(v, ranks * ranks, 0);
  give(gpu, data);
  gd_world_finish(part);
}

static void it_says_what_it_is(void **state) {
  (void)state;
  assert_int_equal(strncmp(gdi_nccl_describe(nccl), "NCCL 2.", 7), 0);
}

static int open_all(void) {
  char why[300] = "";
  if (gd_device_gpus() == 0) return SKIPPED;
  gpu = open_own_gpu(world);
  if (!gpu || gdi_nccl_new(&nccl, world, gpu, why, sizeof why) != GD_OK) {
    fprintf(stderr, "%s\n", gd_error_last()->message);
    return 1;
  }
  if (!nccl && gd_world_rank(world) == 0) printf("skipped: %s\n", why);
  return nccl ? 0 : SKIPPED;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_says_what_it_is),
      cmocka_unit_test(sums_are_exact_and_the_same_on_all_ranks),
      cmocka_unit_test(everybody_sends_to_everybody_at_once),
      cmocka_unit_test(a_broadcast_comes_from_its_root),
      cmocka_unit_test(marks_put_operations_of_lanes_in_order),
      cmocka_unit_test(recorded_operations_run_at_every_replay),
      cmocka_unit_test(memory_of_the_library_is_used_as_any_other),
      cmocka_unit_test(parts_of_the_world_have_communicators_of_their_own),
  };
  if (gd_world_init(&world, &(gd_world_options){GD_TRANSPORT_AUTO, 60}) != GD_OK) return 1;
  int failed = open_all();
  if (failed == 0) failed = cmocka_run_group_tests(tests, NULL, NULL);
  gdi_nccl_free(nccl);
  gd_device_close(gpu);
  gd_world_finish(world);
  return failed;
}
