/* How many gradient buffers a rank needs is computed; here it is counted. */
#include "sync/sync.h"
#include "test.h"

static void the_buffers_suffice_and_none_is_idle(void **state) {
  (void)state;
  for (int ranks = 1; ranks < 10; ranks++)
    for (int rank = 0; rank < ranks; rank++) {
      int64_t most = 0;
      for (int64_t K = 1; K < 150; K++) {
        const gd_range run = gd_share(K, ranks, rank);
        for (int64_t k = run.lo; k < run.hi; k++) {
          gd_range node[GD_TREE_MAX_COVER];
          const int64_t n = gd_tree_cover(K, (gd_range){run.lo, k}, node) + 1;
          if (n > most) most = n;
        }
        assert_int_equal(gdi_buffers_needed(K, ranks, rank), most);
      }
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_buffers_suffice_and_none_is_idle)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
