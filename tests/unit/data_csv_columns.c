/* What a column is decided by the whole of it; which are taken is said by name or position; nothing is merged unasked. */
#include "data/dataset.h"
#include "data_fixture.h"

static gd_status csv(gd_table *t, const char *text, const gd_csv_options *o) {
  const char *path = write_text("t.csv", text);
  return gd_import_csv(t, &path, 1, o);
}

static void said(const gd_table *t, const char *what) {
  if (!strstr(t->notes, what)) fail_msg("\"%s\" is not in: %s", what, t->notes);
}

/* ---- numbers, classes, odd cells ---- */

static void an_odd_cell_of_a_column_of_numbers_is_an_error(void **state) {
  (void)state;
  gd_table t;
  assert_refused(csv(&t, "1,2,1e400\n2,3,1\n", NULL), GD_ERR_DATA,
                 "t.csv:1:3: column 2 holds \"1e400\", not a number, as 1 of 2 cells are: it is not finite "
                 "as a 64-bit number");
  assert_refused(csv(&t, "a,b,y\n1,2,#N/A\n2,3,4.5\n", NULL), GD_ERR_DATA,
                 "t.csv:2:3: column 2 (y) has no value (\"#N/A\"), 1 of 2 cells like it: --on-missing drop");
  assert_refused(csv(&t, "a,b,y\n1,2,1\n2,3,2\n3,4,3b\n", NULL), GD_ERR_DATA,
                 "t.csv:4:3: column 2 (y) holds \"3b\", not a number, as 2 of 3 cells are: --missing \"3b\"");
  assert_refused(csv(&t, "1,2\n3,4 %\n", NULL), GD_ERR_DATA, "write numbers without units");
  assert_refused(csv(&t, "1,red\n2,blue\n3,7\n", NULL), GD_ERR_DATA,
                 "t.csv:3:2: column 1 holds the number \"7\", but \"red\" in line 1: --classes");
  assert_refused(csv(&t, "1,31.01.2019,3\n2,01.02.2019,4\n", NULL), GD_ERR_DATA,
                 "dates are read as 2019-01-31 only");
}

static void classes_stay_as_written_unless_all_are_numbers(void **state) {
  (void)state;
  const gd_csv_options classes = {.classes = true};
  const char *mixed = "1.0,2.0,A01\n2.0,1.0,01\n3.0,1.0,1\n1.5,2.5,1.0\n";
  gd_table t;
  assert_refused(csv(&t, mixed, NULL), GD_ERR_DATA,
                 "t.csv:1:3: column 2 holds \"A01\", not a number, as 3 of 4 cells are");
  assert_ok(csv(&t, mixed, &classes));
  assert_int_equal(t.classes, 4);
  assert_true(((int64_t *)t.y)[0] == 3); /* numbers first */
  gd_table_free(&t);
  assert_ok(csv(&t, "1,01\n2,1.0\n3,2\n", &classes));
  assert_int_equal(t.classes, 2);
  assert_string_equal(t.class_name[0], "01");
  said(&t, "3 spellings stand for 2 values");
  gd_table_free(&t);
  assert_ok(csv(&t, "1, a\n2,a\n", NULL));
  assert_int_equal(t.classes, 2);
  said(&t, "text keeps the blanks around it, as in line 1 (else --trim)");
  gd_table_free(&t);
  assert_ok(csv(&t, "1, a\n2,a\n", &(gd_csv_options){.trim = true}));
  assert_int_equal(t.classes, 1);
  gd_table_free(&t);
}

static void a_target_of_text_is_classes_and_one_of_few_numbers_may_be(void **state) {
  (void)state;
  gd_table t;
  assert_ok(csv(&t, "1,a\n2,b\n", NULL));
  said(&t, "column 1 is the target: all its cells are text, so they are classes");
  gd_table_free(&t);
  assert_ok(csv(&t, "1,0\n2,1\n", NULL));
  assert_false(t.labels);
  said(&t, "column 1 is the target: numbers (else --target; --classes, if they are classes)");
  gd_table_free(&t);
}

/* ---- missing values ---- */

