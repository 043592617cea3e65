/* Tables in every dialect: read as they are meant, said what was guessed, and asked where it could be otherwise. */
#include <zlib.h>

#include "data_fixture.h"
#ifdef GD_WITH_LZMA
#include <lzma.h>
#endif
#ifdef GD_WITH_ZSTD
#include <zstd.h>
#endif

static gd_status import(gd_table *t, const char *path, const gd_csv_options *o) {
  return gd_import_csv(t, &path, 1, o);
}

static gd_status csv(gd_table *t, const char *text, const gd_csv_options *o) {
  return import(t, write_text("t.csv", text), o);
}

/* Imported, with these values of x row by row, then of y; and a note that holds each of `said`, NULL: nothing. */
static void check_table(gd_table *t, int rows, int columns, const double *values, const char *said) {
  assert_int_equal(t->n, rows);
  assert_int_equal(t->sample[0], columns);
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < columns; k++)
      if (((double *)t->x)[i * columns + k] != values[i * (columns + 1) + k])
        fail_msg("row %d, column %d: %g, not %g", i, k, ((double *)t->x)[i * columns + k],
                 values[i * (columns + 1) + k]);
  for (int i = 0; i < rows; i++) {
    const double y = t->labels ? (double)((int64_t *)t->y)[i] : ((double *)t->y)[i];
    if (y != values[i * (columns + 1) + columns])
      fail_msg("row %d: y %g, not %g", i, y, values[i * (columns + 1) + columns]);
  }
  if (said && !strstr(t->notes, said)) fail_msg("\"%s\" is not in: %s", said, t->notes);
  gd_table_free(t);
}

#define CHECK(text, options, rows, columns, said, ...)                                                       \
  do {                                                                                                       \
    gd_table table_;                                                                                         \
    assert_ok(csv(&table_, text, options));                                                                  \
    check_table(&table_, rows, columns, (const double[]){__VA_ARGS__}, said);                                \
  } while (0)

/* ---- delimiters ---- */

static void the_delimiter_is_guessed_from_all_lines_and_said(void **state) {
  (void)state;
  CHECK("1,5;2\n2,5;3\n3,5;4\n", NULL, 3, 1, "delimiter \";\": 2 fields in every line (else --delimiter)",
        1.5, 2, 2.5, 3, 3.5, 4);
  CHECK("1,5;2\n2,5;3\n3,5;4\n", NULL, 3, 1, "decimal sign \",\", as in \"1,5\" in line 1 (else --decimal .)",
        1.5, 2, 2.5, 3, 3.5, 4);
  CHECK("5.1 1.4 7\n4.9   1.4\t8\n", NULL, 2, 2, "delimiter space", 5.1, 1.4, 7, 4.9, 1.4, 8);
  CHECK("1\t2\n3\t4\n", NULL, 2, 1, "delimiter tab", 1, 2, 3, 4);
  CHECK("1|2\n3|4\n", NULL, 2, 1, "delimiter \"|\"", 1, 2, 3, 4);
  CHECK("sep=;\na;b;y\n1;2;3\n", NULL, 1, 2, "\"sep=\"", 1, 2, 3);
  CHECK("1:2\n3:4\n", &(gd_csv_options){.delimiter = ':'}, 2, 1, NULL, 1, 2, 3, 4);
}

static void wide_tables_are_cut_alike(void **state) {
  (void)state;
  enum { WIDE = 800 };
  char text[16 * WIDE] = "", *at = text;
  gd_table t;
  for (int i = 0; i < 2 * WIDE; i++) at += sprintf(at, "%d%s", i % 7, i % WIDE == WIDE - 1 ? "\n" : ", ");
  assert_ok(csv(&t, text, NULL));
  assert_true(t.n == 2 && t.sample[0] == WIDE - 1 &&
              strstr(t.notes, "delimiter \",\": 800 fields in every line"));
  gd_table_free(&t);
}

static void a_delimiter_that_could_be_another_is_asked_for(void **state) {
  (void)state;
  gd_table t;
  assert_refused(csv(&t, "a,b;c\nd,e;f\n", &(gd_csv_options){.header = GD_HEADER_NO}), GD_ERR_DATA,
                 "could be delimited by \",\" (2 in a line) or by \";\" (2): say which with --delimiter");
  assert_refused(csv(&t, "1,5;2\n2,5;3;4\n3,5;4\n", NULL), GD_ERR_DATA, "--delimiter");
  assert_refused(csv(&t, "1\n2\n", NULL), GD_ERR_DATA, "its lines have one field (--delimiter");
}

