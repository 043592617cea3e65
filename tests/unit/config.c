/* Settings from YAML and the command line: what is documented is read, everything else is refused by
 * place. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gd/config.h"
#include "test.h"

static const char *value(const gd_settings *s, const char *key) {
  const gd_setting *found = gd_settings_get(s, key);
  return found ? found->value : "(none)";
}

static void the_documented_file_is_read(void **state) {
  (void)state;
  static const char text[] = "data: {train: train.h5, val: test.h5}     # or val_fraction\n"
                             "model:\n"
                             "  - linear: 512\n"
                             "  - relu\n"
                             "  - dropout: 0.2\n"
                             "  - flatten:\n"
                             "loss: cross_entropy\n"
                             "batch-size: 128\n"
                             "optimizer: {name: sgd, lr: 0.1, weight_decay: 0}\n"
                             "checkpoint:\n"
                             "  every: 10min\n"
                             "batch_sizes: [full, 32, '1']\n"
                             "out: \"runs/\\u00e9\"\n"
                             "nothing:\n";
  gd_settings s;
  assert_ok(gd_settings_read(&s, "run.yaml", text));
  assert_int_equal(s.n, 12);
  assert_string_equal(value(&s, "data.train"), "train.h5");
  assert_string_equal(value(&s, "model"), "linear:512 relu dropout:0.2 flatten");
  assert_string_equal(value(&s, "batch_size"), "128");
  assert_string_equal(s.item[4].key, "batch_size");
  assert_string_equal(value(&s, "optimizer.weight-decay"), "0");
  assert_string_equal(value(&s, "checkpoint.every"), "10min");
  assert_string_equal(value(&s, "batch_sizes"), "full 32 1");
  assert_string_equal(value(&s, "out"), "runs/\xc3\xa9");
  assert_string_equal(value(&s, "nothing"), "");
  char where[64];
  assert_string_equal(gd_setting_where(gd_settings_get(&s, "checkpoint.every"), where, sizeof where),
                      "run.yaml:11");
  assert_ok(gd_settings_set(&s, "batch-size", "64"));
  assert_int_equal(s.n, 12);
  assert_string_equal(value(&s, "batch_size"), "64");
  assert_string_equal(gd_setting_where(gd_settings_get(&s, "batch_size"), where, sizeof where),
                      "--batch_size");
  gd_settings_free(&s);
}

/* Editors on Windows begin a file with one. */
static void a_byte_order_mark_is_no_part_of_the_first_key(void **state) {
  (void)state;
  gd_settings s;
  assert_ok(gd_settings_read(&s, "run.yaml",
                             "\xEF\xBB\xBF"
                             "data: {train: t.h5}\nlr: 0.5\n"));
  assert_string_equal(value(&s, "data.train"), "t.h5");
  assert_string_equal(value(&s, "lr"), "0.5");
  gd_settings_free(&s);
}

/* "checkpoint" is a map, and short for checkpoint.every. */
static void a_map_is_not_the_option_of_that_name(void **state) {
  (void)state;
  gd_settings s;
  assert_ok(gd_settings_read(
      &s, "run.yaml", "checkpoint: {keep: 5, every: 7}\noptimizer: {name: sgd}\ndata: {train: t.h5}\n"));
  assert_int_equal(s.n, 4);
  gd_settings_free(&s);
}

static void an_empty_file_has_no_settings(void **state) {
  (void)state;
  static const char *const text[] = {"", "# nothing\n", "---\n", "{}", "\xEF\xBB\xBF# a byte order mark\n"};
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    gd_settings s;
    assert_ok(gd_settings_read(&s, "run.yaml", text[i]));
    assert_int_equal(s.n, 0);
    gd_settings_free(&s);
  }
}

