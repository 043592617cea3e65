/* Cores of a rank: its affinity mask divided among the ranks that share it, whatever the kernel says of it. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "comm/world.h"
#include "test.h"

static bool large; /* a kernel of more cores than a cpu_set_t has bits */

/* In place of the C library's. */
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *mask) {
  if (!large) return syscall(SYS_sched_getaffinity, pid, bytes, mask) < 0 ? -1 : 0;
  errno = EINVAL;
  return -1;
}

static void shared_cores_are_divided(void **state) {
  (void)state;
  cpu_set_t mask[3];
  bool crowded;
  for (int i = 0; i < 3; i++) CPU_ZERO(&mask[i]);
  for (int c = 0; c < 5; c++) CPU_SET(c, &mask[0]), CPU_SET(c, &mask[1]);
  CPU_SET(9, &mask[2]);
  assert_int_equal(gdi_cores_share(mask, 3, 0, &crowded), 2);
  assert_int_equal(gdi_cores_share(mask, 3, 2, &crowded), 1);
  assert_false(crowded);
}

static void a_rank_without_a_mask_has_a_core(void **state) {
  (void)state;
  cpu_set_t mask[2];
  bool crowded;
  for (int i = 0; i < 2; i++) CPU_ZERO(&mask[i]);
  assert_int_equal(gdi_cores_share(mask, 2, 1, &crowded), 1);
  assert_false(crowded);
}

static void a_kernel_of_too_many_cores_lends_all(void **state) {
  (void)state;
  cpu_set_t mask;
  const int online = (int)sysconf(_SC_NPROCESSORS_ONLN);
  large = true;
  gdi_cores_own(&mask);
  large = false;
  assert_int_equal(CPU_COUNT(&mask), online < CPU_SETSIZE ? online : CPU_SETSIZE);
  gdi_cores_own(&mask);
  assert_in_range(CPU_COUNT(&mask), 1, CPU_SETSIZE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shared_cores_are_divided),
      cmocka_unit_test(a_rank_without_a_mask_has_a_core),
      cmocka_unit_test(a_kernel_of_too_many_cores_lends_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
