/* Checksums of copies: equal data have equal ones, and what changed is found where it changed. */
#include "gpu/memory.h"

enum { N = 10000, PIECES = 5 };

/* One element, nearly a block, one that is no multiple of the threads, none, and more than a block. */
static const int64_t piece[PIECES + 1] = {0, 1, 4096, 4352 - 3, 4352 - 3, N};

typedef struct sums {
  uint64_t of[PIECES];
} sums;

static sums sums_of(gd_dtype type, const void *data) {
  sums s;
  const size_t element = gd_dtype_bytes(type);
  uint64_t *to = up(&s, sizeof s);
  assert_ok(gpu->gpu->checksum(gpu, up(data, N * element), element, up(piece, sizeof piece), PIECES, to));
  down(&s, to, sizeof s);
  gd_arena_reset(memory);
  return s;
}

static void copies_have_equal_sums(void **state) {
  (void)state;
  const double *v = normal(GD_F64, 3, N);
  const sums a = sums_of(GD_F64, v), b = sums_of(GD_F64, v);
  assert_memory_equal(&a, &b, sizeof a);
  for (int p = 0; p < PIECES; p++) assert_true((a.of[p] == 0) == (piece[p] == piece[p + 1]));
}

/* Bits of words all over the array, the first and the last of each piece among them. */
static void a_bit_that_changes_is_found_in_its_piece(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    const gd_dtype type = kind ? GD_F64 : GD_F32;
    const int64_t each = kind ? 2 : 1;
    uint32_t *word = calloc((size_t)(N * each), sizeof *word);
    memcpy(word, normal(type, 4, N), (size_t)(N * each) * sizeof *word);
    const sums before = sums_of(type, word);
    for (int p = 0; p < PIECES; p++)
      for (int i = 0; i < 12 && piece[p] < piece[p + 1]; i++) {
        const int64_t last = (piece[p + 1] - piece[p]) * each - 1, at = piece[p] * each + last * i / 11;
        word[at] ^= 1u << (i * 29 + p) % 32;
        const sums after = sums_of(type, word);
        for (int q = 0; q < PIECES; q++) assert_true((before.of[q] != after.of[q]) == (q == p));
        word[at] ^= 1u << (i * 29 + p) % 32;
      }
    free(word);
  }
}

static void values_that_change_places_are_found(void **state) {
  (void)state;
  float v[N];
  memcpy(v, normal(GD_F32, 5, N), sizeof v);
  const sums before = sums_of(GD_F32, v);
  const float moved = v[5000];
  v[5000] = v[5256], v[5256] = moved; /* of one thread */
  const sums after = sums_of(GD_F32, v);
  assert_true(before.of[PIECES - 1] != after.of[PIECES - 1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(copies_have_equal_sums, forget),
      cmocka_unit_test_setup(a_bit_that_changes_is_found_in_its_piece, forget),
      cmocka_unit_test_setup(values_that_change_places_are_found, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_gpu();
  return failed;
}
