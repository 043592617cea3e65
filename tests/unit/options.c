/* Settings of a run: what is printed reads back to the same values, and differences are named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd/options.h"
#include "test.h"

static void what_is_printed_reads_back(void **state) {
  (void)state;
  static const char *const set[][2] = {
      {"model", "linear:5 \"relu\""}, {"batch-size", "full"}, {"micro_batch", "48"}, {"lr", "0.1"},
      {"schedule.eta_min", "1e-7"},   {"clip_norm", "1e22"},  {"standardize", "on"}, {"checkpoint", "10min"}};
  gd_options o, back;
  gd_settings read;
  char *yaml = NULL, differences[400];
  size_t bytes = 0;
  assert_ok(gd_options_new(&o));
  for (size_t i = 0; i < sizeof set / sizeof *set; i++) assert_ok(gd_options_set(&o, set[i][0], set[i][1]));
  FILE *f = open_memstream(&yaml, &bytes);
  gd_options_print(&o, f);
  fclose(f);
  assert_ok(gd_settings_read(&read, "printed", yaml));
  assert_ok(gd_options_new(&back));
  assert_true(gd_options_differ_any(&o, &back, differences, sizeof differences) >= 8);
  assert_ok(gd_options_apply(&back, &read));
  assert_int_equal(gd_options_differ_any(&o, &back, differences, sizeof differences), 0);
  assert_true(back.batch_size == 0 && back.lr == 0.1 && back.eta_min == 1e-7 && back.standardize);
  gd_settings_free(&read);
  free(yaml);
  gd_options_free(&o);
  gd_options_free(&back);
}

static void only_differences_of_bits_count_for_a_resume(void **state) {
  (void)state;
  gd_options a, b;
  char differences[400];
  assert_ok(gd_options_new(&a));
  assert_ok(gd_options_new(&b));
  assert_ok(gd_options_set(&b, "threads", "3"));
  assert_int_equal(gd_options_differ(&a, &b, differences, sizeof differences), 0);
  assert_int_equal(gd_options_differ_any(&a, &b, differences, sizeof differences), 1);
  assert_ok(gd_options_set(&b, "seed", "2"));
  assert_int_equal(gd_options_differ(&a, &b, differences, sizeof differences), 1);
  assert_string_equal(differences, "seed: 1 -> 2");
  gd_options_free(&a);
  gd_options_free(&b);
}

static void a_loss_has_its_arguments_in_a_map_or_behind_its_name(void **state) {
  (void)state;
  const struct {
    const char *yaml, *loss, *weights;
    double smoothing, delta;
  } good[] = {
      {"loss: mse", "mse", "", 0, 1},
      {"loss: {focal: {gamma: 2}}", "focal:gamma=2", "", 0, 1},
      {"loss:\n  focal:\n    gamma: 2\n    alpha: [1, 0.5]", "[{focal: {gamma: 2, alpha: [1, 0.5]}}]", "", 0,
       1},
      {"loss: focal:gamma=2,label_smoothing=0.2", "focal:gamma=2", "", 0.2, 1},
      {"loss: {cross_entropy: {label_smoothing: 0.1, class_weights: [1, 2.5]}}", "cross_entropy", "1 2.5",
       0.1, 1},
      {"loss: {cross_entropy: {class_weights: auto}}", "cross_entropy", "auto", 0, 1},
      {"loss: {huber: {delta: 0.5}}", "huber", "", 0, 0.5},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    gd_options o, back;
    char *yaml = NULL, differences[400];
    size_t bytes = 0;
    assert_ok(gd_options_read(&o, "run.yaml", good[i].yaml));
    assert_string_equal(o.loss, good[i].loss);
    assert_string_equal(o.class_weights, good[i].weights);
    assert_true(o.label_smoothing == good[i].smoothing && o.huber_delta == good[i].delta);
    FILE *f = open_memstream(&yaml, &bytes);
    gd_options_print(&o, f);
    fclose(f);
    assert_ok(gd_options_read(&back, "printed", yaml));
    assert_int_equal(gd_options_differ_any(&o, &back, differences, sizeof differences), 0);
    free(yaml);
    gd_options_free(&o);
    gd_options_free(&back);
  }
  static const char *const bad[][2] = {
      {"seed: 1\nloss: [mse, l1]", "run.yaml:2: loss: \"mse l1\" is not one word"},
      {"loss: {cross_entropy: {label_smoothing: 2}}", "run.yaml:1"},
      {"loss: {cross_entropy: {label_smoothing: {a: 1}}}", "label_smoothing takes a value"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gd_options o;
    assert_int_equal(gd_options_read(&o, "run.yaml", bad[i][0]), GD_ERR_USAGE);
    if (!strstr(gd_error_last()->message, bad[i][1])) fail_msg("%s", gd_error_last()->message);
  }
}

static void what_is_not_a_setting_is_refused(void **state) {
  (void)state;
  gd_options o;
  assert_ok(gd_options_new(&o));
  assert_int_equal(gd_options_set(&o, "momentun", "0.9"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "did you mean \"optimizer.momentum\"?"));
  assert_int_equal(gd_options_set(&o, "optimizer.name", "rmsprob"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "did you mean rmsprop?"));
  assert_int_equal(gd_options_set(&o, "data.val_fraction", "1.5"), GD_ERR_USAGE);
  assert_ok(gd_options_check(&o));
  assert_ok(gd_options_set(&o, "epochs", "0"));
  assert_int_equal(gd_options_check(&o), GD_ERR_USAGE);
  gd_options_free(&o);
}

/* A length is epochs or has a unit; a place below 1 is a fraction of the run. What is printed reads back. */
static void lengths_have_units(void **state) {
  (void)state;
  static const struct {
    const char *text, *printed;
    double n;
    int unit;
    bool place;
  } good[] = {{"10", "10", 10, GD_IN_EPOCHS, false},
              {"2.5 epochs", "2.5", 2.5, GD_IN_EPOCHS, false},
              {"0.5", "0.5", 0.5, GD_IN_EPOCHS, false},
              {"100 steps", "100 steps", 100, GD_IN_STEPS, false},
              {"1step", "1 steps", 1, GD_IN_STEPS, true},
              {" 0.75 ", "0.75", 0.75, GD_OF_RUN, true},
              {"1", "1", 1, GD_IN_EPOCHS, true},
              {"30", "30", 30, GD_IN_EPOCHS, true},
              {"0.75 epochs", "0.75 epochs", 0.75, GD_IN_EPOCHS, true}};
  static const char *const bad[] = {"",    "epochs", "10 minutes",  "1.5 steps", "10 stepsx",
                                    "nan", "inf",    "10 epochs 5", "1e999"};
  gd_length l;
  char text[80];
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_ok(gd_length_parse(good[i].text, good[i].place, &l, NULL));
    assert_true(l.n == good[i].n && (int)l.unit == good[i].unit);
    gd_length_print(l, good[i].place, text, sizeof text);
    assert_string_equal(text, good[i].printed);
    gd_length back;
    assert_ok(gd_length_parse(text, good[i].place, &back, NULL));
    assert_true(back.n == l.n && back.unit == l.unit);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(gd_length_parse(bad[i], true, &l, NULL), GD_ERR_USAGE);
  gd_options o;
  assert_ok(gd_options_new(&o));
  assert_ok(gd_options_set(&o, "warmup", "100 steps"));
  assert_true(o.warmup.n == 100 && o.warmup.unit == GD_IN_STEPS);
  assert_int_equal(gd_options_set(&o, "warmup", "5 weeks"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "warmup: \"5 weeks\" is not a length"));
  assert_int_equal(gd_options_set(&o, "warmup", "-1"), GD_ERR_USAGE);
  gd_options_free(&o);
}

