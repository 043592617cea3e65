/*
 * Damaged files: whatever byte is changed and wherever a file is cut, reading it never crashes; and a data
 * file, whose values carry checksums, never gives other values than were written.
 */
#include <zlib.h>

#include "data_fixture.h"
#include "random.h"

typedef struct bytes {
  uint8_t *at;
  size_t n;
} bytes;

static bytes read_bytes(const char *name) {
  bytes b = {malloc(1 << 20), 0};
  FILE *f = fopen(in_folder(name), "rb");
  assert_non_null(f);
  b.n = fread(b.at, 1, 1 << 20, f);
  fclose(f);
  return b;
}

typedef gd_status (*attempt)(void *user);

/* At drawn bytes: changed in one keyed bit, then to a keyed value, then the file cut there. */
static void damage(const char *name, attempt read, void *user) {
  bytes b = read_bytes(name);
  int accepted = 0;
  const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, b.n);
  const int64_t count = test_count((int64_t)b.n);
  for (int64_t k = 0; k < count; k++) {
    const uint32_t draw = gd_rng_u32(r, (uint64_t)k);
    const size_t i = (size_t)test_place(k, count, (int64_t)b.n, gd_rng_u32(r, (uint64_t)(k + count)));
    const uint8_t was = b.at[i];
    b.at[i] = was ^ (uint8_t)(1 << draw % 8);
    write_bytes(name, b.at, b.n);
    accepted += read(user) == GD_OK;
    b.at[i] = (uint8_t)(draw >> 8);
    write_bytes(name, b.at, b.n);
    accepted += read(user) == GD_OK;
    b.at[i] = was;
    write_bytes(name, b.at, i);
    accepted += read(user) == GD_OK;
  }
  write_bytes(name, b.at, b.n);
  assert_ok(read(user));
  print_message("  %s: %zu bytes, %d damaged files read\n", name, b.n, accepted);
  free(b.at);
}

/* ---- data files ---- */

static gd_status read_data_file(void *user) {
  const gd_table *t = user;
  gd_dataset *d;
  GD_TRY(gd_dataset_open(&d, in_folder("t.h5"), NULL));
  const gd_data_info *info = gd_dataset_info(d);
  size_t need = gd_dataset_load_bytes(d);
  assert_in_range(need, 0, 1 << 20); /* nothing larger than the file could hold */
  char *memory = aligned_alloc(GD_ALIGN, (need / GD_ALIGN + 1) * GD_ALIGN);
  gd_status st = gd_dataset_load(d, memory, true);
  if (st == GD_OK) {
    assert_true(info->n == t->n && info->sample[0] == t->sample[0] && info->labels == t->labels);
    assert_memory_equal(memory, t->x, info->x_bytes);
    assert_memory_equal(memory + (info->x_bytes + 63) / 64 * 64, t->y, info->y_bytes);
  }
  gd_dataset_close(d);
  free(memory);
  return st;
}

static void damaged_data_files_never_crash_or_lie(void **state) {
  (void)state;
  gd_table t;
  assert_ok(gd_generate(&t, &(gd_generate_options){.name = "moons", .n = 6, .noise = -1, .seed = 1}));
  assert_ok(gd_table_write(&t, in_folder("t.h5")));
  damage("t.h5", read_data_file, &t);
  gd_table_free(&t);
}

/* ---- imports ---- */

static gd_status drop(gd_status st, gd_table *t) {
  if (st == GD_OK) gd_table_free(t);
  return st;
}

static gd_status read_csv(void *user) {
  gd_table t;
  const char *path = in_folder("t.csv");
  return drop(gd_import_csv(&t, &path, 1, user), &t);
}

static gd_status read_idx(void *user) {
  gd_table t;
  (void)user;
  return drop(gd_import_idx(&t, in_folder("i"), in_folder("l")), &t);
}

static gd_status read_idx_gz(void *user) {
  gd_table t;
  GD_TRY(gd_import_idx(&t, in_folder("i.gz"), in_folder("l")));
  assert_memory_equal(t.x, user, 60); /* its own checksum: accepted is right */
  gd_table_free(&t);
  return GD_OK;
}

static gd_status read_npy(void *user) {
  gd_table t;
  (void)user;
  return drop(gd_import_npy(&t, in_folder("x.npy"), in_folder("y.npy"), NULL), &t);
}

static void damaged_imports_never_crash(void **state) {
  (void)state;
  const gd_csv_options header = {.header = true};
  write_text("t.csv", "a,\"b \"\"c\"\"\",kind\r\n1,2.5,\"red, or so\"\r\n-3e-2, .5 ,blue\n\n7,8,red\n");
  damage("t.csv", read_csv, (void *)&header);

  gzFile table = gzopen(in_folder("t.csv"), "wb"); /* packed: told by its bytes */
  for (int i = 0; i < 40; i++)
    assert_true(gzprintf(table, "%d;\"%d,5\";caf\xC3\xA9%d\r\n", i, i * i, i % 3) > 0);
  assert_int_equal(gzclose(table), Z_OK);
  damage("t.csv", read_csv, (void *)&(gd_csv_options){.delimiter = ';', .header = GD_HEADER_NO});

  uint8_t images[16 + 60] = {0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 4};
  for (int i = 16; i < 76; i++) images[i] = (uint8_t)(i * 5);
  write_bytes("i", images, sizeof images);
  write_bytes("l", (uint8_t[]){0, 0, 8, 1, 0, 0, 0, 5, 1, 0, 2, 1, 0}, 13);
  gzFile gz = gzopen(in_folder("i.gz"), "wb");
  assert_int_equal(gzwrite(gz, images, sizeof images), sizeof images);
  assert_int_equal(gzclose(gz), Z_OK);
  damage("i", read_idx, NULL);
  damage("l", read_idx, NULL);
  damage("i.gz", read_idx_gz, images + 16);

  char npy[256] = "\x93NUMPY\x01\0\x76";
  const char *x = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  memset(npy + 10, ' ', 118);
  memcpy(npy + 10, x, strlen(x));
  write_bytes("x.npy", npy, 128 + 24);
  const char *y = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }  ";
  memcpy(npy + 10, y, strlen(y));
  write_bytes("y.npy", npy, 128 + 24);
  damage("x.npy", read_npy, NULL);
  damage("y.npy", read_npy, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(damaged_data_files_never_crash_or_lie),
      cmocka_unit_test(damaged_imports_never_crash),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
