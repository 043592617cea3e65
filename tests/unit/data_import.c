/* What comes from elsewhere: right values from good files, a message with file and place from bad ones. */
#include <zlib.h>

#include "data_fixture.h"

/* ---- CSV ---- */

static gd_status csv(gd_table *t, const char *text, const gd_csv_options *o) {
  const char *path = write_text("t.csv", text);
  return gd_import_csv(t, &path, 1, o);
}

static void csv_reads_quotes_crlf_headers_and_blank_lines(void **state) {
  (void)state;
  gd_table t;
  assert_ok(csv(&t, "\xEF\xBB\xBF\"a,b\",\"say \"\"hi\"\"\",c\r\n 1 ,\"2.5\",-3e-1\r\n\r\n.5,+7,1E2",
                &(gd_csv_options){.header = true}));
  assert_int_equal(t.n, 2);
  assert_int_equal(t.sample[0], 2);
  assert_false(t.labels);
  assert_true(t.y_vector);
  const double *x = t.x, *y = t.y;
  assert_true(x[0] == 1 && x[1] == 2.5 && x[2] == .5 && x[3] == 7 && y[0] == -.3 && y[1] == 100);
  gd_table_free(&t);
  assert_ok(csv(&t, "1;2\n3;4\n", NULL));
  assert_int_equal(t.n, 2);
  gd_table_free(&t);
}

static void csv_targets_are_chosen_by_number_name_or_list(void **state) {
  (void)state;
  const char *text = "a,b,c,d\n1,2,3,4\n5,6,7,8\n";
  gd_table t;
  assert_ok(csv(&t, text, &(gd_csv_options){.header = true, .target = "b"}));
  assert_true(((double *)t.y)[1] == 6 && ((double *)t.x)[1] == 3 && t.sample[0] == 3);
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.header = true, .target = "0"}));
  assert_true(((double *)t.y)[1] == 5);
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.header = true, .target = "d,a"}));
  assert_true(t.targets == 2 && !t.y_vector && ((double *)t.y)[0] == 4 && ((double *)t.y)[1] == 1);
  gd_table_free(&t);
  assert_refused(csv(&t, text, &(gd_csv_options){.header = true, .target = "e"}), GD_ERR_USAGE, "\"e\"");
  assert_refused(csv(&t, text, &(gd_csv_options){.header = true, .target = "4"}), GD_ERR_USAGE, "\"4\"");
  assert_refused(csv(&t, text, &(gd_csv_options){.header = true, .target = "a,a"}), GD_ERR_USAGE, "twice");
  assert_refused(csv(&t, text, &(gd_csv_options){.header = true, .target = "a,b,c,d"}), GD_ERR_DATA,
                 "no features");
}

static void csv_classes_are_sorted_by_name_and_numbers_by_value(void **state) {
  (void)state;
  gd_table t;
  assert_ok(csv(&t, "1,setosa\n2,iris\n3,setosa\n", NULL));
  assert_true(t.labels && t.classes == 2);
  assert_string_equal(t.class_name[0], "iris");
  assert_string_equal(t.class_name[1], "setosa");
  assert_true(((int64_t *)t.y)[0] == 1 && ((int64_t *)t.y)[1] == 0 && ((int64_t *)t.y)[2] == 1);
  gd_table_free(&t);
  assert_ok(csv(&t, "1,10\n2,9\n", &(gd_csv_options){.classes = true}));
  assert_string_equal(t.class_name[0], "9");
  assert_int_equal(((int64_t *)t.y)[0], 1);
  gd_table_free(&t);
}