/* A shell expands ~ in words of its own only: a file, and --out=~/x, would make a folder of that name. */
static void a_path_may_begin_with_ones_own_folder(void **state) {
  (void)state;
  static const char *const keys[] = {"out", "data", "val_data", "init", "resume", "trace"};
  gd_options o;
  char yaml[100];
  assert_int_equal(setenv("HOME", "/home/anna", 1), 0);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    snprintf(yaml, sizeof yaml, "%s: ~/runs/x\n", keys[i]);
    assert_ok(gd_options_read(&o, "run.yaml", yaml));
    const char *const value[] = {o.out, o.data_train, o.data_val, o.init, o.resume, o.trace};
    assert_string_equal(value[i], "/home/anna/runs/x");
    gd_options_free(&o);
  }
  assert_int_equal(gd_options_read(&o, "run.yaml", "\nout: ~bob/x\n"), GD_ERR_USAGE);
  assert_string_equal(
      gd_error_last()->message,
      "run.yaml:2: out: \"~bob/x\": only ~/ is known here, one's own folder: write the path in full");
  assert_ok(gd_options_read(&o, "run.yaml", "out: a~b\n"));
  assert_string_equal(o.out, "a~b");
  gd_options_free(&o);
}

/* What follows validation needs one. */
static void settings_that_do_nothing_are_refused(void **state) {
  (void)state;
  static const char *const set[][2] = {{"early_stop.patience", "5"},
                                       {"schedule", "reduce_on_plateau"},
                                       {"max_time", "11"},
                                       {"max_time", "soon"}};
  for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
    gd_options o;
    assert_ok(gd_options_new(&o));
    assert_ok(gd_options_set(&o, set[i][0], set[i][1]));
    assert_int_equal(gd_options_check(&o), GD_ERR_USAGE);
    assert_ok(gd_options_set(&o, "val_fraction", "0.1"));
    assert_ok(gd_options_set(&o, "max_time", "11h"));
    assert_ok(gd_options_check(&o));
    gd_options_free(&o);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_printed_reads_back),
      cmocka_unit_test(only_differences_of_bits_count_for_a_resume),
      cmocka_unit_test(a_path_may_begin_with_ones_own_folder),
      cmocka_unit_test(lengths_have_units),
      cmocka_unit_test(settings_that_do_nothing_are_refused),
      cmocka_unit_test(what_is_not_a_setting_is_refused),
      cmocka_unit_test(a_loss_has_its_arguments_in_a_map_or_behind_its_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
