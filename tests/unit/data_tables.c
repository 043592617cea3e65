/* Small public tables, where they are present: imported to the published shapes. */
#include "data_fixture.h"

static gd_status table(gd_table *t, const char *name, const gd_csv_options *o) {
  const char *path = data_path("GD_TABLES_DIR", "tables", name);
  return gd_import_csv(t, &path, 1, o);
}

static void public_tables_are_imported(void **state) {
  (void)state;
  gd_table t;
  assert_ok(table(&t, "wine.csv", &(gd_csv_options){.classes = true}));
  assert_true(t.n == 178 && t.sample[0] == 13 && t.classes == 3);
  assert_string_equal(t.class_name[0], "1");
  gd_table_free(&t);
  assert_ok(table(&t, "banknote_authentication.csv", &(gd_csv_options){.classes = true}));
  assert_true(t.n == 1372 && t.sample[0] == 4 && t.classes == 2);
  gd_table_free(&t);
  assert_ok(table(&t, "housing.csv", NULL));
  assert_true(t.n == 506 && t.sample[0] == 13 && !t.labels && ((double *)t.y)[0] == 24 &&
              ((double *)t.x)[0] == 0.00632);
  gd_table_free(&t);
  assert_ok(table(&t, "winequality-red.csv", NULL));
  assert_true(t.n == 1599 && t.sample[0] == 11);
  gd_table_free(&t);
  assert_refused(table(&t, "abalone.csv", NULL), GD_ERR_DATA,
                 "abalone.csv:1:1: column 0 holds \"M\", not a number");
}

int main(void) {
  if (access(data_path("GD_TABLES_DIR", "tables", "wine.csv"), R_OK) != 0)
    return skip_all("public tables", "GD_TABLES_DIR");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(public_tables_are_imported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