static void what_is_not_settings_is_refused_with_its_line(void **state) {
  (void)state;
  static const struct {
    const char *text, *place, *cause;
  } wrong[] = {
      {"a: 1\nb: 2\na: 3\n", "run.yaml:3:", "already given in line 1"},
      {"a-b: 1\na_b: 3\n", "run.yaml:2:", "already given"},
      {"a: {b: 1}\na: {c: 1}\n", "run.yaml:2:", "already given"},
      {"a: {b: 1}\na.b: 1\n", "run.yaml:2:", "already given"},
      {"lr: 0.1\noptimizer: {lr: 0.2}\n", "run.yaml:2:", "'optimizer.lr' sets what 'lr' in line 1 has set"},
      {"optimizer.lr: 1\nlr: 2\n", "run.yaml:2:", "'optimizer.lr' in line 1"},
      {"data: {train: t.h5, val_fraction: 0.1}\nval-fraction: 0.2\n",
       "run.yaml:2:", "'data.val_fraction' in line 1"},
      {"data: t.h5\ndata.train: u.h5\n", "run.yaml:2:", "'data' in line 1"},
      {"optimizer: adam\noptimizer.name: sgd\n", "run.yaml:2:", "'optimizer' in line 1"},
      {"a: 1\noptimizer:\n\tlr: 0.1\n", "run.yaml:3:", "begins with a tab"},
      {"optimizer:\n  lr: 0.1\n \tname: sgd\n", "run.yaml:3:", "begins with a tab"},
      {"a: &x 1\n", "run.yaml:1:", "anchors"},
      {"a: 1\nb: *x\n", "run.yaml:2:", "anchors"},
      {"a: !!str 1\n", "run.yaml:1:", "tags"},
      {"a: !!map {b: 1}\n", "run.yaml:1:", "tags"},
      {"a: {b: {c: {d: {e: 1}}}}\n", "run.yaml:1:", "deeper than 4"},
      {"a: [[1]]\n", "run.yaml:1:", "list inside a list"},
      {"a:\n - {b: 1, c: 2}\n", "run.yaml:2:", "one 'name: value'"},
      {"a:\n - b: {c: 2}\n", "run.yaml:2:", "one value"},
      {"a: 1\nlr:0.1\n", "run.yaml:3:", "in line 2"},
      {"lr:0.1\n", "run.yaml:1:", "expected settings"},
      {"- a\n- b\n", "run.yaml:1:", "expected settings"},
      {"a: 1\n---\nb: 2\n", "run.yaml:2:", "second document"},
      {"a: {b: 1\n", "run.yaml:", "in line 1"},
      {"a: \"\\0\"\n", "run.yaml:1:", "control character"},
      {"a: \"\\e[2J\"\n", "run.yaml:1:", "control character"},
      {"a: 1\nb: \xff\xfe\n", "run.yaml:2:", "UTF-8"},
      {"a: \xed\xa0\x80\n", "run.yaml:1:", ""},
      {"a: \x01\n", "run.yaml:1:", ""},
      {"a b: 1\n", "run.yaml:1:", "not a key"},
      {"? [a]\n: 1\n", "run.yaml:1:", "expected a key"},
      {"'': 1\n", "run.yaml:1:", "not a key"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    gd_settings s;
    gd_status st = gd_settings_read(&s, "run.yaml", wrong[i].text);
    if (st != GD_ERR_USAGE) fail_msg("accepted: %s", wrong[i].text);
    const char *message = gd_error_last()->message;
    if (strncmp(message, wrong[i].place, strlen(wrong[i].place)) || !strstr(message, wrong[i].cause))
      fail_msg("%s gave: %s", wrong[i].text, message);
    assert_null(s.arena);
  }
}

static void files_that_cannot_be_settings_are_refused(void **state) {
  (void)state;
  gd_settings s;
  assert_int_equal(gd_settings_read(&s, "/no/such/run.yaml", NULL), GD_ERR_USAGE);
  assert_string_equal(gd_error_last()->message, "cannot open /no/such/run.yaml: No such file or directory");
  assert_int_equal(gd_settings_read(&s, "/", NULL), GD_ERR_USAGE);

  char path[] = "/tmp/gd-config-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "a: 1\nb: \0x\n", 11), 11);
  assert_int_equal(gd_settings_read(&s, path, NULL), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, ":2: a NUL byte"));

  assert_int_equal(pwrite(fd,
                          "\xff\xfe"
                          "a\0:\0",
                          6, 0),
                   6);
  assert_int_equal(gd_settings_read(&s, path, NULL), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "UTF-16: save it as UTF-8"));

  assert_int_equal(ftruncate(fd, 0), 0);
  assert_int_equal(pwrite(fd, "a: 1\n", 5, 0), 5);
  assert_ok(gd_settings_read(&s, path, NULL));
  assert_string_equal(value(&s, "a"), "1");
  assert_string_equal(s.item[0].file, path);
  gd_settings_free(&s);

  char *large = malloc((1 << 20) + 2);
  memset(large, '#', (1 << 20) + 1);
  large[(1 << 20) + 1] = 0;
  assert_int_equal(gd_settings_read(&s, "run.yaml", large), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "larger than 1 MB"));
  large[1 << 20] = 0;
  assert_ok(gd_settings_read(&s, "run.yaml", large));
  gd_settings_free(&s);
  memset(large, '[', 1 << 20);
  assert_int_equal(gd_settings_read(&s, "run.yaml", large), GD_ERR_USAGE);
  size_t n = 0;
  for (int i = 0; i <= GD_MAX_SETTINGS; i++) n += (size_t)sprintf(large + n, "a%d: 1\n", i);
  assert_int_equal(gd_settings_read(&s, "run.yaml", large), GD_ERR_USAGE);
  free(large);
  close(fd);
  unlink(path);
}

