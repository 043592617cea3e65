/*
 * A task of a program: a model of two inputs, one of them an index, a loss that reads a field of its own, a metric, and
 * a data set made by a function. Held or made as training goes on, on these ranks or on one: the same bits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

enum { N = 90, WIDTH = 3, WORDS = 5 };

static gd_world *world, *alone;
static char folder[64];
static bool bad_read, bad_model, weighs; /* weighs: importance is called w */

/* ---- the data: x, y, a word, and how much a sample counts */

static gd_status open_set(gd_source_info *out, const char *args, void **user) {
  *user = NULL;
  *out = (gd_source_info){
      .n = (int64_t)gd_source_arg(args, "n", N),
      .n_fields = 4,
      .field = {{.name = "x", .dtype = GD_U8, .ndim = 1, .shape = {WIDTH}, .scale = 1. / 255},
                {.name = "y", .dtype = GD_F64},
                {.name = "word", .dtype = GD_I64, .index = true, .input = true},
                {.name = weighs ? "w" : "importance", .dtype = GD_F32}}};
  return GD_OK;
}

static gd_status read_set(void *user, int64_t n, const int64_t index[], void *const field[]) {
  (void)user;
  for (int64_t i = 0; i < n; i++) {
    const gd_rng r = gd_rng_stream(3, GD_RNG_TEST, (uint64_t)index[i]);
    if (bad_read && index[i] == 7) return GD_FAIL(GD_ERR_DATA, "sample 7 was eaten");
    for (int k = 0; k < WIDTH; k++)
      ((uint8_t *)field[0])[i * WIDTH + k] = (uint8_t)gd_rng_below(r, (uint64_t)k, 256);
    ((double *)field[1])[i] = gd_rng_normal(r, 10);
    ((int64_t *)field[2])[i] = gd_rng_below(r, 20, WORDS);
    ((float *)field[3])[i] = (float)(1 + gd_rng_below(r, 30, 3));
  }
  return GD_OK;
}
static const gd_dataset_source set = {.name = "words", .open = open_set, .read = read_set};

/* ---- the model: y = linear(x) + table[word] */

static gd_status forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  if (*n != 2 || (x[1] && x[1]->dtype != GD_I64))
    return GD_FAIL(GD_ERR_USAGE, "two inputs, the second an index");
  gd_tensor *word = gd_index_select(t, m->param[0].tensor, 0, x[1]);
  x[0] = gd_add(t, gd_forward(m->child[0].module, t, x[0]), word);
  *n = 1;
  return gd_tape_status(t);
}
static const gd_module_class two_inputs = {.name = "TwoInputs", .forward_n = forward_n};

static gd_status model(gd_module **out, gd_build *b, void *user) {
  assert_ptr_equal(user, folder);
  if (bad_model) return GD_FAIL(GD_ERR_USAGE, "no model on Mondays");
  if (b->n_in != 2 || b->in[1].dtype != GD_I64 || gd_shape_numel(&b->in[0]) != WIDTH)
    return GD_FAIL(GD_ERR_SHAPE, "other inputs than it was made for");
  gd_module *linear;
  gd_tensor *table;
  GD_TRY(gd_module_new(out, &two_inputs, 0, b->device, b->dtype));
  GD_TRY(gd_module_add_param(*out, "table", 2, (const int64_t[]){WORDS, 1}, &table));
  GD_TRY(gd_linear_new(&linear, b->device, b->dtype, WIDTH, 1, true));
  b->out[0] = (gd_shape){.dtype = b->dtype, .ndim = 1, .dim = {1}};
  return gd_module_add_child(*out, "linear", linear);
}

/* ---- loss and metric */

static gd_loss weighted(const gd_criterion *c, gd_tape *t, gd_tensor *const y[], int n, const gd_batch *b) {
  (void)c, (void)n;
  gd_tensor *w = gd_batch_get(b, "importance"), *flat = gd_reshape(t, y[0], 1, (const int64_t[]){-1});
  gd_tensor *sum = gd_sum(t, gd_mul(t, w, gd_square(t, gd_sub(t, flat, b->y))), GD_ALL, false);
  return (gd_loss){sum, gd_cast(t, gd_sum(t, gd_detach(t, w), GD_ALL, false), GD_F64)};
}
static const gd_loss_class loss = {.name = "weighted_mse", .target = GD_NUMBERS, .forward = weighted};