static void missing_values_are_errors_or_what_was_asked(void **state) {
  (void)state;
  const char *na = "1,2,North America\n3,4,NA\n5,6,None\n", *holes = "1,2,3\n,5,6\n7,-999,9\n";
  gd_table t;
  assert_refused(csv(&t, na, NULL), GD_ERR_DATA,
                 "t.csv:2:3: column 2 has no value (\"NA\"), 2 of 3 cells like it: --on-missing drop leaves "
                 "such rows out, "
                 "--missing none takes it as the text that it is");
  assert_ok(csv(&t, na, &(gd_csv_options){.missing = "none"}));
  assert_int_equal(t.classes, 3);
  gd_table_free(&t);
  assert_ok(csv(&t, holes, &(gd_csv_options){.missing = "-999,x", .on_missing = GD_MISSING_DROPS_ROW}));
  assert_true(t.n == 1 && ((double *)t.x)[1] == 2 && t.column[0].missing == 1 && t.column[1].missing == 1);
  said(&t, "2 of 3 rows lack a value and are left out");
  gd_table_free(&t);
  assert_ok(csv(&t, holes, &(gd_csv_options){.on_missing = GD_MISSING_FILLED, .fill = -1}));
  assert_true(t.n == 3 && ((double *)t.x)[2] == -1);
  gd_table_free(&t);
  assert_refused(csv(&t, "1,2\n3,\n", &(gd_csv_options){.on_missing = GD_MISSING_FILLED}), GD_ERR_DATA,
                 "t.csv:2:2: column 1 has no value");
  assert_refused(csv(&t, "a,b,y\n1,,3\n2,,4\n", NULL), GD_ERR_DATA,
                 "column 1 (b) has no value in any row: --drop b");
}

/* ---- which columns ---- */

static void columns_are_chosen_by_name_or_position(void **state) {
  (void)state;
  const char *text = "\"price, EUR\",ld,\"a \"\"b\"\"\",y\n1,2,3,4\n5,6,7,8\n";
  gd_table t;
  assert_ok(csv(&t, text, &(gd_csv_options){.target = "\"price, EUR\""}));
  assert_true(t.sample[0] == 3 && ((double *)t.y)[1] == 5);
  assert_string_equal(t.names.y[0], "price, EUR");
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.target = "price, EUR", .drop = "\"a \"\"b\"\"\""}));
  assert_true(t.sample[0] == 2 && ((double *)t.x)[3] == 8);
  assert_string_equal(t.column[2].use, "dropped");
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.features = "2,0-1"}));
  assert_true(t.sample[0] == 3 && ((double *)t.x)[0] == 3 && ((double *)t.x)[1] == 1 &&
              ((double *)t.y)[0] == 4);
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.drop = "y"})); /* the last that is left */
  assert_true(t.sample[0] == 2 && ((double *)t.y)[0] == 3);
  gd_table_free(&t);
  assert_refused(csv(&t, text, &(gd_csv_options){.drop = "lf"}), GD_ERR_USAGE,
                 "--drop: no column \"lf\", did you mean \"ld\"?");
  assert_refused(csv(&t, text, &(gd_csv_options){.drop = "y", .target = "y"}), GD_ERR_USAGE,
                 "a target and among those of --drop");
  assert_refused(csv(&t, text, &(gd_csv_options){.features = "y,ld", .target = "y"}), GD_ERR_USAGE,
                 "--features and a target");
}

static void a_name_that_two_columns_have_is_no_choice(void **state) {
  (void)state;
  gd_table t;
  assert_refused(csv(&t, "a,a,y\n1,2,3\n4,5,6\n", &(gd_csv_options){.target = "a"}), GD_ERR_USAGE,
                 "--target a: columns 0 and 1 are both named \"a\": choose one by its position");
  assert_ok(csv(&t, "a,a,y\n1,2,3\n4,5,6\n", NULL));
  said(&t, "columns 0 and 1 are both named \"a\": the second is kept as \"a.1\"");
  assert_string_equal(t.names.x[1], "a.1");
  gd_table_free(&t);
}