static void csv_refusals_name_file_line_and_column(void **state) {
  (void)state;
  gd_table t;
  const gd_csv_options header = {.header = true};
  assert_refused(csv(&t, "1,2\n3,\n", NULL), GD_ERR_DATA, "t.csv:2:2: column 1 has no value");
  assert_refused(csv(&t, "1,2\n3,NaN\n", NULL), GD_ERR_DATA, "t.csv:2:2: column 1 has no value (\"NaN\")");
  assert_refused(csv(&t, "1,2\n3,4,5\n", NULL), GD_ERR_DATA, "t.csv:2: 3 fields, but the first line has 2");
  assert_refused(csv(&t, "h,y\nred,4\n", &header), GD_ERR_DATA, "t.csv:2:1: column 0 (h) holds \"red\"");
  assert_refused(csv(&t, "1,2\nnan,4\n", NULL), GD_ERR_DATA, "t.csv:2:1");
  assert_refused(csv(&t, "1,2\n0x10,4\n", NULL), GD_ERR_DATA, "t.csv:2:1");
  assert_refused(csv(&t, "1,2\n1e999,4\n", NULL), GD_ERR_DATA, "t.csv:2:1");
  assert_refused(csv(&t, "1,2\n3,four\n", NULL), GD_ERR_DATA, "t.csv:2:2");
  assert_refused(csv(&t, "1,2\n\"3,4\n", NULL), GD_ERR_DATA, "t.csv:2:1: a quote is never closed");
  assert_refused(csv(&t, "1,\"2\"3\n", NULL), GD_ERR_DATA, "t.csv:1:2: something follows");
  assert_refused(csv(&t, "", NULL), GD_ERR_DATA, "t.csv: the file is empty");
  assert_refused(csv(&t, "a,b\n", &header), GD_ERR_DATA, "nothing follows the header");
  const char *path = write_bytes("t.csv", "1,2\n3\0,4\n", 9);
  assert_refused(gd_import_csv(&t, &path, 1, NULL), GD_ERR_DATA, "t.csv:2: a NUL");
  path = in_folder("absent.csv");
  assert_refused(gd_import_csv(&t, &path, 1, NULL), GD_ERR_DATA, "absent.csv: No such file");
  const char *two[2] = {write_text("a.csv", "a,b\n1,2\n"), write_text("b.csv", "a,c\n1,2\n")};
  assert_refused(gd_import_csv(&t, two, 2, &header), GD_ERR_DATA, "b.csv:1:2");
  two[1] = write_text("b.csv", "a,b\n3,4\n");
  assert_ok(gd_import_csv(&t, two, 2, &header));
  assert_int_equal(t.n, 2);
  gd_table_free(&t);
}

static void the_yields_table_is_the_generators(void **state) {
  (void)state;
  gd_table file, made;
  const char *path = GD_SOURCE_DIR "/datasets/yields.csv";
  assert_ok(gd_import_csv(&file, &path, 1, &(gd_csv_options){.header = true, .target = "apples,oranges"}));
  assert_ok(gd_generate(&made, &(gd_generate_options){.name = "yields15"}));
  assert_true(file.n == 15 && made.n == 15);
  assert_memory_equal(file.x, made.x, 45 * sizeof(double));
  assert_memory_equal(file.y, made.y, 30 * sizeof(double));
  gd_table_free(&file);
  gd_table_free(&made);
}

/* ---- IDX ---- */

static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 4, 1};

static void write_gz(const char *name, const void *bytes, size_t n) {
  gzFile f = gzopen(in_folder(name), "wb");
  assert_int_equal(gzwrite(f, bytes, (unsigned)n), n);
  assert_int_equal(gzclose(f), Z_OK);
}

static void idx_reads_plain_and_gz(void **state) {
  (void)state;
  gd_table t;
  write_bytes("i", images, sizeof images);
  write_bytes("l", labels, sizeof labels);
  write_gz("i.gz", images, sizeof images);
  write_gz("l.gz", labels, sizeof labels);
  for (int zipped = 0; zipped < 2; zipped++) {
    assert_ok(gd_import_idx(&t, in_folder(zipped ? "i.gz" : "i"), in_folder(zipped ? "l.gz" : "l")));
    assert_true(t.n == 2 && t.ndim == 2 && t.sample[0] == 1 && t.sample[1] == 3 && t.classes == 5);
    assert_memory_equal(t.x, images + 16, 6);
    assert_true(((int64_t *)t.y)[0] == 4 && ((int64_t *)t.y)[1] == 1);
    assert_string_equal(t.class_name[4], "4");
    gd_table_free(&t);
  }
}

static gd_status idx(const void *i, size_t n_i, const void *l, size_t n_l) {
  gd_table t;
  write_bytes("i", i, n_i);
  write_bytes("l", l, n_l);
  gd_status st = gd_import_idx(&t, in_folder("i"), in_folder("l"));
  if (st == GD_OK) gd_table_free(&t);
  return st;
}

