/* What is recomputed has the bits of what is kept, on a GPU too, where products carry their relu and gradients of weights are
 * made beside. */
#include "recompute.h"

static void what_is_recomputed_has_the_same_bits(void **state) {
  (void)state;
  const gd_matmul_type types[] = {GD_MATMUL_NATIVE, GD_MATMUL_BF16};
  for (int i = 0; i < 2; i++) {
    gd_device *d;
    assert_ok(gd_device_open(&d, &(gd_device_options){.kind = GD_CUDA, .threads = 1, .matmul = types[i]}));
    recomputing_changes_no_bit(d);
    gd_device_close(d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_recomputed_has_the_same_bits)};
  if (gd_device_gpus() == 0) {
    fputs("skipped: no GPU\n", stderr);
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
