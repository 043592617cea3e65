/* Ranks that share a GPU are told so before NCCL sees them; for tests they may, when each says that it is a
 * host. */
#include "comm/nccl_library.h"
#include "gpus.h"
#include "test.h"

static gd_world *world;
static gd_device *gpu;
static char heard[1000];

static void listen(void *user, gd_log_level level, const char *line) {
  (void)user, (void)level;
  strncat(heard, line, sizeof heard - strlen(heard) - 1);
}

static void two_ranks_on_one_gpu_are_told_before_nccl_sees_them(void **state) {
  (void)state;
  gdi_nccl *x;
  char why[300];
  assert_ok(gdi_nccl_new(&x, world, gpu, why, sizeof why));
  assert_null(x);
  assert_non_null(strstr(why, "ranks 0 and 1 on host "));
  assert_ok(gd_world_same(world, "the reason", why, strlen(why), why));
}

static void it_is_allowed_to_pretended_hosts_with_a_warning(void **state) {
  (void)state;
  gdi_nccl *x;
  char why[300], id[16];
  snprintf(id, sizeof id, "r%d", gd_world_rank(world));
  setenv("NCCL_HOSTID", id, 1);
  assert_ok(gdi_nccl_new(&x, world, gpu, why, sizeof why));
  assert_non_null(x);
  assert_string_equal(why, "");
  if (gd_world_rank(world) == 0) assert_non_null(strstr(heard, "NCCL_HOSTID"));
  gdi_nccl_free(x);
}

/* The last rank has the name of the one before it. */
static void one_host_id_for_two_ranks_is_none(void **state) {
  (void)state;
  const int rank = gd_world_rank(world), last = gd_world_size(world) - 1;
  gdi_nccl *x;
  char why[300], id[16], expected[64];
  snprintf(id, sizeof id, "r%d", rank == last ? rank - 1 : rank);
  snprintf(expected, sizeof expected, "ranks %d and %d on host ", last - 1, last);
  setenv("NCCL_HOSTID", id, 1);
  assert_ok(gdi_nccl_new(&x, world, gpu, why, sizeof why));
  assert_null(x);
  assert_non_null(strstr(why, expected));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_ranks_on_one_gpu_are_told_before_nccl_sees_them),
      cmocka_unit_test(it_is_allowed_to_pretended_hosts_with_a_warning),
      cmocka_unit_test(one_host_id_for_two_ranks_is_none),
  };
  gd_log_set_sink(listen, NULL);
  unsetenv("NCCL_HOSTID");
  const char *unmet;
  if (gd_world_init(&world, &(gd_world_options){GD_TRANSPORT_AUTO, 60}) != GD_OK) return 1;
  const bool can = gd_world_size(world) > 1 && gd_device_gpus() > 0 && gdi_nccl_load(&unmet);
  int failed = can ? 0 : SKIPPED;
  if (can) gpu = open_gpu(0);
  if (can) failed = gpu ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
  gd_device_close(gpu);
  gd_world_finish(world);
  return failed;
}