static void the_first_line_is_names_or_data_and_said(void **state) {
  (void)state;
  gd_table t;
  const char *numbers = "5.1,3.5,1\n4.9,3.0,0\n4.7,3.2,1\n";
  assert_ok(csv(&t, numbers, &(gd_csv_options){.header = GD_HEADER_YES}));
  said(&t, "warning: the first line, whose names --header takes, holds numbers: --header false if it is a "
           "row of the data");
  gd_table_free(&t);
  assert_ok(csv(&t, numbers, NULL));
  said(&t, "line 1 is data, not names: it holds numbers (else --header)");
  assert_true(t.n == 3 && !t.names.x);
  gd_table_free(&t);
  assert_ok(csv(&t, "x,y\n1,2\n", NULL));
  said(&t, "line 1 holds names: text stands over numbers (else --header false)");
  gd_table_free(&t);
  assert_refused(csv(&t, "a,b\nc,d\n", NULL), GD_ERR_DATA,
                 "No column of numbers tells: say --header true or --header false");
  assert_refused(csv(&t, "id,7\n1,2\n", NULL), GD_ERR_DATA, "say --header true or --header false");
}

static void an_index_column_is_pointed_at(void **state) {
  (void)state;
  gd_table t;
  const char *text = ",sepal,species\n0,5.1,setosa\n1,4.9,setosa\n2,6.2,versicolor\n";
  assert_ok(csv(&t, text, NULL));
  said(&t, "warning: column 0, which has no name, counts the rows, as an index does: --drop 0 leaves it out");
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.drop = "0"}));
  assert_true(t.sample[0] == 1 && !strstr(t.notes, "counts the rows"));
  gd_table_free(&t);
}

/* ---- categories and dates ---- */

static void categories_become_columns_or_numbers_with_names(void **state) {
  (void)state;
  const char *text = "sex,size,y\nM,1,2\nF,2,3\nI,3,4\nM,4,5\n";
  gd_table t;
  assert_refused(csv(&t, text, NULL), GD_ERR_DATA,
                 "t.csv:2:1: column 0 (sex) holds \"M\", not a number, and all its cells are text: "
                 "--categorical one-hot");
  assert_ok(csv(&t, text, &(gd_csv_options){.one_hot = "*"}));
  const double hot[] = {0, 0, 1, 1, 1, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 4};
  assert_memory_equal(t.x, hot, sizeof hot);
  assert_string_equal(t.names.x[0], "sex=F");
  assert_string_equal(t.names.x[3], "size");
  assert_string_equal(t.column[0].type, "one-hot");
  assert_int_equal(t.column[0].distinct, 3);
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.index = "sex"}));
  assert_true(((double *)t.x)[0] == 2 && ((double *)t.x)[2] == 0);
  assert_string_equal(t.names.x[0], "sex=F|I|M"); /* other values are another column */
  gd_table_free(&t);
  assert_ok(
      csv(&t, text, &(gd_csv_options){.one_hot = "size", .index = "sex"})); /* a number may be a category */
  assert_int_equal(t.sample[0], 5);
  gd_table_free(&t);
  assert_refused(csv(&t, text, &(gd_csv_options){.one_hot = "y"}), GD_ERR_USAGE,
                 "column 2 is the target; --classes");
}

static void a_table_like_another_has_its_categories(void **state) {
  (void)state;
  gd_table t;
  gd_dataset *d;
  assert_ok(csv(&t, "sex,size,y\nM,1,2\nF,2,3\nI,3,4\n", &(gd_csv_options){.one_hot = "*"}));
  const gd_names model = t.names;
  t.names = (gd_names){0};
  gd_table_free(&t);
  assert_ok(csv(&t, "size,sex\n7,M\n8,I\n", &(gd_csv_options){.one_hot = "*", .target = "none"}));
  d = open_table(&t, "new.h5", &(gd_data_options){.without_targets = true});
  assert_refused(gd_dataset_match(d, &model), GD_ERR_DATA,
                 "the file lacks sex=F. Its 3 are: size, sex=I, sex=M (import csv --like");
  gd_dataset_close(d);
  gd_table_free(&t);
  assert_ok(csv(&t, "sex,size,y\nM,1,2\nF,2,3\nI,3,4\n", &(gd_csv_options){.one_hot = "*"}));
  assert_ok(gd_table_write(&t, in_folder("train.h5")));
  gd_table_free(&t);
  const char *like = in_folder("train.h5");
  assert_ok(
      csv(&t, "size,sex\n7,M\n8,I\n", &(gd_csv_options){.one_hot = "*", .target = "none", .like = like}));
  d = open_table(&t, "new.h5", &(gd_data_options){.without_targets = true});
  assert_ok(gd_dataset_match(d, &model));
  void *memory = hold(d);
  const double values[] = {0, 0, 1, 7, 0, 1, 0, 8};
  assert_memory_equal(d->loaded_x, values, sizeof values);
  gd_dataset_close(d);
  free(memory);
  gd_table_free(&t);
  gd_names_free((gd_names *)&model);
}

