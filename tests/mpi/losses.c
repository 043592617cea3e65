/*
 * Losses with settings or with weights of samples, groups of parameters and frozen ones train as in PyTorch, through the whole trainer and on any
 * number of ranks: ten losses, and every parameter after them. Values: tests/golden/make_losses.py, make_groups.py.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/h5write.h"
#include "gd/gd.h"
#include "test.h"

enum { ROWS = 12, FEATURES = 7, HIDDEN = 9, OUTPUTS = 4, STEPS = 10, PARAMS = 4, MAX_NUMBERS = 128 };

static gd_world *world;
static char folder[64];

static bool is_root(void) {
  return gd_world_rank(world) == 0;
}

static void sines(double *out, int64_t n, double phase, double factor) {
  for (int64_t i = 0; i < n; i++) out[i] = factor * sin(1.7 * (double)i + phase);
}

static const struct {
  const char *name;
  int64_t shape[2];
  int ndim;
} param[PARAMS] = {{"0.weight", {HIDDEN, FEATURES}, 2},
                   {"0.bias", {HIDDEN}, 1},
                   {"2.weight", {OUTPUTS, HIDDEN}, 2},
                   {"2.bias", {OUTPUTS}, 1}};

static void write_weights(const char *path) {
  gdi_h5_writer w;
  double value[MAX_NUMBERS];
  assert_ok(gdi_h5_create(&w, path));
  for (int i = 0; i < PARAMS; i++) {
    sines(value, param[i].shape[0] * (param[i].ndim == 2 ? param[i].shape[1] : 1), i + 1, 0.5);
    assert_ok(gdi_h5_put(&w, param[i].name, GD_F64, param[i].ndim, param[i].shape, value));
  }
  assert_ok(gdi_h5_finish(&w));
  assert_ok(gdi_h5_publish(&w));
}

static void write_data(const char *path, bool labels, const double *y, bool weighted) {
  double x[ROWS * FEATURES], w[ROWS];
  int64_t label[ROWS];
  sines(x, ROWS * FEATURES, 0.3, 1);
  for (int i = 0; labels && i < ROWS; i++) label[i] = (int64_t)y[i];
  for (int i = 0; i < ROWS; i++) w[i] = i % 4 / 2.;
  const gd_table t = {.n = ROWS,
                      .ndim = 1,
                      .sample = {FEATURES},
                      .x_type = GD_F64,
                      .x = x,
                      .labels = labels,
                      .targets = labels ? 1 : OUTPUTS,
                      .y_vector = labels,
                      .y = labels ? (void *)label : (void *)y,
                      .w = weighted ? w : NULL,
                      .classes = labels ? OUTPUTS : 0};
  assert_ok(gd_table_write(&t, path));
}

typedef struct expected {
  const double *losses;
  double tolerance;
  int rows;
} expected;

static void check_row(void *user, const gd_row *r) {
  expected *e = user;
  assert_close(r->loss, e->losses[r->step - 1], e->tolerance);
  e->rows++;
}

/* Parameters that were trained, then frozen ones. */
static const gd_stored *nth(const gd_checkpoint *c, int i) {
  return i < c->n_params ? &c->param[i] : &c->frozen[i - c->n_params];
}

static void check_params(const char *checkpoint, const double *after, double tolerance) {
  gd_checkpoint c;
  assert_ok(gd_checkpoint_read(&c, checkpoint, false));
  assert_int_equal(c.n_params + c.n_frozen, PARAMS);
  for (int i = 0; i < PARAMS; i++) {
    double sum = 0, squares = 0;
    int at = 0;
    while (strcmp(nth(&c, at)->name, param[i].name) != 0) at++;
    const int64_t n = param[i].shape[0] * (param[i].ndim == 2 ? param[i].shape[1] : 1);
    for (int64_t k = 0; k < n; k++) {
      const gd_stored *p = nth(&c, at);
      const double v = p->dtype == GD_F64 ? ((double *)p->data)[k] : ((float *)p->data)[k];
      sum += v, squares += v * v;
    }
    assert_close(sum, after[2 * i], tolerance);
    assert_close(sqrt(squares), after[2 * i + 1], tolerance);
  }
  gd_checkpoint_free(&c);
}

