/*
 * What the world promises, over every way of passing data: shared memory, messages, and two pretended hosts.
 * The first world lives as long as the program: it holds MPI.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gd/gd.h"
#include "test.h"

static gd_world *first;
static char heard[4096];

static void listen(void *user, gd_log_level level, const char *line) {
  (void)user, (void)level;
  strncat(heard, line, sizeof heard - strlen(heard) - 1);
}

typedef struct way {
  gd_transport transport;
  const char *fake_hosts, *folders;
} way;
static const way shared = {GD_TRANSPORT_AUTO, NULL, NULL}, messages = {GD_TRANSPORT_MPI, NULL, NULL},
                 two_hosts = {GD_TRANSPORT_AUTO, "2", NULL},
                 file = {GD_TRANSPORT_AUTO, NULL, "/nonexistent:/tmp"},
                 nowhere = {GD_TRANSPORT_AUTO, NULL, "/nonexistent"};

static gd_world *world_of(const way *v, double deadline_s) {
  gd_world *w;
  v->fake_hosts ? setenv("GDTRAIN_FAKE_HOSTS", v->fake_hosts, 1) : unsetenv("GDTRAIN_FAKE_HOSTS");
  v->folders ? setenv("GDTRAIN_SHM_DIR", v->folders, 1) : unsetenv("GDTRAIN_SHM_DIR");
  assert_ok(gd_world_init(&w, &(gd_world_options){v->transport, deadline_s}));
  return w;
}

static uint8_t pattern(int64_t i, int r) {
  return (uint8_t)(i * 7 + i / 251 + 31 * r);
}

static void every_part_arrives_everywhere(gd_world *w) {
  const int size = gd_world_size(w), rank = gd_world_rank(w);
  const int64_t lengths[] = {1, 8, 32767, 32768, 32769, 300001};
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    const int64_t n = lengths[k];
    uint8_t *data = calloc((size_t)n * (size_t)size, 1);
    for (int64_t i = 0; i < n; i++) data[n * rank + i] = pattern(i, rank);
    assert_ok(gd_world_allgather(w, data, (size_t)n));
    for (int r = 0; r < size; r++)
      for (int64_t i = 0; i < n; i++)
        if (data[n * r + i] != pattern(i, r)) fail_msg("byte %lld of rank %d", (long long)i, r);

    gd_range range[64]; /* uneven parts, one of them empty */
    for (int r = 0; r < size; r++) range[r] = (gd_range){n * r, n * r + (r == 1 ? 0 : n - r % 3 % n)};
    memset(data, 0, (size_t)n * (size_t)size);
    for (int64_t i = range[rank].lo; i < range[rank].hi; i++) data[i] = pattern(i, rank);
    assert_ok(gd_world_allgatherv(w, data, range));
    for (int r = 0; r < size; r++)
      for (int64_t i = range[r].lo; i < range[r].hi; i++)
        if (data[i] != pattern(i, r)) fail_msg("byte %lld of rank %d", (long long)i, r);

    for (int root = 0; root < size; root++) {
      for (int64_t i = 0; i < n; i++) data[i] = rank == root ? pattern(i, root) : 0;
      assert_ok(gd_world_bcast(w, data, (size_t)n, root));
      for (int64_t i = 0; i < n; i++)
        if (data[i] != pattern(i, root)) fail_msg("byte %lld from rank %d", (long long)i, root);
    }
    free(data);
  }
}

static void sums_are_taken_in_the_order_of_ranks(gd_world *w) {
  const int size = gd_world_size(w), rank = gd_world_rank(w);
  double v[3] = {1.0 / (3 + rank), rank, -rank}, sum = 0;
  for (int r = 0; r < size; r++) sum = r ? sum + 1.0 / (3 + r) : 1.0 / 3;
  assert_ok(gd_world_allreduce_f64(w, v, 1, GD_SUM));
  assert_true(v[0] == sum);
  assert_ok(gd_world_allreduce_f64(w, v + 1, 1, GD_MAX));
  assert_ok(gd_world_allreduce_f64(w, v + 2, 1, GD_MIN));
  assert_true(v[1] == size - 1 && v[2] == 1 - size);
}

static void all_fail_together_with_the_first_cause(gd_world *w) {
  const int size = gd_world_size(w), rank = gd_world_rank(w);
  assert_ok(gd_world_agree(w, GD_OK));
  const int guilty = size / 2;
  gd_status mine = rank >= guilty ? GD_FAIL(GD_ERR_DATA, "no file on rank %d", rank) : GD_OK;
  char expected[64];
  snprintf(expected, sizeof expected, "no file on rank %d", guilty);
  assert_int_equal(gd_world_agree(w, mine), GD_ERR_DATA);
  assert_string_equal(gd_error_last()->message, expected);
  assert_non_null(strstr(gd_error_last()->file, "comm.c"));
  gd_error_clear();
}

