/* The bottom room: what every promise above is built on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256_blocks.h"
#include "gd/gd.h"
#include "test.h"

static void philox_gives_the_published_vectors(void **state) {
  (void)state;
  uint32_t out[4];
  gd_philox4x32((uint32_t[]){0, 0}, (uint32_t[]){0, 0, 0, 0}, out);
  assert_int_equal(out[0], 0x6627e8d5);
  gd_philox4x32((uint32_t[]){0xa4093822, 0x299f31d0},
                (uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, out);
  assert_int_equal(out[0], 0xd16cfe09);
  assert_int_equal(out[1], 0x94fdcceb);
  assert_int_equal(out[2], 0x5001e420);
  assert_int_equal(out[3], 0x24126ea1);
}

static void a_permutation_hits_every_index_once(void **state) {
  (void)state;
  for (int64_t n = 1; n < 300; n += 7) {
    char *seen = calloc((size_t)n, 1);
    for (int64_t i = 0; i < n; i++) {
      int64_t p = gd_permute(gd_rng_stream(3, GD_RNG_SHUFFLE, 5), i, n);
      assert_in_range(p, 0, n - 1);
      assert_int_equal(seen[p]++, 0);
    }
    free(seen);
  }
}

static void normals_have_mean_zero_and_variance_one(void **state) {
  (void)state;
  double sum = 0, squares = 0;
  const int n = 200000;
  for (int i = 0; i < n; i++) {
    double x = gd_rng_normal(gd_rng_stream(1, GD_RNG_TEST, 0), (uint64_t)i);
    sum += x, squares += x * x;
  }
  assert_close(sum / n, 0, 0.01);
  assert_close(squares / n, 1, 0.02);
}

static void shares_cover_everything_once(void **state) {
  (void)state;
  for (int64_t n = 0; n < 40; n++)
    for (int64_t parts = 1; parts < 12; parts++) {
      int64_t next = 0;
      for (int64_t p = 0; p < parts; p++) {
        gd_range r = gd_share(n, parts, p);
        assert_int_equal(r.lo, next);
        for (int64_t i = r.lo; i < r.hi; i++) assert_int_equal(gd_share_owner(n, parts, i), p);
        next = r.hi;
      }
      assert_int_equal(next, n);
    }
}

/* Adding the covers of any division of the leaves, by the tree's own rule, must give the tree's own bits. */
static void covers_rebuild_the_tree(void **state) {
  (void)state;
  for (int64_t K = 1; K < 40; K++)
    for (int64_t parts = 1; parts < 10; parts++) {
      int64_t next = 0;
      for (int64_t p = 0; p < parts; p++) {
        gd_range nodes[GD_TREE_MAX_COVER];
        int n = gd_tree_cover(K, gd_share(K, parts, p), nodes);
        for (int i = 0; i < n; i++) {
          assert_true(gd_tree_is_node(K, nodes[i].lo, nodes[i].hi));
          assert_int_equal(nodes[i].lo, next);
          next = nodes[i].hi;
        }
      }
      assert_int_equal(next, K);
    }
  assert_false(gd_tree_is_node(8, 1, 3));
  assert_true(gd_tree_is_node(7, 4, 7));
}

static void sha256_gives_the_standard_digest(void **state) {
  (void)state;
  gd_sha256 h;
  char hex[65];
  gd_sha256_init(&h);
  for (const char *p = "abc"; *p; p++) gd_sha256_add(&h, p, 1);
  gd_digest d = gd_sha256_end(&h);
  gd_digest_hex(&d, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Whatever the pieces; and the processor's instructions do what the plain C does. */
static void sha256_does_not_depend_on_pieces_or_instructions(void **state) {
  (void)state;
  enum { N = 1000000 };
  static uint8_t text[N];
  memset(text, 'a', N);
  for (size_t piece = 1; piece <= N; piece = piece * 7 + 3) {
    gd_sha256 h;
    char hex[65];
    gd_sha256_init(&h);
    for (size_t i = 0; i < N; i += piece) gd_sha256_add(&h, text + i, piece < N - i ? piece : N - i);
    gd_digest d = gd_sha256_end(&h);
    gd_digest_hex(&d, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
  for (int i = 0; i < N; i++) text[i] = (uint8_t)gd_rng_u32(gd_rng_stream(1, GD_RNG_TEST, 0), (uint64_t)i);
  uint32_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, b[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  gdi_sha256_portable(a, text, N / 64);
  if (gdi_sha256_x86(b, text, N / 64))
    assert_memory_equal(a, b, sizeof a);
  else
    print_message("without SHA instructions: only the plain C was tested\n");
}

static void an_arena_repeats_its_addresses_after_reset(void **state) {
  (void)state;
  gd_arena *a;
  assert_int_equal(gd_arena_new(&a, "test"), GD_OK);
  void *first[64];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 64; i++) {
      void *p = gd_arena_alloc(a, (size_t)i * 5000 + 1);
      assert_int_equal((uintptr_t)p % GD_ALIGN, 0);
      memset(p, i, (size_t)i * 5000 + 1);
      if (round == 0)
        first[i] = p;
      else
        assert_ptr_equal(p, first[i]);
    }
    gd_arena_reset(a);
  }
  size_t mark = gd_arena_mark(a);
  void *p = gd_arena_alloc(a, 1 << 20);
  gd_arena_release(a, mark);
  assert_ptr_equal(gd_arena_alloc(a, 1 << 20), p);
  assert_null(gd_arena_alloc(a, SIZE_MAX - 100));
  assert_int_equal(gd_error_last()->status, GD_ERR_OOM);
  gd_arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_gives_the_published_vectors),
      cmocka_unit_test(a_permutation_hits_every_index_once),
      cmocka_unit_test(normals_have_mean_zero_and_variance_one),
      cmocka_unit_test(shares_cover_everything_once),
      cmocka_unit_test(covers_rebuild_the_tree),
      cmocka_unit_test(sha256_gives_the_standard_digest),
      cmocka_unit_test(sha256_does_not_depend_on_pieces_or_instructions),
      cmocka_unit_test(an_arena_repeats_its_addresses_after_reset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