static void train(const char *settings, const char *precision, const double *losses, const double *after) {
  gd_options o;
  gd_train_result result;
  char copy[512], data[100], weights[100], out[100], *save;
  const double tolerance = strcmp(precision, "fp64") == 0 ? 1e-12 : 1e-6;
  expected e = {losses, tolerance, 0};
  snprintf(data, sizeof data, "%s/data.h5", folder);
  snprintf(weights, sizeof weights, "%s/weights.h5", folder);
  snprintf(out, sizeof out, "%s/%s", folder, precision);
  const char *const common[][2] = {{"data", data},
                                   {"init", weights},
                                   {"out", out},
                                   {"batch_size", "full"},
                                   {"micro_batch", "2"},
                                   {"steps", "10"},
                                   {"log_every", "1"},
                                   {"lr", "0.1"},
                                   {"momentum", "0.9"},
                                   {"plots", "false"},
                                   {"model", "linear:9 tanh linear:4"},
                                   {"precision", precision},
                                   {"device", "cpu"}};
  assert_ok(gd_options_new(&o));
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    assert_ok(gd_options_set(&o, common[i][0], common[i][1]));
  snprintf(copy, sizeof copy, "%s", settings);
  for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
    char *value = strchr(s, '=');
    *value++ = 0;
    for (char *blank = value; (blank = strchr(blank, '~'));) *blank = ' ';
    assert_ok(gd_options_set(&o, s, value));
  }
  assert_ok(gd_train(world, &o, &(gd_observer){.user = &e, .row = check_row}, &result));
  assert_int_equal(e.rows, STEPS);
  if (is_root()) check_params(result.checkpoint, after, 10 * tolerance);
  gd_options_free(&o);
  if (!is_root()) return;
  char command[200];
  snprintf(command, sizeof command, "rm -rf %s", out);
  assert_int_equal(system(command), 0);
}

static void train_as_in_pytorch(const char *golden, int expected_cases) {
  FILE *f = fopen(golden, "r");
  assert_non_null(f);
  char line[512], data[100], weights[100];
  int cases = 0;
  snprintf(data, sizeof data, "%s/data.h5", folder);
  snprintf(weights, sizeof weights, "%s/weights.h5", folder);
  if (is_root()) write_weights(weights);
  for (; fgets(line, sizeof line, f); cases++) {
    double y[ROWS * OUTPUTS], losses[STEPS], after[2 * PARAMS];
    char name[64], kind[16];
    int used;
    line[strcspn(line, "\n")] = 0;
    assert_int_equal(sscanf(line, "%63s %15s %n", name, kind, &used), 2);
    const bool labels = strcmp(kind, "labels") == 0;
    for (int i = 0; i < (labels ? ROWS : ROWS * OUTPUTS); i++) assert_int_equal(fscanf(f, "%lf", &y[i]), 1);
    for (int i = 0; i < STEPS; i++) assert_int_equal(fscanf(f, "%lf", &losses[i]), 1);
    for (int i = 0; i < 2 * PARAMS; i++) assert_int_equal(fscanf(f, "%lf ", &after[i]), 1);
    if (is_root()) write_data(data, labels, y, strncmp(name, "weighted", 8) == 0);
    assert_ok(gd_world_barrier(world));
    print_message("%s\n", name);
    train(line + used, "fp64", losses, after);
    train(line + used, "fp32", losses, after);
  }
  assert_int_equal(cases, expected_cases);
  fclose(f);
}

static void losses_with_settings_train_as_in_pytorch(void **state) {
  (void)state;
  train_as_in_pytorch(GD_SOURCE_DIR "/tests/golden/losses.txt", 16);
}

static void groups_and_frozen_parameters_train_as_in_pytorch(void **state) {
  (void)state;
  train_as_in_pytorch(GD_SOURCE_DIR "/tests/golden/groups.txt", 5);
}

static int set_up(void **state) {
  (void)state;
  if (gd_world_init(&world, &(gd_world_options){0}) != GD_OK) return -1;
  snprintf(folder, sizeof folder, "/tmp/gdtrain-losses-XXXXXX");
  if (is_root() && !mkdtemp(folder)) return -1;
  return gd_world_bcast(world, folder, sizeof folder, 0) == GD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  const int left = is_root() ? system(command) : 0;
  gd_world_finish(world);
  return left;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(losses_with_settings_train_as_in_pytorch),
                                     cmocka_unit_test(groups_and_frozen_parameters_train_as_in_pytorch)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
