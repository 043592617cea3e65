/* The order of samples: every one once an epoch, splits without overlap, the same whoever asks. */
#include "data_fixture.h"

static void assert_bijective(const gd_order *o, int64_t epoch) {
  char *seen = calloc((size_t)o->n, 1);
  for (int64_t i = 0; i < o->n; i++) {
    int64_t at = gd_order_at(o, epoch, i);
    assert_in_range(at, 0, o->n - 1);
    if (seen[at]++) fail_msg("sample %ld twice of %ld, block %ld, window %ld", at, o->n, o->block, o->window);
  }
  free(seen);
}

static void every_sample_comes_once_an_epoch(void **state) {
  (void)state;
  for (int64_t n = 1; n < 120; n++) {
    gd_order o = gd_order_all(n, 7);
    for (int64_t epoch = 0; epoch < 3; epoch++) assert_bijective(&o, epoch);
    o.shuffle = GD_SHUFFLE_BLOCK;
    for (o.block = 1; o.block < 20; o.block += 3)
      for (o.window = 1; o.window < 9; o.window += 2)
        for (int64_t epoch = 0; epoch < 3; epoch++) assert_bijective(&o, epoch);
  }
  gd_order large = gd_order_all(100003, 1);
  large.shuffle = GD_SHUFFLE_BLOCK, large.block = 334, large.window = 16;
  assert_bijective(&large, 5);
}

static void block_shuffle_stays_inside_its_window_of_blocks(void **state) {
  (void)state;
  gd_order o = gd_order_all(960, 3);
  o.shuffle = GD_SHUFFLE_BLOCK, o.block = 30, o.window = 4;
  for (int64_t lo = 0; lo < o.n; lo += 120) {
    int blocks = 0;
    char seen[40] = {0};
    for (int64_t i = lo; i < lo + 120 && i < o.n; i++) blocks += !seen[gd_order_at(&o, 0, i) / 30]++;
    assert_int_equal(blocks, 4);
  }
}

static void epochs_and_seeds_differ_and_repeat(void **state) {
  (void)state;
  gd_order o = gd_order_all(1000, 3), other = gd_order_all(1000, 4);
  int same_epoch = 0, same_seed = 0;
  for (int64_t i = 0; i < 1000; i++) {
    assert_int_equal(gd_order_at(&o, 2, i), gd_order_at(&o, 2, i));
    same_epoch += gd_order_at(&o, 0, i) == gd_order_at(&o, 1, i);
    same_seed += gd_order_at(&o, 0, i) == gd_order_at(&other, 0, i);
  }
  assert_in_range(same_epoch, 0, 12);
  assert_in_range(same_seed, 0, 12);
  o.shuffle = GD_SHUFFLE_NONE;
  for (int64_t i = 0; i < 1000; i++) assert_int_equal(gd_order_at(&o, 9, i), i);
}

/* Classes of very different sizes, one of a single sample; many samples are in none. */
static void balanced_draws_every_class_equally_often(void **state) {
  (void)state;
  enum { N = 1000 };
  static const int64_t first[] = {0, 3, 103, 104, 600};
  static int64_t sample[600];
  const gd_class_lists lists = {4, (int64_t *)(uintptr_t)first, sample};
  for (int64_t i = 0; i < 600; i++) sample[i] = 7 * i % N;
  gd_order o = gd_order_all(N, 3);
  o.sampler = GD_SAMPLE_BALANCED, o.lists = &lists;
  static int class_of[N], seen[N];
  for (int c = 0; c < 4; c++)
    for (int64_t i = first[c]; i < first[c + 1]; i++) class_of[sample[i]] = c;
  int64_t drawn[4] = {0}, positions = 0;
  for (int64_t epoch = 0; epoch < 6; epoch++)
    for (int64_t p = 0; p < N; p++, positions++) {
      const int64_t at = gd_order_at(&o, epoch, p);
      drawn[class_of[at]]++, seen[at]++;
      for (int c = 0; p % 4 == 3 && c < 4; c++)
        assert_int_equal(drawn[c], positions / 4 + 1); /* in every group */
    }
  /* Within a class no sample comes a second time before all others came. */
  for (int c = 0; c < 4; c++)
    for (int64_t i = first[c]; i < first[c + 1]; i++)
      assert_in_range(seen[sample[i]], drawn[c] / (first[c + 1] - first[c]),
                      drawn[c] / (first[c + 1] - first[c]) + 1);
  gd_order other = o;
  other.seed = 4;
  int same = 0;
  for (int64_t p = 0; p < N; p++) same += gd_order_at(&o, 0, p) == gd_order_at(&other, 0, p);
  assert_in_range(same, 0, 400); /* class 2 has one sample, class 0 three */
}

static void replacement_draws_uniformly(void **state) {
  (void)state;
  gd_order o = gd_order_all(10, 3);
  o.sampler = GD_SAMPLE_REPLACEMENT;
  int count[10] = {0};
  for (int64_t epoch = 0; epoch < 1000; epoch++)
    for (int64_t i = 0; i < 10; i++) count[gd_order_at(&o, epoch, i)]++;
  for (int i = 0; i < 10; i++) assert_in_range(count[i], 880, 1120); /* 4 standard deviations */
}

static void a_split_is_disjoint_and_complete(void **state) {
  (void)state;
  for (int64_t n = 2; n < 300; n += 11) {
    gd_order part[2];
    assert_ok(gd_order_split(n, 0.2, 5, &part[0], &part[1]));
    assert_int_equal(part[0].n + part[1].n, n);
    assert_close((double)part[1].n, n < 5 ? 1 : 0.2 * (double)n, 0.5000001);
    char *seen = calloc((size_t)n, 1);
    for (int p = 0; p < 2; p++)
      for (int64_t i = 0; i < part[p].n; i++) assert_int_equal(seen[gd_order_at(&part[p], 1, i)]++, 0);
    free(seen);
  }
  gd_order a, b;
  assert_refused(gd_order_split(10, 1, 1, &a, &b), GD_ERR_USAGE, "val_fraction");
  assert_refused(gd_order_split(10, 0. / 0., 1, &a, &b), GD_ERR_USAGE, "val_fraction");
  assert_refused(gd_order_split(1, 0.5, 1, &a, &b), GD_ERR_USAGE, "cannot be split");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sample_comes_once_an_epoch),
      cmocka_unit_test(block_shuffle_stays_inside_its_window_of_blocks),
      cmocka_unit_test(epochs_and_seeds_differ_and_repeat),
      cmocka_unit_test(balanced_draws_every_class_equally_often),
      cmocka_unit_test(replacement_draws_uniformly),
      cmocka_unit_test(a_split_is_disjoint_and_complete),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