/* Any bytes give settings or GD_ERR_USAGE: cut and damaged copies of a real file. */
static void no_bytes_crash_the_reader(void **state) {
  (void)state;
  static const char good[] =
      "data: {train: a.h5}\nmodel:\n  - linear: 512\n  - relu\nlr: \"0.1\"\nx: |\n  y\n";
  static const char odd[] = "\x01:{}[]&*!|>'\"%@`,#?-\n\t \xff\xc3";
  char text[sizeof good];
  for (size_t i = 0; i < sizeof good; i++)
    for (size_t k = 0; k < sizeof odd; k++) { /* the last one is NUL: a cut */
      memcpy(text, good, sizeof good);
      text[i] = odd[k];
      text[sizeof good - 1] = 0;
      gd_settings s;
      gd_status st = gd_settings_read(&s, "run.yaml", text);
      assert_true(st == GD_OK || st == GD_ERR_USAGE);
      gd_settings_free(&s);
    }
}

static gd_setting setting(const char *text) {
  return (gd_setting){.key = "optimizer.lr", .value = text, .file = "run.yaml", .line = 7};
}

static void numbers_are_whole_strings_in_any_locale(void **state) {
  (void)state;
  if (!setlocale(LC_ALL, "de_DE.UTF-8"))
    print_message("without the German locale: decimal commas untested\n");
  double x;
  static const struct {
    const char *text;
    double x;
  } right[] = {{"0.1", 0.1}, {"1e-3", 1e-3}, {"-2.", -2}, {".5", .5}, {"+3E2", 300}, {"1e-400", 0}};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    gd_setting s = setting(right[i].text);
    assert_ok(gd_setting_f64(&s, -1e300, 1e300, &x));
    assert_true(x == right[i].x);
  }
  static const char *const wrong[] = {"",      " 1",  "1 ",    "1_000", "0x10", "1,5", "nan", "-nan",    "1e",
                                      "1e999", "inf", "1.2.3", "-",     "e5",   "abc", "1\n", "infinity"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    gd_setting s = setting(wrong[i]);
    x = 5;
    if (gd_setting_f64(&s, -1e300, 1e300, &x) != GD_ERR_USAGE || x != 5) fail_msg("accepted '%s'", wrong[i]);
  }
  gd_setting s = setting("inf");
  assert_ok(gd_setting_f64(&s, 0, INFINITY, &x));
  assert_true(isinf(x));
  s = setting("-1");
  s.file = NULL;
  assert_int_equal(gd_setting_f64(&s, 0, INFINITY, &x), GD_ERR_USAGE);
  assert_string_equal(gd_error_last()->message, "--optimizer.lr: '-1' is not a number of at least 0");
  s = setting("2");
  assert_int_equal(gd_setting_f64(&s, 0, 1, &x), GD_ERR_USAGE);
  assert_string_equal(gd_error_last()->message, "run.yaml:7: optimizer.lr: '2' is not a number from 0 to 1");
  setlocale(LC_ALL, "C");
}