static void ends_of_lines_and_trailing_delimiters_are_seen(void **state) {
  (void)state;
  CHECK("1,2,3\r4,5,6\r7,8,9\r", NULL, 3, 2, "lines end in CR alone", 1, 2, 3, 4, 5, 6, 7, 8, 9);
  CHECK("1,2,a,\n3,4,b,\n", NULL, 2, 2, "column 3 is empty in every row", 1, 2, 0, 3, 4, 1);
  CHECK("\n1,2\r\n \r\n3,4", NULL, 2, 1, NULL, 1, 2, 3, 4);
  gd_table t;
  assert_refused(csv(&t, "a,b\n1,2,\n", NULL), GD_ERR_DATA,
                 "t.csv:2: 3 fields, but the first line has 2: the line ends with a delimiter");
}

static void comments_are_left_out_and_said(void **state) {
  (void)state;
  CHECK("# produced by x\n1,2,3\n4,5,6\n", NULL, 2, 2, "1 line that begins with # left out", 1, 2, 3, 4, 5,
        6);
  CHECK("1,2 % one\n% two\n3,4\n", &(gd_csv_options){.comment = '%'}, 2, 1, NULL, 1, 2, 3, 4);
  gd_table t;
  CHECK("# made by a program, 7\na,y\n3,4\n", NULL, 1, 1, "1 line that begins with # left out", 3, 4);
  const char *which = "a comment (--comment \"#\") or a part of the table (--comment none)?";
  assert_refused(csv(&t, "# a,b\nc,d\n", NULL), GD_ERR_DATA, which);
  assert_refused(csv(&t, "# made by x, 7\nred,4\n", NULL), GD_ERR_DATA, which);
  assert_ok(csv(&t, "# a,b,y\n1,2,3\n4,5,6\n", NULL));
  assert_string_equal(t.names.x[0], "a");
  gd_table_free(&t);
}

static void quotes_are_those_of_rfc_4180_or_others(void **state) {
  (void)state;
  gd_table t;
  assert_ok(csv(&t, "1,\"red, dark\"\n2,\"say \"\"hi\"\"\"\n3,\"two\r\nlines\"\n4,5\" wide\n", NULL));
  assert_string_equal(t.class_name[1], "red, dark");
  assert_string_equal(t.class_name[2], "say \"hi\"");
  assert_string_equal(t.class_name[3], "two\r\nlines");
  assert_string_equal(t.class_name[0], "5\" wide");
  gd_table_free(&t);
  assert_ok(csv(&t, "1,'a,b'\n2,'c'\n", &(gd_csv_options){.quote = '\''}));
  assert_string_equal(t.class_name[0], "a,b");
  gd_table_free(&t);
  CHECK("1, \"2\"\n3, \"4\"\n", NULL, 2, 1, "blanks before a quote are left out, as in line 1", 1, 2, 3, 4);
  assert_ok(csv(&t, "1,\"a\n2,\"c\n", &(gd_csv_options){.quote = GD_CSV_NONE}));
  assert_string_equal(t.class_name[0], "\"a");
  gd_table_free(&t);
  assert_refused(csv(&t, "1,\"a\n2,b\n", NULL), GD_ERR_DATA,
                 "t.csv:1:2: a quote is never closed: --quote none");
}

/* ---- numbers ---- */

