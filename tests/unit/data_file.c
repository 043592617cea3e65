/* Data files: what is written is read, names are recognised, and a stranger's tricks are refused by name. */
#include <hdf5.h>

#include "data_fixture.h"

static gd_table glyphs(int64_t n) {
  gd_table t;
  assert_ok(gd_generate(&t, &(gd_generate_options){.name = "glyphs", .n = n, .noise = -1, .seed = 1}));
  return t;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  gd_table t = glyphs(700);
  gd_dataset *d = open_table(&t, "t.h5", NULL);
  const gd_data_info *info = gd_dataset_info(d);
  assert_true(info->n == 700 && info->ndim == 2 && info->sample[0] == 28 && info->sample[1] == 28);
  assert_true(info->x_type == GD_U8 && info->x_scale == 1. / 255 && info->labels && info->classes == 10);
  assert_true(info->checksummed && !gd_dataset_streamed(d) && info->block > 1);
  assert_string_equal(info->class_name[9], "9");
  assert_string_equal(info->x_name, "x");
  char *memory = hold(d);
  gd_digest held, a, b;
  assert_ok(gd_dataset_digest(d, &held));
  assert_memory_equal(memory, t.x, 700 * 784);
  assert_memory_equal(memory + (700 * 784 + 63) / 64 * 64, t.y, 700 * 8);
  gd_dataset_close(d);
  free(memory);
  assert_ok(gd_dataset_open(&d, in_folder("t.h5"), &(gd_data_options){.hold_limit_bytes = 1000}));
  assert_true(gd_dataset_streamed(d) && gd_dataset_load_bytes(d) == 0);
  assert_ok(gd_dataset_digest(d, &a));
  assert_memory_equal(&held, &a, sizeof a); /* what was held can be resumed as a stream */
  gd_dataset_close(d);
  ((uint8_t *)t.x)[0]++;
  d = open_table(&t, "t.h5", &(gd_data_options){.memory = GD_MEMORY_STREAM});
  assert_ok(gd_dataset_digest(d, &b));
  assert_memory_not_equal(&a, &b, sizeof a);
  gd_dataset_close(d);
  gd_table_free(&t);
}

static void a_failed_write_leaves_the_old_file_and_no_other(void **state) {
  (void)state;
  gd_table t = glyphs(3);
  assert_refused(gd_table_write(&t, in_folder("no/such/t.h5")), GD_ERR_WRITE, "no/such/t.h5");
  assert_int_equal(mkdir(in_folder("taken"), 0700), 0);
  assert_refused(gd_table_write(&t, in_folder("taken")), GD_ERR_WRITE, "taken: cannot be renamed");
  assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
  assert_refused(gd_table_write(&t, in_folder("pipe")), GD_ERR_WRITE, "pipe: not a regular file");
  char command[600];
  snprintf(command, sizeof command, "ls %s | grep -q tmp", folder);
  assert_int_not_equal(system(command), 0);
  gd_table_free(&t);
}

/* ---- files made by others ---- */