static gd_status importance(const gd_evaluated *e, double *to) {
  const double *w;
  GD_TRY(gd_evaluated_values(e, gd_batch_get(e->batch, "importance"), &w));
  for (int64_t i = 0; i < e->batch->y->shape[0]; i++) to[0] += w[i], to[1]++;
  return GD_OK;
}
static const gd_metric mean_importance = {
    .name = "mean_importance", .target = GD_NUMBERS, .count = importance};
static const gd_metric *const metrics[] = {&mean_importance, NULL};

static const gd_task task = {.name = "two_inputs",
                             .model = model,
                             .user = folder,
                             .loss = &loss,
                             .metrics = metrics,
                             .train = &set,
                             .val = &set};

/* The same by the trainer's weights of samples. */
static gd_loss by_elements(const gd_criterion *c, gd_tape *t, gd_tensor *const y[], int n,
                           const gd_batch *b) {
  (void)c, (void)n;
  gd_tensor *flat = gd_reshape(t, y[0], 1, (const int64_t[]){-1});
  return gd_loss_of_elements(t, b, gd_square(t, gd_sub(t, flat, b->y)));
}
static const gd_loss_class own_mse = {
    .name = "own_mse", .target = GD_NUMBERS, .settings = GD_SETTING_SAMPLE_WEIGHTS, .forward = by_elements};

/* ---- running it */

static gd_status run(gd_world *w, const char *out, const char *const more[][2], int n, const gd_task *what,
                     const gd_observer *observer, gd_train_result *result) {
  gd_options o;
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, out);
  const char *const usual[][2] = {{"out", path},      {"batch_size", "20"}, {"micro_batch", "4"},
                                  {"epochs", "3"},    {"lr", "0.1"},        {"momentum", "0.9"},
                                  {"plots", "false"}, {"device", "cpu"},    {"log_every", "1"}};
  assert_ok(gd_options_new(&o));
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    assert_ok(gd_options_set(&o, usual[i][0], usual[i][1]));
  for (int i = 0; i < n; i++) assert_ok(gd_options_set(&o, more[i][0], more[i][1]));
  const gd_status st = gd_train_task(w, &o, what, observer, result);
  gd_options_free(&o);
  return st;
}

static void a_task_has_the_same_bits_held_or_made_and_on_any_ranks(void **state) {
  (void)state;
  static const char *const held[][2] = {{"shuffle", "full"}, {"data.memory", "hold"}},
                           *const made[][2] = {{"shuffle", "full"}, {"data.memory", "stream"}};
  gd_train_result first, second, third;
  assert_ok(run(world, "held", held, 2, &task, NULL, &first));
  assert_ok(run(world, "made", made, 2, &task, NULL, &second));
  assert_memory_equal(&first.digest, &second.digest, sizeof first.digest);
  assert_int_equal(first.last.val.n, 1);
  assert_ptr_equal(first.last.val.measure[0].metric, &mean_importance);
  assert_true(first.last.val.measure[0].value > 1 && first.last.val.measure[0].value < 3);
  if (gd_world_rank(world) != 0) return;
  assert_ok(run(alone, "alone", held, 2, &task, NULL, &third));
  assert_memory_equal(&first.digest, &third.digest, sizeof first.digest);
  assert_close(first.last.val.loss, third.last.val.loss, 0);
  assert_true(third.last.val.loss < 3);
}

/* A field named w weighs samples: in a loss that multiplies by it; what does not is refused. */
static void a_loss_of_ones_own_gets_the_weights_of_samples(void **state) {
  (void)state;
  static const char *const held[][2] = {{"shuffle", "full"}, {"data.memory", "hold"}};
  gd_task weighed = task;
  gd_train_result first, second;
  weighed.metrics = NULL;
  assert_ok(run(world, "by_field", held, 2, &weighed, NULL, &first));
  weighs = true;
  assert_int_equal(run(world, "not_taken", held, 2, &weighed, NULL, &second), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "the loss weighted_mse does not take any"));
  gd_error_clear();
  weighed.loss = &own_mse;
  assert_ok(run(world, "by_weight", held, 2, &weighed, NULL, &second));
  weighs = false;
  assert_memory_equal(&first.digest, &second.digest, sizeof first.digest);
  assert_close(first.last.val.loss, second.last.val.loss, 1e-12);
}

