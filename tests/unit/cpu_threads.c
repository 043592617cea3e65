/* Chunks of work: the same whatever the number of threads, each computed once. */
#include <stdatomic.h>

#include "device/cpu/threads.h"
#include "kernel.h"

enum { MOST = 5000 };

typedef struct record {
  atomic_int count[MOST];
  int64_t chunk[MOST]; /* first item of the chunk that had it */
} record;

static void note(void *context, int64_t lo, int64_t hi) {
  record *r = context;
  for (int64_t i = lo; i < hi; i++) {
    atomic_fetch_add(&r->count[i], 1);
    r->chunk[i] = lo;
  }
}

static void every_item_is_computed_once_in_the_same_chunk(void **state) {
  (void)state;
  static record r;
  for (int threads = 1; threads <= 4; threads++) {
    bed b = bed_open(threads, GD_MATMUL_NATIVE);
    for (int64_t n = 0; n < MOST; n += 1 + n / 3)
      for (int64_t grain = 1; grain < 2 * MOST; grain = 3 * grain + 1) {
        memset(&r, 0, sizeof r);
        gdi_parallel(b.d, n, grain, note, &r);
        for (int64_t i = 0; i < MOST; i++) assert_int_equal(r.count[i], i < n);
        for (int64_t i = 0; i < n; i++) assert_int_equal(r.chunk[i], i / grain * grain);
      }
    bed_close(b);
  }
}

static void add_one(void *context, int64_t lo, int64_t hi) {
  atomic_fetch_add((atomic_long *)context, hi - lo);
}

/* Jobs follow each other faster than threads fall asleep or wake up: none may be lost or seen twice. */
static void a_hundred_thousand_jobs_lose_nothing(void **state) {
  (void)state;
  bed b = bed_open(3, GD_MATMUL_NATIVE);
  atomic_long sum = 0;
  long expected = 0;
  for (int i = 0; i < 100000; i++) {
    gdi_parallel(b.d, i % 7 + 2, 1, add_one, &sum);
    expected += i % 7 + 2;
    if (i % 100 == 0) assert_int_equal(sum, expected);
  }
  assert_int_equal(sum, expected);
  bed_close(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_item_is_computed_once_in_the_same_chunk),
      cmocka_unit_test(a_hundred_thousand_jobs_lose_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