static void idx_refusals_say_what_is_wrong(void **state) {
  (void)state;
  uint8_t bad[sizeof images];
  memcpy(bad, images, sizeof bad);
  assert_refused(idx(images, sizeof images - 1, labels, sizeof labels), GD_ERR_DATA,
                 "i: its header promises 22 bytes");
  assert_refused(idx(images, sizeof images, labels, 7), GD_ERR_DATA, "l: its header cannot be read");
  assert_refused(idx(labels, sizeof labels, labels, sizeof labels), GD_ERR_DATA, "i: it has 1 dimension");
  assert_refused(idx(images, sizeof images, images, sizeof images), GD_ERR_DATA, "l: it has 3 dimensions");
  bad[2] = 0x0A;
  assert_refused(idx(bad, sizeof bad, labels, sizeof labels), GD_ERR_DATA,
                 "i: its values are of IDX type 0a");
  bad[2] = 8, bad[0] = 1;
  assert_refused(idx(bad, sizeof bad, labels, sizeof labels), GD_ERR_DATA, "i: not an IDX file");
  bad[0] = 0, bad[4] = bad[8] = bad[12] = 255;
  assert_refused(idx(bad, sizeof bad, labels, sizeof labels), GD_ERR_DATA,
                 "i: its shape is impossibly large");
  uint8_t three[] = {0, 0, 8, 1, 0, 0, 0, 3, 4, 1, 1};
  assert_refused(idx(images, sizeof images, three, sizeof three), GD_ERR_DATA,
                 "l: 3 labels for the 2 images");
  gd_table t;
  write_bytes("l", labels, sizeof labels);
  write_gz("i.gz", images, sizeof images - 1);
  assert_refused(gd_import_idx(&t, in_folder("i.gz"), in_folder("l")), GD_ERR_DATA,
                 "i.gz: its values cannot be read");
  uint8_t more[sizeof images + 1] = {0};
  memcpy(more, images, sizeof images);
  write_gz("i.gz", more, sizeof more);
  assert_refused(gd_import_idx(&t, in_folder("i.gz"), in_folder("l")), GD_ERR_DATA,
                 "i.gz: there is more in it");
}

/* ---- CIFAR ---- */

static void cifar_reads_batches_one_after_the_other(void **state) {
  (void)state;
  enum { RECORD = 3073 };
  uint8_t *bytes = malloc(2 * RECORD);
  for (int i = 0; i < 2 * RECORD; i++) bytes[i] = (uint8_t)(i % 251);
  bytes[0] = 7, bytes[RECORD] = 9;
  const char *files[2];
  files[0] = write_bytes("a.bin", bytes, 2 * RECORD);
  files[1] = write_bytes("b.bin", bytes + RECORD, RECORD);
  gd_table t;
  assert_ok(gd_import_cifar(&t, files, 2, false));
  assert_true(t.n == 3 && t.ndim == 3 && t.classes == 10);
  assert_true(((int64_t *)t.y)[0] == 7 && ((int64_t *)t.y)[1] == 9 && ((int64_t *)t.y)[2] == 9);
  for (int k = 0; k < 3072; k++) /* planes become channels of each pixel */
    assert_int_equal(((uint8_t *)t.x)[2 * 3072 + k], bytes[RECORD + 1 + k % 3 * 1024 + k / 3]);
  gd_table_free(&t);
  assert_refused(gd_import_cifar(&t, files, 2, true), GD_ERR_DATA, "a.bin: 6146 bytes are not");
  bytes[RECORD] = 10;
  files[1] = write_bytes("b.bin", bytes + RECORD, RECORD);
  assert_refused(gd_import_cifar(&t, files, 2, false), GD_ERR_DATA, "b.bin: label 10 at record 0");
  write_bytes("data_batch_1", "\x80\2}q\1", 5);
  assert_refused(gd_import_cifar(&t, (const char *[]){in_folder("data_batch_1")}, 1, false), GD_ERR_DATA,
                 "data_batch_1: the Python version, whose pickles are not read: take the binary one");
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(csv_reads_quotes_crlf_headers_and_blank_lines),
      cmocka_unit_test(csv_targets_are_chosen_by_number_name_or_list),
      cmocka_unit_test(csv_classes_are_sorted_by_name_and_numbers_by_value),
      cmocka_unit_test(csv_refusals_name_file_line_and_column),
      cmocka_unit_test(the_yields_table_is_the_generators),
      cmocka_unit_test(idx_reads_plain_and_gz),
      cmocka_unit_test(idx_refusals_say_what_is_wrong),
      cmocka_unit_test(cifar_reads_batches_one_after_the_other),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