/* What others see of it: evaluation with the task in hand, and a clear word without. */
static void a_checkpoint_says_whose_model_it_is(void **state) {
  (void)state;
  char path[200], found[4096];
  gd_metrics m;
  snprintf(path, sizeof path, "%s/held", folder);
  assert_ok(gd_checkpoint_find(path, found, sizeof found));
  gd_use_options o = {.data = "words:n=50", .device = "cpu", .task = &task};
  assert_ok(gd_evaluate(world, found, &o, &m));
  assert_int_equal(m.samples, 50);
  o.task = NULL;
  assert_int_equal(gd_evaluate(world, found, &o, &m), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "made by a program, \"two_inputs\""));
  gd_error_clear();
}

static void errors_of_a_task_have_their_own_text(void **state) {
  (void)state;
  gd_train_result r;
  bad_model = true;
  assert_int_equal(run(world, "no_model", NULL, 0, &task, NULL, &r), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "no model on Mondays"));
  bad_model = false, bad_read = true;
  assert_int_equal(run(world, "no_data", NULL, 0, &task, NULL, &r), GD_ERR_DATA);
  assert_non_null(strstr(gd_error_last()->message, "words: sample 7 was eaten"));
  bad_read = false;
  gd_error_clear();
}

/* ---- an observer that decides */

static void decide(void *user, const gd_after_step *at, gd_control *c) {
  int *calls = user;
  ++*calls;
  assert_int_equal(c->state[0], at->step - 1); /* its own numbers come back */
  c->state[0] = (double)at->step;
  if (at->step == 4) c->lr_factor = 0.5;
  c->stop = at->step == 9;
}

typedef struct rates {
  double lr[32];
  int64_t last;
} rates;
static rates seen;

static void keep_rate(void *user, const gd_row *r) {
  (void)user;
  seen.lr[r->step] = r->lr;
  seen.last = r->step;
}

static void what_an_observer_decides_holds_and_survives_a_resume(void **state) {
  (void)state;
  gd_train_result whole, parts;
  int calls = 0;
  const gd_observer observer = {.user = &calls, .row = keep_rate, .after_step = decide};
  static const char *const first[][2] = {{"steps", "6"}}, *const rest[][2] = {{"resume", "auto"}};
  assert_ok(run(world, "whole", NULL, 0, &task, &observer, &whole));
  assert_int_equal(calls, gd_world_rank(world) == 0 ? 9 : 0);
  assert_int_equal(whole.steps, 9); /* of 15 */
  assert_int_equal(seen.last, 9);
  assert_close(seen.lr[4], 0.1, 0); /* from the next step on */
  assert_close(seen.lr[5], 0.05, 0);
  assert_ok(run(world, "parts", first, 1, &task, &observer, &parts));
  assert_int_equal(parts.steps, 6);
  assert_ok(run(world, "parts", rest, 1, &task, &observer, &parts));
  assert_int_equal(parts.steps, 9);
  assert_close(seen.lr[7], 0.05, 0);
  assert_memory_equal(&whole.digest, &parts.digest, sizeof whole.digest);
  assert_ok(run(world, "parts", rest, 1, &task, &observer, &parts)); /* it was over */
  assert_int_equal(parts.steps, 9);
}

static int set_up(void **state) {
  (void)state;
  if (gd_world_init(&world, &(gd_world_options){0}) != GD_OK) return -1;
  if (gd_world_split(&alone, world, gd_world_rank(world)) != GD_OK) return -1;
  snprintf(folder, sizeof folder, "/tmp/gdtrain-task-XXXXXX");
  if (gd_world_rank(world) == 0 && !mkdtemp(folder)) return -1;
  return gd_world_bcast(world, folder, sizeof folder, 0) == GD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  const int left = gd_world_rank(world) == 0 ? system(command) : 0;
  gd_world_finish(alone);
  gd_world_finish(world);
  return left;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_task_has_the_same_bits_held_or_made_and_on_any_ranks),
      cmocka_unit_test(a_loss_of_ones_own_gets_the_weights_of_samples),
      cmocka_unit_test(a_checkpoint_says_whose_model_it_is),
      cmocka_unit_test(errors_of_a_task_have_their_own_text),
      cmocka_unit_test(what_an_observer_decides_holds_and_survives_a_resume),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