static void decimal_and_thousands_are_told_or_asked_for(void **state) {
  (void)state;
  gd_table t;
  const char *german = "rooms;year;price\n3;1990;250000,50\n4;2001;310000,00\n",
             *grouped = "a,y\n1,\"1,234.5\"\n2,\"4,500.5\"\n2,\"5,500\"\n";
  CHECK(german, NULL, 2, 2, "decimal sign \",\", as in \"250000,50\" in line 2", 3, 1990, 250000.5, 4, 2001,
        310000);
  CHECK(german, &(gd_csv_options){.decimal = ','}, 2, 2, NULL, 3, 1990, 250000.5, 4, 2001, 310000);
  CHECK(grouped, &(gd_csv_options){.thousands = ','}, 3, 1, NULL, 1, 1234.5, 2, 4500.5, 2, 5500);
  CHECK("1;1.234,5\n2;-2.000\n", &(gd_csv_options){.thousands = '.'}, 2, 1, NULL, 1, 1234.5, 2, -2000);
  assert_refused(csv(&t, grouped, NULL), GD_ERR_DATA,
                 "t.csv:2:2: column 1 (y) holds \"1,234.5\", not a number");
  assert_refused(csv(&t, grouped, NULL), GD_ERR_DATA, "--thousands , if its digits are grouped by three");
  assert_refused(csv(&t, "1;1,234\n2;5,678\n", NULL), GD_ERR_DATA,
                 "--thousands , if its comma groups digits by three; --decimal , if it is the decimal sign");
  assert_refused(csv(&t, "1.5;2\n2,5;3\n", NULL), GD_ERR_DATA,
                 "t.csv:2:1: column 0 holds \"2,5\", not a number, as 1 of 2");
  assert_refused(csv(&t, "1;1,23,4\n2;5\n", &(gd_csv_options){.thousands = ',', .header = GD_HEADER_NO}),
                 GD_ERR_DATA, "\"1,23,4\"");
  assert_refused(csv(&t, "1,2\n", &(gd_csv_options){.decimal = ';'}), GD_ERR_USAGE, "--decimal is . or ,");
  assert_refused(csv(&t, "1;2\n", &(gd_csv_options){.decimal = ',', .thousands = ','}), GD_ERR_USAGE,
                 "are both \",\"");
  assert_refused(csv(&t, "1,5\n2,5\n", &(gd_csv_options){.decimal = ','}), GD_ERR_DATA, "say --delimiter");
  CHECK("1,\"2,5\"\n", (&(gd_csv_options){.decimal = ',', .delimiter = ','}), 1, 1, NULL, 1, 2.5);
}

static void numbers_are_rounded_as_strtod_rounds_them(void **state) {
  (void)state;
  static const char *const texts[] = {"0.1",
                                      "-0",
                                      "123456789012345678",
                                      "9007199254740993",
                                      "1e22",
                                      "1e23",
                                      "5e-324",
                                      "1.7976931348623157e308",
                                      "2.2250738585072011e-308",
                                      "0.000001234567890123456",
                                      "+3",
                                      "3.",
                                      ".5e+3",
                                      "000017"};
  char text[4096] = "";
  gd_table t;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sprintf(text + strlen(text), "%s,1\n", texts[i]);
  assert_ok(csv(&t, text, NULL));
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const double v = strtod(texts[i], NULL);
    assert_memory_equal((double *)t.x + i, &v, sizeof v);
  }
  gd_table_free(&t);
}

/* ---- encodings and packing ---- */

static void encodings_are_told_by_their_bytes_and_said(void **state) {
  (void)state;
  gd_table t;
  const char little[] = "\xFF\xFEx\0,\0y\0\n\0"
                        "1\0,\0\xE9\0\n\0"
                        "2\0,\0b\0",
             big[] = "\0"
                     "1\0,\0"
                     "2\0\n\0"
                     "3\0,\0"
                     "4\0\n";
  assert_ok(import(&t, write_bytes("t.csv", little, sizeof little - 1), NULL));
  assert_string_equal(t.class_name[1], "\xC3\xA9");
  assert_non_null(strstr(t.notes, "encoding UTF-16LE: its byte order mark (else --encoding)"));
  gd_table_free(&t);
  assert_ok(import(&t, write_bytes("t.csv", big, sizeof big - 1), NULL));
  assert_non_null(strstr(t.notes, "encoding UTF-16BE: every second byte is zero"));
  gd_table_free(&t);
  assert_ok(csv(&t, "x,y\n1,Z\xFCrich\n2,b\n", NULL));
  assert_string_equal(t.class_name[0], "Z\xC3\xBCrich");
  assert_non_null(strstr(t.notes, "encoding ISO-8859-1: it is not UTF-8 (else --encoding)"));
  gd_table_free(&t);
  assert_ok(csv(&t, "x,y\n1,\x80\n2,b\n", NULL));
  assert_string_equal(t.class_name[1], "\xE2\x82\xAC"); /* the euro sign of Windows */
  gd_table_free(&t);
  assert_refused(csv(&t, "x,y\n1,Z\xFCrich\n", &(gd_csv_options){.encoding = "utf-8"}), GD_ERR_DATA,
                 "t.csv:2: byte 0xFC is not utf-8: say what it is with --encoding");
  assert_refused(csv(&t, "1,2\n", &(gd_csv_options){.encoding = "klingon"}), GD_ERR_USAGE,
                 "encoding \"klingon\" is not known");
}