static void dates_are_days_or_left_out(void **state) {
  (void)state;
  const char *text = "1970/01/02,2,3\n2000-02-29T12:00,5,6\n1969-12-31 06:00:00,7,8\n";
  gd_table t;
  assert_refused(csv(&t, text, NULL), GD_ERR_DATA,
                 "t.csv:1:1: column 0 holds dates (\"1970/01/02\"): --dates number");
  assert_ok(csv(&t, text, &(gd_csv_options){.dates = GD_DATES_NUMBERS}));
  assert_true(((double *)t.x)[0] == 1 && ((double *)t.x)[2] == 11016.5 && ((double *)t.x)[4] == -0.75);
  gd_table_free(&t);
  assert_ok(csv(&t, text, &(gd_csv_options){.dates = GD_DATES_DROPPED}));
  assert_true(t.sample[0] == 1 && ((double *)t.x)[0] == 2);
  gd_table_free(&t);
  assert_refused(csv(&t, "2019-02-30,1\n", NULL), GD_ERR_DATA, "\"2019-02-30\"");
}

/* ---- the summary ---- */

static void the_summary_is_in_the_file(void **state) {
  (void)state;
  gd_table t;
  gd_column *c;
  int64_t n;
  assert_ok(
      csv(&t, "kind,a,b,y\nx,1,5,2\ny,3,6,4\nx,3,7,9\n", &(gd_csv_options){.one_hot = "kind", .drop = "b"}));
  assert_ok(gd_table_write(&t, in_folder("t.h5")));
  gd_table_free(&t);
  assert_ok(gd_data_columns(&c, &n, in_folder("t.h5")));
  assert_int_equal(n, 4);
  assert_string_equal(c[0].type, "one-hot");
  assert_string_equal(c[1].name, "a");
  assert_true(c[1].min == 1 && c[1].max == 3 && c[1].distinct == 2 && c[1].missing == 0);
  assert_close(c[1].mean, 7. / 3, 1e-15);
  assert_string_equal(c[2].use, "dropped");
  assert_string_equal(c[3].use, "target");
  free(c);
  assert_ok(gd_generate(&t, &(gd_generate_options){.name = "line", .noise = -1, .seed = 1}));
  assert_ok(gd_table_write(&t, in_folder("t.h5")));
  gd_table_free(&t);
  assert_ok(gd_data_columns(&c, &n, in_folder("t.h5")));
  assert_true(n == 0 && !c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_odd_cell_of_a_column_of_numbers_is_an_error),
      cmocka_unit_test(classes_stay_as_written_unless_all_are_numbers),
      cmocka_unit_test(a_target_of_text_is_classes_and_one_of_few_numbers_may_be),
      cmocka_unit_test(missing_values_are_errors_or_what_was_asked),
      cmocka_unit_test(columns_are_chosen_by_name_or_position),
      cmocka_unit_test(a_name_that_two_columns_have_is_no_choice),
      cmocka_unit_test(the_first_line_is_names_or_data_and_said),
      cmocka_unit_test(an_index_column_is_pointed_at),
      cmocka_unit_test(categories_become_columns_or_numbers_with_names),
      cmocka_unit_test(a_table_like_another_has_its_categories),
      cmocka_unit_test(dates_are_days_or_left_out),
      cmocka_unit_test(the_summary_is_in_the_file),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