/* An HDF5 file with x f32 [4, 2] and y, under any names and integer or float type. */
static void make_file(const char *x_name, const char *y_name, hid_t y_type, int64_t y_rows,
                      int64_t y_columns) {
  const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const double y[8] = {0, 2, 1, 0, 1, 1, 1, 1};
  hid_t f = H5Fcreate(in_folder("s.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hid_t links = H5Pcreate(H5P_LINK_CREATE), xs = H5Screate_simple(2, (hsize_t[]){4, 2}, NULL);
  hid_t ys = H5Screate_simple(y_columns ? 2 : 1, (hsize_t[]){(hsize_t)y_rows, (hsize_t)y_columns}, NULL);
  H5Pset_create_intermediate_group(links, 1);
  hid_t xd = H5Dcreate2(f, x_name, H5T_IEEE_F32BE, xs, links, H5P_DEFAULT, H5P_DEFAULT);
  hid_t yd = H5Dcreate2(f, y_name, y_type, ys, links, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(xd, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
  H5Dwrite(yd, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, y);
  H5Dclose(xd), H5Dclose(yd), H5Sclose(xs), H5Sclose(ys), H5Pclose(links);
  assert_true(H5Fclose(f) >= 0);
}

static gd_status open_file(const gd_data_options *o) {
  gd_dataset *d;
  gd_status st = gd_dataset_open(&d, in_folder("s.h5"), o);
  if (st == GD_OK) gd_dataset_close(d);
  return st;
}

static void usual_names_and_types_are_recognised(void **state) {
  (void)state;
  static const char *const names[][2] = {
      {"x", "y"}, {"data/data", "data/label"}, {"data", "label"}, {"data", "labels"}, {"images", "labels"},
      {"X", "y"}, {"features", "targets"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    make_file(names[i][0], names[i][1], H5T_STD_I8LE, 4, 0);
    gd_dataset *d;
    assert_ok(gd_dataset_open(&d, in_folder("s.h5"), NULL));
    const gd_data_info *info = gd_dataset_info(d);
    assert_true(info->labels && info->classes == 3 && info->x_type == GD_F32 && info->x_scale == 1);
    void *memory = hold(d);
    assert_true(((float *)memory)[7] == 8);
    gd_dataset_close(d);
    free(memory);
  }
  make_file("x", "y", H5T_IEEE_F64LE, 4, 2);
  gd_dataset *d;
  assert_ok(gd_dataset_open(&d, in_folder("s.h5"), NULL));
  assert_true(!gd_dataset_info(d)->labels && gd_dataset_info(d)->targets == 2 &&
              !gd_dataset_info(d)->y_vector);
  gd_dataset_close(d);
  make_file("pictures", "digits", H5T_STD_I32LE, 4, 0);
  assert_refused(open_file(NULL), GD_ERR_DATA, "it holds: digits, pictures");
  assert_ok(open_file(&(gd_data_options){.x_name = "pictures", .y_name = "digits"}));
  make_file("x", "y", H5T_STD_I32LE, 3, 0);
  assert_refused(open_file(NULL), GD_ERR_DATA, "y: it has 3 rows, but x has 4 samples");
  assert_refused(gd_dataset_open(&d, in_folder("absent.h5"), NULL), GD_ERR_DATA, "absent.h5: No such file");
  assert_refused(gd_dataset_open(&d, folder, NULL), GD_ERR_DATA, "not a regular file");
  write_text("s.h5", "x,y\n1,2\n");
  assert_refused(open_file(NULL), GD_ERR_DATA, "s.h5: not an HDF5 file");
}

/* HDF5 reads zeros behind the end of a file, and zeros have the right checksum. */
static void a_file_that_is_cut_while_it_is_streamed_is_refused(void **state) {
  (void)state;
  gd_table t = glyphs(700);
  gd_dataset *d = open_table(&t, "t.h5", &(gd_data_options){.memory = GD_MEMORY_STREAM});
  gd_digest digest;
  assert_ok(gd_dataset_digest(d, &digest));
  assert_int_equal(truncate(in_folder("t.h5"), 100000), 0);
  assert_refused(gd_dataset_digest(d, &digest), GD_ERR_DATA, "to 100000 bytes since it was opened");
  gd_dataset_close(d);
  gd_table_free(&t);
}

/* Names of any width, filled to the last byte, and longer than there is room for. */
static void class_names_of_any_width_are_read(void **state) {
  (void)state;
  for (size_t width = 1; width < 100; width += 31) {
    make_file("x", "y", H5T_STD_I8LE, 4, 0);
    hid_t f = H5Fopen(in_folder("s.h5"), H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, width), H5Tset_strpad(type, H5T_STR_NULLPAD);
    hid_t space = H5Screate_simple(1, (hsize_t[]){3}, NULL);
    hid_t id = H5Dcreate2(f, "classes", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    char text[300], expected[GD_MAX_CLASS_NAME] = "";
    for (size_t i = 0; i < 3; i++) memset(text + i * width, "abc"[i], width);
    H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text);
    H5Dclose(id), H5Sclose(space), H5Tclose(type);
    assert_true(H5Fclose(f) >= 0);
    gd_dataset *d;
    assert_ok(gd_dataset_open(&d, in_folder("s.h5"), NULL));
    memset(expected, 'c', width < sizeof expected ? width : sizeof expected - 1);
    assert_string_equal(gd_dataset_info(d)->class_name[2], expected);
    assert_int_equal(gd_dataset_info(d)->classes, 3);
    gd_dataset_close(d);
  }
}

/* ---- tricks ---- */

/* A file with an honest y, and an x made by the caller. */
static hid_t begin_trick(void) {
  hid_t f = H5Fcreate(in_folder("s.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hid_t space = H5Screate_simple(1, (hsize_t[]){4}, NULL);
  hid_t y = H5Dcreate2(f, "y", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(y, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, (int[]){0, 1, 0, 1});
  H5Dclose(y), H5Sclose(space);
  return f;
}

static void put_x(hid_t f, int ndim, const hsize_t shape[], hid_t create) {
  hid_t space = H5Screate_simple(ndim, shape, NULL);
  hid_t x = H5Dcreate2(f, "x", H5T_STD_U8LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
  assert_true(x >= 0);
  H5Dclose(x), H5Sclose(space), H5Pclose(create);
}

static void integers_that_do_not_fit_are_refused(void **state) {
  (void)state;
  hid_t f = begin_trick(), space = H5Screate_simple(2, (hsize_t[]){4, 1}, NULL);
  hid_t x = H5Dcreate2(f, "x", H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(x, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, (uint64_t[]){0, 1, UINT64_MAX, 3});
  H5Dclose(x), H5Sclose(space), H5Fclose(f);
  gd_dataset *d;
  char memory[256];
  assert_ok(gd_dataset_open(&d, in_folder("s.h5"), NULL));
  assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA, "x: it holds integers above 2^63 - 1");
  gd_dataset_close(d);
}

static void values_in_another_file_are_refused(void **state) {
  (void)state;
  write_text("secret", "top secret");
  hid_t f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(create, in_folder("secret"), 0, 8);
  put_x(f, 2, (hsize_t[]){4, 2}, create);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: its values lie in another file");
}

static void links_to_other_places_are_not_followed(void **state) {
  (void)state;
  make_file("x", "y", H5T_STD_I32LE, 4, 0);
  assert_int_equal(rename(in_folder("s.h5"), in_folder("other.h5")), 0);
  hid_t f = begin_trick();
  H5Lcreate_external("other.h5", "/x", f, "x", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "s.h5: x: a link to /x in another file, other.h5");
  f = begin_trick();
  H5Lcreate_soft("/absent", f, "x", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "s.h5: x: a link to /absent, which is not in the file");
  f = begin_trick();
  H5Lcreate_external("other.h5", "/x", f, "z", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/z", f, "x", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "s.h5: x: a link to /z, which is not in the file");
}

static void virtual_arrays_are_refused(void **state) {
  (void)state;
  hid_t f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = H5Screate_simple(2, (hsize_t[]){4, 2}, NULL);
  H5Pset_virtual(create, space, in_folder("other.h5"), "/x", space);
  H5Sclose(space);
  put_x(f, 2, (hsize_t[]){4, 2}, create);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: it is a virtual array");
}

static void shapes_that_the_file_cannot_hold_are_refused(void **state) {
  (void)state;
  hid_t f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  put_x(f, 2, (hsize_t[]){4, 2200000000000}, create); /* 8.8e12 elements, never written */
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: its shape needs 8800000000000 bytes");
  f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(create, 2, (hsize_t[]){1, 1000});
  H5Pset_deflate(create, 1);
  put_x(f, 2, (hsize_t[]){4, 2200000000000}, create);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: its shape needs 8800000000000 bytes");
  f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(create, 2, (hsize_t[]){1, 1u << 30});
  put_x(f, 2, (hsize_t[]){4, 1u << 30}, create);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: its chunks are larger");
  f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  put_x(f, 2, (hsize_t[]){1ull << 40, 1ull << 22}, create);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: its shape is impossibly large");
}

/* Through its cache, HDF5 would copy what is missing of the second chunk from behind the end of its memory.
 */
static void a_chunk_listed_too_short_is_read_from_the_file(void **state) {
  (void)state;
  hid_t f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(create, 2, (hsize_t[]){2, 8});
  put_x(f, 2, (hsize_t[]){4, 8}, create);
  hid_t x = H5Dopen2(f, "x", H5P_DEFAULT);
  assert_true(H5Dwrite_chunk(x, H5P_DEFAULT, 0, (hsize_t[]){2, 0}, 8, "A CHUNK.") >= 0);
  assert_true(H5Dwrite_chunk(x, H5P_DEFAULT, 0, (hsize_t[]){0, 0}, 24, "abcdefghijklmnopqrstuvwx") >= 0);
  H5Dclose(x), H5Fclose(f);
  char bytes[1 << 14], memory[256];
  FILE *raw = fopen(in_folder("s.h5"), "rb");
  const size_t n = fread(bytes, 1, sizeof bytes, raw);
  fclose(raw);
  const char *listed = memmem(bytes, n, "A CHUNK.", 8);
  assert_true(listed && listed + 16 <= bytes + n);
  gd_dataset *d;
  assert_ok(gd_dataset_open(&d, in_folder("s.h5"), NULL));
  assert_ok(gd_dataset_load(d, memory, true));
  assert_memory_equal(memory, "abcdefghijklmnop", 16);
  assert_memory_equal(memory + 16, listed, 16);
  gd_dataset_close(d);
}

static void other_filters_and_types_are_refused(void **state) {
  (void)state;
  hid_t f = begin_trick(), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(create, 2, (hsize_t[]){4, 2});
  H5Pset_nbit(create);
  put_x(f, 2, (hsize_t[]){4, 2}, create);
  H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: it is stored by nbit (filter 5)");
  f = begin_trick();
  hid_t text = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, (hsize_t[]){4}, NULL);
  H5Tset_size(text, H5T_VARIABLE);
  H5Dclose(H5Dcreate2(f, "x", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Tclose(text), H5Sclose(space), H5Fclose(f);
  assert_refused(open_file(NULL), GD_ERR_DATA, "x: it holds text, not numbers");
}

static void a_truncated_file_is_refused(void **state) {
  (void)state;
  gd_table t = glyphs(500);
  assert_ok(gd_table_write(&t, in_folder("s.h5")));
  assert_int_equal(truncate(in_folder("s.h5"), 300000), 0);
  assert_refused(open_file(NULL), GD_ERR_DATA, "s.h5");
  gd_table_free(&t);
}

int main(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(a_failed_write_leaves_the_old_file_and_no_other),
      cmocka_unit_test(usual_names_and_types_are_recognised),
      cmocka_unit_test(a_file_that_is_cut_while_it_is_streamed_is_refused),
      cmocka_unit_test(class_names_of_any_width_are_read),
      cmocka_unit_test(integers_that_do_not_fit_are_refused),
      cmocka_unit_test(values_in_another_file_are_refused),
      cmocka_unit_test(links_to_other_places_are_not_followed),
      cmocka_unit_test(virtual_arrays_are_refused),
      cmocka_unit_test(shapes_that_the_file_cannot_hold_are_refused),
      cmocka_unit_test(a_chunk_listed_too_short_is_read_from_the_file),
      cmocka_unit_test(other_filters_and_types_are_refused),
      cmocka_unit_test(a_truncated_file_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