/* What the first MiB did not show is an error where it comes. */
static void an_encoding_that_the_rest_contradicts_is_an_error(void **state) {
  (void)state;
  enum { LINES = 300000 };
  char *text = malloc(16 * LINES), *at = text;
  gd_table t;
  for (int i = 0; i < LINES; i++) at += sprintf(at, "%d,a\n", i % 10);
  at += sprintf(at, "1,\xFC\n");
  const char *path = write_bytes("t.csv", text, (size_t)(at - text));
  assert_refused(import(&t, path, NULL), GD_ERR_DATA, "t.csv:300001: byte 0xFC is not UTF-8");
  assert_ok(import(&t, path, &(gd_csv_options){.encoding = "latin1"}));
  assert_true(t.n == LINES + 1 && t.classes == 2);
  gd_table_free(&t);
  free(text);
}

static void packed_tables_are_read_whole_or_refused(void **state) {
  (void)state;
  static const char text[] = "1,2\n3,4\n";
  gd_table t;
  gzFile gz = gzopen(in_folder("t.csv.gz"), "wb");
  assert_int_equal(gzwrite(gz, text, sizeof text - 1), sizeof text - 1);
  assert_int_equal(gzclose(gz), Z_OK);
  assert_ok(import(&t, in_folder("t.csv.gz"), NULL));
  check_table(&t, 2, 1, (const double[]){1, 2, 3, 4}, "gzip data");
  truncate(in_folder("t.csv.gz"), 20) == 0 ? (void)0 : fail();
  assert_refused(import(&t, in_folder("t.csv.gz"), NULL), GD_ERR_DATA,
                 "t.csv.gz: damaged gzip data: it ends too early");
  uint8_t packed[1024];
  size_t n = 0;
#ifdef GD_WITH_LZMA
  assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text, sizeof text - 1,
                                           packed, &n, sizeof packed),
                   LZMA_OK);
  assert_ok(import(&t, write_bytes("t.xz", packed, n), NULL));
  check_table(&t, 2, 1, (const double[]){1, 2, 3, 4}, "xz data");
  assert_refused(import(&t, write_bytes("t.xz", packed, n - 9), NULL), GD_ERR_DATA, "t.xz: damaged xz data");
#endif
#ifdef GD_WITH_ZSTD
  n = ZSTD_compress(packed, sizeof packed, text, sizeof text - 1, 3);
  assert_ok(import(&t, write_bytes("t.zst", packed, n), NULL));
  check_table(&t, 2, 1, (const double[]){1, 2, 3, 4}, "zstd data");
  assert_refused(import(&t, write_bytes("t.zst", packed, n - 3), NULL), GD_ERR_DATA,
                 "t.zst: damaged zstd data");
#endif
  (void)n, (void)packed;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_delimiter_is_guessed_from_all_lines_and_said),
      cmocka_unit_test(wide_tables_are_cut_alike),
      cmocka_unit_test(a_delimiter_that_could_be_another_is_asked_for),
      cmocka_unit_test(ends_of_lines_and_trailing_delimiters_are_seen),
      cmocka_unit_test(comments_are_left_out_and_said),
      cmocka_unit_test(quotes_are_those_of_rfc_4180_or_others),
      cmocka_unit_test(decimal_and_thousands_are_told_or_asked_for),
      cmocka_unit_test(numbers_are_rounded_as_strtod_rounds_them),
      cmocka_unit_test(encodings_are_told_by_their_bytes_and_said),
      cmocka_unit_test(an_encoding_that_the_rest_contradicts_is_an_error),
      cmocka_unit_test(packed_tables_are_read_whole_or_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