static void whole_numbers_keep_their_bounds(void **state) {
  (void)state;
  int64_t n;
  gd_setting s = setting("-9223372036854775808");
  assert_ok(gd_setting_i64(&s, INT64_MIN, INT64_MAX, &n));
  assert_true(n == INT64_MIN);
  s = setting("9223372036854775808");
  assert_int_equal(gd_setting_i64(&s, 0, INT64_MAX - 1, &n), GD_ERR_USAGE);
  assert_int_equal(gd_setting_i64(&s, 0, INT64_MAX, &n), GD_ERR_USAGE);
  static const char *const wrong[] = {"", "-", "1.0", "1e3", " 1", "1 ", "0x1", "--1", "+-1", "one", "1_0"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    s = setting(wrong[i]);
    if (gd_setting_i64(&s, INT64_MIN, INT64_MAX, &n) != GD_ERR_USAGE) fail_msg("accepted '%s'", wrong[i]);
  }
  s = setting("0");
  assert_int_equal(gd_setting_i64(&s, 1, 8, &n), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "from 1 to 8"));
  bool on = false;
  s = setting("yes");
  assert_ok(gd_setting_bool(&s, &on));
  assert_true(on);
  s = setting("0");
  assert_ok(gd_setting_bool(&s, &on));
  assert_false(on);
  s = setting("2");
  assert_int_equal(gd_setting_bool(&s, &on), GD_ERR_USAGE);
}

static void the_nearest_word_is_sensible(void **state) {
  (void)state;
  static const char *const words[] = {
      "batch_size", "micro_batch", "optimizer.lr", "optimizer.momentum", "loss", "seed", "out", "sync", NULL};
  assert_string_equal(gd_nearest("batch-sise", words), "batch_size");
  assert_string_equal(gd_nearest("bacth_size", words), "batch_size");
  assert_string_equal(gd_nearest("momentun", words), "optimizer.momentum");
  assert_string_equal(gd_nearest("optimiser.lr", words), "optimizer.lr");
  assert_string_equal(gd_nearest("lr", words), "optimizer.lr");
  assert_string_equal(gd_nearest("sede", words), "seed");
  assert_null(gd_nearest("x", words));
  assert_null(gd_nearest("wide", words));
  assert_null(gd_nearest("frobnicate", words));
  assert_null(gd_nearest("", words));
  char large[1000];
  memset(large, 'a', sizeof large - 1);
  large[sizeof large - 1] = 0;
  assert_null(gd_nearest(large, words));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_documented_file_is_read),
      cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_key),
      cmocka_unit_test(a_map_is_not_the_option_of_that_name),
      cmocka_unit_test(an_empty_file_has_no_settings),
      cmocka_unit_test(what_is_not_settings_is_refused_with_its_line),
      cmocka_unit_test(files_that_cannot_be_settings_are_refused),
      cmocka_unit_test(no_bytes_crash_the_reader),
      cmocka_unit_test(numbers_are_whole_strings_in_any_locale),
      cmocka_unit_test(whole_numbers_keep_their_bounds),
      cmocka_unit_test(the_nearest_word_is_sensible),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
