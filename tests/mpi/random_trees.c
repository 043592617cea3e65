/*
 * Random trees train to the same bits on one rank and on several; their checkpoints read back and are evaluated, and what
 * is exported has every name, that of a tied parameter too, and is the same model when a run begins with it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random_trees.h"

enum { ROWS = 24, IN = 5, OUT = 3 };

static gd_world *world, *alone;
static char folder[64];
static int tied; /* parameters under a second name, in all models so far */

static bool is_root(void) {
  return gd_world_rank(world) == 0;
}

static void write_data(const char *path) {
  float x[ROWS * IN];
  int64_t label[ROWS];
  for (int i = 0; i < ROWS * IN; i++)
    x[i] = (float)gd_rng_normal(gd_rng_stream(3, GD_RNG_TEST, 0), (uint64_t)i);
  for (int i = 0; i < ROWS; i++) label[i] = i % OUT;
  const gd_table t = {.n = ROWS,
                      .ndim = 1,
                      .sample = {IN},
                      .x_type = GD_F32,
                      .x = x,
                      .labels = true,
                      .y_vector = true,
                      .y = label,
                      .classes = OUT};
  assert_ok(gd_table_write(&t, path));
}

/* A run of some steps at that rate, from the weights in a file where there is one. */
typedef struct run {
  const char *model, *out, *init, *steps, *lr;
} run;

static void in_folder(char path[100], const char *name) {
  snprintf(path, 100, "%s/%s", folder, name);
}

static void train(gd_world *w, const run *r, gd_train_result *result) {
  gd_options o;
  char data[100];
  in_folder(data, "data.h5");
  const char *const settings[][2] = {{"data", data},       {"out", r->out},      {"model", r->model},
                                     {"batch_size", "24"}, {"micro_batch", "4"}, {"steps", r->steps},
                                     {"lr", r->lr},        {"momentum", "0.9"},  {"device", "cpu"},
                                     {"threads", "1"},     {"progress", "none"}, {"init", r->init}};
  assert_ok(gd_options_new(&o));
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    assert_ok(gd_options_set(&o, settings[i][0], settings[i][1]));
  gd_status st = gd_train(w, &o, &(gd_observer){0}, result);
  if (st != GD_OK) fail_msg("%s\ngave: %s", r->model, gd_error_last()->message);
  gd_options_free(&o);
}

static void clean(const char *path) {
  char command[200];
  snprintf(command, sizeof command, "rm -rf %s", path);
  assert_int_equal(system(command), 0);
}

static void reads_back(const char *path, const char *model, const gd_digest *expected) {
  gd_digest d;
  char data[100];
  gd_metrics metrics;
  gd_checkpoint c;
  assert_ok(gd_checkpoint_read(&c, path, false));
  assert_ok(gd_checkpoint_digest(&c, &d));
  assert_memory_equal(&d, expected, sizeof d);
  gd_checkpoint_free(&c);
  in_folder(data, "data.h5");
  gd_status st =
      gd_evaluate(alone, path, &(gd_use_options){.data = data, .device = "cpu", .threads = 1}, &metrics);
  if (st != GD_OK) fail_msg("%s\ngave: %s", model, gd_error_last()->message);
  assert_true(isfinite(metrics.loss));
}

static bool has(const gd_stored *list, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, name) == 0) return true;
  return false;
}

/* A step at rate 0 from what was exported ends where that was. */
static void exports(const char *path, const char *model, const gd_digest *expected) {
  char weights[100], again[100];
  gd_train_result begun;
  gd_checkpoint c;
  gd_stored *stored;
  int n;
  in_folder(weights, "weights.safetensors");
  in_folder(again, "again");
  assert_ok(gd_checkpoint_read(&c, path, false));
  assert_ok(gd_export_safetensors(&c, weights));
  assert_ok(gd_weights_read(&stored, &n, c.arena, weights));
  assert_int_equal(n, c.n_params + c.n_tied);
  for (int i = 0; i < c.n_tied; i++)
    if (!has(stored, n, c.tied[i].name) || !has(stored, n, c.tied[i].of)) fail_msg("no %s", c.tied[i].name);
  tied += c.n_tied;
  gd_checkpoint_free(&c);
  train(alone, &(run){model, again, weights, "1", "0"}, &begun);
  if (memcmp(&begun.digest, expected, sizeof *expected) != 0)
    fail_msg("other weights after the export: %s", model);
  clean(again);
}

static void random_trees_train_to_the_same_bits_and_are_exported_whole(void **state) {
  (void)state;
  static random_tree t;
  const int64_t count = getenv("GD_TEST_COUNT") ? test_count(500) : 25;
  char path[100], one[100];
  in_folder(path, "data.h5");
  if (is_root()) write_data(path);
  in_folder(path, "together");
  in_folder(one, "single");
  assert_ok(gd_world_barrier(world));
  for (int64_t i = 0; i < count; i++) {
    gd_train_result together, single;
    tree_random(&t, i, IN, OUT, true);
    train(world, &(run){t.text, path, "", "3", "0.1"}, &together);
    if (is_root()) {
      train(alone, &(run){t.text, one, "", "3", "0.1"}, &single);
      if (memcmp(&together.digest, &single.digest, sizeof single.digest) != 0)
        fail_msg("other bits: %s", t.text);
      reads_back(single.checkpoint, t.text, &together.digest);
      exports(single.checkpoint, t.text, &together.digest);
      clean(path), clean(one);
    }
    assert_ok(gd_world_barrier(world));
  }
  if (is_root()) assert_true(tied > count / 4); /* there were some */
}

static int set_up(void **state) {
  (void)state;
  if (gd_world_init(&world, &(gd_world_options){0}) != GD_OK) return -1;
  if (gd_world_split(&alone, world, gd_world_rank(world)) != GD_OK) return -1;
  snprintf(folder, sizeof folder, "/tmp/gdtrain-trees-XXXXXX");
  if (is_root() && !mkdtemp(folder)) return -1;
  return gd_world_bcast(world, folder, sizeof folder, 0) == GD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  if (is_root()) clean(folder);
  gd_world_finish(alone);
  gd_world_finish(world);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_trees_train_to_the_same_bits_and_are_exported_whole)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