static void a_difference_names_the_ranks(gd_world *w) {
  const int size = gd_world_size(w), rank = gd_world_rank(w);
  int seed = 5;
  assert_ok(gd_world_same(w, "the seed", &seed, sizeof seed, "5"));
  if (size == 1) return;
  if (rank == size - 1) seed = 6;
  assert_int_equal(gd_world_same(w, "the seed", &seed, sizeof seed, rank == size - 1 ? "6" : "5"),
                   GD_ERR_ENV);
  char expected[32];
  snprintf(expected, sizeof expected, "; rank %d on host", size - 1);
  assert_non_null(strstr(gd_error_last()->message, "the seed: rank 0 on host"));
  assert_non_null(strstr(gd_error_last()->message, expected));
  gd_error_clear();
}

static void a_group_shares_memory(gd_world *w) {
  const int rank = gd_world_rank(w);
  const gd_range group = gd_world_group_ranks(w, gd_world_group(w, rank));
  assert_in_range(rank, group.lo, group.hi - 1);
  gd_shared s;
  assert_ok(gd_shared_new(w, &s, 100000));
  assert_int_equal(s.owner, rank == group.lo);
  for (size_t i = 0; i < s.bytes; i++) assert_int_equal(((char *)s.data)[i], 0);
  assert_ok(gd_group_barrier(w));
  int *number = s.data;
  for (int round = 1; round <= 200; round++) {
    number[rank] = round;
    assert_ok(gd_group_barrier(w));
    for (int64_t r = group.lo; r < group.hi; r++) assert_int_equal(number[r], round);
    assert_ok(gd_group_barrier(w));
  }
  gd_shared_free(w, &s);
}

static void messages_of_any_length_arrive(gd_world *w) {
  const int size = gd_world_size(w), rank = gd_world_rank(w);
  if (size == 1) return;
  enum { LONG = 3000000 };
  uint8_t *out = malloc(LONG), *in = calloc(LONG, 1), empty;
  for (int i = 0; i < LONG; i++) out[i] = pattern(i, rank);
  gd_request *q[5] = {NULL};
  const int next = (rank + 1) % size, before = (rank + size - 1) % size;
  assert_ok(gd_irecv(w, in, LONG, before, 3, &q[0]));
  assert_ok(gd_irecv(w, &empty, 0, before, 4, &q[3]));
  assert_ok(gd_isend(w, &empty, 0, next, 4, &q[4]));
  assert_ok(gd_isend(w, out, LONG, next, 3, &q[1]));
  assert_ok(gd_wait(w, q, 5));
  for (int i = 0; i < 5; i++) assert_null(q[i]);
  for (int i = 0; i < LONG; i++)
    if (in[i] != pattern(i, before)) fail_msg("byte %d", i);
  assert_int_equal(gd_isend(w, out, 1, size, 0, &q[0]), GD_ERR_USAGE);
  free(out), free(in);

  float v[1000];
  for (int i = 0; i < 1000; i++) v[i] = (float)(rank + i);
  assert_ok(gd_iallreduce(w, v, 1000, false, &q[0]));
  gd_progress(w);
  assert_ok(gd_wait(w, q, 1));
  for (int i = 0; i < 1000; i++) assert_true(v[i] == (float)(size * i + size * (size - 1) / 2));
}

static void hosts_are_contiguous(gd_world *w) {
  const int size = gd_world_size(w);
  int local = 0;
  for (int r = 0; r < size; r++) {
    assert_true(gd_world_host(w, r) == (r ? gd_world_host(w, r - 1) : 0) ||
                gd_world_host(w, r) == gd_world_host(w, r - 1) + 1);
    local += gd_world_host(w, r) == gd_world_host(w, gd_world_rank(w));
  }
  assert_int_equal(gd_world_host(w, size - 1), gd_world_hosts(w) - 1);
  assert_int_equal(local, gd_world_local_size(w));
  assert_in_range(gd_world_cores(w), 1, 4096);
}

static void check_all(const way *v, const char *expected_of_four) {
  gd_world *w = world_of(v, 30);
  if (gd_world_size(w) == 4) assert_string_equal(gd_world_transport(w), expected_of_four);
  hosts_are_contiguous(w);
  every_part_arrives_everywhere(w);
  sums_are_taken_in_the_order_of_ranks(w);
  all_fail_together_with_the_first_cause(w);
  a_difference_names_the_ranks(w);
  a_group_shares_memory(w);
  messages_of_any_length_arrive(w);
  assert_ok(gd_world_barrier(w));
  gd_world_finish(w);
}

static void the_promises_hold_over_shared_memory(void **state) {
  (void)state;
  check_all(&shared, "shm");
}
static void the_promises_hold_over_messages(void **state) {
  (void)state;
  check_all(&messages, "mpi");
}
static void the_promises_hold_over_two_hosts(void **state) {
  (void)state;
  check_all(&two_hosts, "shm+mpi");
}
static void memory_that_cannot_be_had_is_replaced_and_said(void **state) {
  (void)state;
  const bool many = gd_world_size(first) > 1, tells = many && gd_world_rank(first) == 0;
  heard[0] = 0;
  check_all(&file, "shm");
  if (tells) assert_non_null(strstr(heard, "/nonexistent"));
  heard[0] = 0;
  check_all(&nowhere, "mpi");
  if (tells) assert_non_null(strstr(heard, "exchange messages instead"));
}

