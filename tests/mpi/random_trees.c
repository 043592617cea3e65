/*
 * Random trees train to the same bits on one rank and on several; their checkpoints read back, are evaluated and
 * exported.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random_trees.h"

enum { ROWS = 24, IN = 5, OUT = 3 };

static gd_world *world, *alone;
static char folder[64];

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

static void train(gd_world *w, const char *model, const char *out, gd_train_result *result) {
  gd_options o;
  char data[100];
  snprintf(data, sizeof data, "%s/data.h5", folder);
  const char *const settings[][2] = {{"data", data},       {"out", out},         {"model", model},
                                     {"batch_size", "24"}, {"micro_batch", "4"}, {"steps", "3"},
                                     {"lr", "0.1"},        {"momentum", "0.9"},  {"device", "cpu"},
                                     {"threads", "1"},     {"progress", "none"}};
  assert_ok(gd_options_new(&o));
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    assert_ok(gd_options_set(&o, settings[i][0], settings[i][1]));
  gd_status st = gd_train(w, &o, &(gd_observer){0}, result);
  if (st != GD_OK) fail_msg("%s\ngave: %s", model, gd_error_last()->message);
  gd_options_free(&o);
}

static void reads_back(const char *path, const char *model, const gd_digest *expected) {
  gd_checkpoint c;
  gd_digest d;
  char weights[100], data[100];
  gd_metrics metrics;
  assert_ok(gd_checkpoint_read(&c, path, false));
  assert_ok(gd_checkpoint_digest(&c, &d));
  assert_memory_equal(&d, expected, sizeof d);
  snprintf(weights, sizeof weights, "%s/weights.safetensors", folder);
  assert_ok(gd_export_safetensors(&c, weights));
  gd_checkpoint_free(&c);
  snprintf(data, sizeof data, "%s/data.h5", folder);
  gd_status st =
      gd_evaluate(alone, path, &(gd_use_options){.data = data, .device = "cpu", .threads = 1}, &metrics);
  if (st != GD_OK) fail_msg("%s\ngave: %s", model, gd_error_last()->message);
  assert_true(isfinite(metrics.loss));
}

static void clean(const char *path) {
  char command[200];
  snprintf(command, sizeof command, "rm -rf %s", path);
  assert_int_equal(system(command), 0);
}

static void random_trees_train_to_the_same_bits_on_any_ranks(void **state) {
  (void)state;
  static random_tree t;
  const int64_t count = getenv("GD_TEST_COUNT") ? test_count(500) : 25;
  char path[100], one[100];
  snprintf(path, sizeof path, "%s/data.h5", folder);
  if (is_root()) write_data(path);
  assert_ok(gd_world_barrier(world));
  for (int64_t i = 0; i < count; i++) {
    gd_train_result together, single;
    tree_random(&t, i, IN, OUT, true);
    snprintf(path, sizeof path, "%s/together", folder);
    snprintf(one, sizeof one, "%s/single", folder);
    train(world, t.text, path, &together);
    if (is_root()) {
      train(alone, t.text, one, &single);
      if (memcmp(&together.digest, &single.digest, sizeof single.digest) != 0)
        fail_msg("other bits: %s", t.text);
      reads_back(single.checkpoint, t.text, &together.digest);
      clean(path), clean(one);
    }
    assert_ok(gd_world_barrier(world));
  }
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_trees_train_to_the_same_bits_on_any_ranks)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
