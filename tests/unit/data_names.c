/* Names of columns: they travel in data files, and put columns in the order of a model, or say what is missing. */
#include "base/h5write.h"
#include "data/dataset.h"
#include "data_fixture.h"

static gd_table small(void) {
  gd_table t;
  const char *path = write_text("t.csv", "w,v,u,a,b\n1,2,3,4,5\n6,7,8,9,10\n");
  assert_ok(gd_import_csv(&t, &path, 1, &(gd_csv_options){.header = true, .target = "a,b"}));
  return t;
}

static void columns_are_taken_by_name_whether_held_or_streamed(void **state) {
  (void)state;
  char x[2][GD_MAX_COLUMN_NAME] = {"u", "w"}, y[2][GD_MAX_COLUMN_NAME] = {"b", "a"};
  const gd_names model = {2, 2, x, y};
  gd_table t = small();
  for (int streamed = 0; streamed < 2; streamed++) {
    const gd_data_options o = {.memory = streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD};
    gd_dataset *d = open_table(&t, "t.h5", &o);
    const gd_data_info *i = gd_dataset_info(d);
    assert_true(i->names.n_x == 3 && i->names.n_y == 2);
    assert_string_equal(i->names.x[2], "u");
    assert_string_equal(i->names.y[1], "b");
    assert_ok(gd_dataset_match(d, &model));
    assert_true(i->sample[0] == 2 && i->targets == 2 && i->names.n_x == 2);
    assert_string_equal(i->names.x[0], "u");
    double values[4], targets[4];
    void *memory = streamed ? NULL : hold(d);
    if (streamed) assert_ok(gdi_dataset_read(d, 0, 2, values, targets));
    const double *vx = streamed ? values : (double *)d->loaded_x,
                 *vy = streamed ? targets : (double *)d->loaded_y;
    assert_true(vx[0] == 3 && vx[1] == 1 && vx[2] == 8 && vx[3] == 6);
    assert_true(vy[0] == 5 && vy[1] == 4 && vy[2] == 10 && vy[3] == 9);
    gd_dataset_close(d);
    free(memory);
  }
  gd_table_free(&t);
}

static void missing_and_repeated_columns_are_named(void **state) {
  (void)state;
  char x[3][GD_MAX_COLUMN_NAME] = {"u", "age", "size"};
  gd_table t = small();
  gd_dataset *d = open_table(&t, "t.h5", NULL);
  assert_refused(gd_dataset_match(d, &(gd_names){.n_x = 3, .x = x}), GD_ERR_DATA,
                 "trained on 3 columns; of these the file lacks age, size. Its 3 are: w, v, u");
  gd_dataset_close(d);
  strcpy(t.names.x[0], "u");
  d = open_table(&t, "t.h5", NULL);
  assert_refused(gd_dataset_match(d, &(gd_names){.n_x = 1, .x = x}), GD_ERR_DATA,
                 "two columns are named \"u\"");
  gd_dataset_close(d);
  gd_table_free(&t);
}

static void names_that_do_not_fit_the_columns_are_refused(void **state) {
  (void)state;
  const double values[2] = {1, 2};
  gd_dataset *d;
  for (int kind = 0; kind < 2; kind++) {
    gdi_h5_writer w;
    assert_ok(gdi_h5_create(&w, in_folder("odd.h5")));
    assert_ok(gdi_h5_put(&w, "x", GD_F64, 2, (const int64_t[]){1, 2}, values));
    assert_ok(gdi_h5_put(&w, "y", GD_F64, 1, (const int64_t[]){1}, values));
    if (kind == 0) assert_ok(gdi_h5_put_text(&w, "x_names", 3, 1, "abc"));
    if (kind == 1) assert_ok(gdi_h5_put(&w, "x_names", GD_F64, 1, (const int64_t[]){2}, values));
    assert_ok(gdi_h5_finish(&w));
    assert_ok(gdi_h5_publish(&w));
    assert_refused(gd_dataset_open(&d, in_folder("odd.h5"), NULL), GD_ERR_DATA,
                   kind == 0 ? "x_names: 3 names for 2 columns" : "x_names: names of columns must be");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_taken_by_name_whether_held_or_streamed),
      cmocka_unit_test(missing_and_repeated_columns_are_named),
      cmocka_unit_test(names_that_do_not_fit_the_columns_are_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