/* The world of a test that loses a rank is kept: a lost rank cannot be asked to leave. */
static void a_rank_that_does_not_come_is_named_in_time(const way *v, gd_world **kept) {
  const int size = gd_world_size(first);
  gd_world *w = *kept = world_of(v, 0.5);
  if (size == 1) {
    gd_world_finish(w);
    *kept = NULL;
    return;
  }
  if (gd_world_rank(w) != size - 1) {
    char expected[32];
    snprintf(expected, sizeof expected, "rank %d on host", size - 1);
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    gd_status st = gd_world_barrier(w);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    assert_int_equal(st, GD_ERR_COMM);
    assert_non_null(strstr(gd_error_last()->message, expected));
    assert_int_equal(gd_error_last()->rank, size - 1);
    assert_close((double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec), 0.5, 2.0);
    assert_int_equal(gd_world_barrier(w), GD_ERR_COMM); /* and nothing hangs afterwards */
  }
  assert_ok(gd_world_barrier(first));
}

static void a_missing_rank_is_named_in_shared_memory(void **state) {
  (void)state;
  static gd_world *kept;
  a_rank_that_does_not_come_is_named_in_time(&shared, &kept);
}
static void a_missing_rank_is_named_among_messages(void **state) {
  (void)state;
  static gd_world *kept;
  a_rank_that_does_not_come_is_named_in_time(&messages, &kept);
}
static void a_missing_rank_is_named_on_two_hosts(void **state) {
  (void)state;
  static gd_world *kept;
  a_rank_that_does_not_come_is_named_in_time(&two_hosts, &kept);
}

/* Halves of a world, and worlds of one, work at the same time and do not hear each other. */
static void a_part_of_the_world_is_a_world_over(const way *v) {
  gd_world *w = world_of(v, 60), *part;
  const int size = gd_world_size(w), rank = gd_world_rank(w);
  for (int parts = 1; parts <= size; parts++) {
    const int colour = (int)gd_share_owner(size, parts, rank);
    const gd_range mine = gd_share(size, parts, colour);
    assert_ok(gd_world_split(&part, w, colour));
    assert_int_equal(gd_world_size(part), mine.hi - mine.lo);
    assert_int_equal(gd_world_rank(part), rank - mine.lo);
    assert_string_equal(gd_world_hostname(part, gd_world_rank(part)), gd_world_hostname(w, rank));
    for (int i = 0; i <= colour; i++) every_part_arrives_everywhere(part); /* each its own number of times */
    double v1[] = {rank};
    assert_ok(gd_world_allreduce_f64(part, v1, 1, GD_SUM));
    assert_close(v1[0], (double)((mine.lo + mine.hi - 1) * (mine.hi - mine.lo)) / 2, 0);
    gd_shared s;
    assert_ok(gd_shared_new(part, &s, 5000));
    if (s.owner) *(int *)s.data = colour;
    assert_ok(gd_world_barrier(part));
    if (gd_world_groups(part) == 1) assert_int_equal(*(int *)s.data, colour);
    gd_shared_free(part, &s);
    gd_world_finish(part);
  }
  assert_ok(gd_world_barrier(w));
  gd_world_finish(w);
}
static void a_part_of_the_world_is_a_world(void **state) {
  (void)state;
  a_part_of_the_world_is_a_world_over(&shared);
  a_part_of_the_world_is_a_world_over(&messages);
  a_part_of_the_world_is_a_world_over(&two_hosts);
}

static void alone_is_a_world_of_one(void **state) {
  (void)state;
  gd_world *w;
  assert_ok(gd_world_init(&w, &(gd_world_options){GD_TRANSPORT_SELF, 0}));
  assert_int_equal(gd_world_size(w), 1);
  assert_string_equal(gd_world_transport(w), "self");
  assert_ok(gd_world_barrier(w));
  assert_int_equal(gd_world_agree(w, GD_FAIL(GD_ERR_DATA, "mine")), GD_ERR_DATA);
  gd_world_finish(w);
  gd_error_clear();
}

int main(void) {
  gd_log_set_sink(listen, NULL);
  if (gd_world_init(&first, &(gd_world_options){GD_TRANSPORT_AUTO, 60}) != GD_OK) {
    fprintf(stderr, "%s\n", gd_error_last()->message);
    return 1;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_promises_hold_over_shared_memory),
      cmocka_unit_test(the_promises_hold_over_messages),
      cmocka_unit_test(the_promises_hold_over_two_hosts),
      cmocka_unit_test(memory_that_cannot_be_had_is_replaced_and_said),
      cmocka_unit_test(alone_is_a_world_of_one),
      cmocka_unit_test(a_part_of_the_world_is_a_world),
      cmocka_unit_test(a_missing_rank_is_named_in_shared_memory),
      cmocka_unit_test(a_missing_rank_is_named_among_messages),
      cmocka_unit_test(a_missing_rank_is_named_on_two_hosts),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_world_finish(first);
  return failed;
}
