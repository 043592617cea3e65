/*
 * Layers that draw: what a sample draws depends on the sample and on the layer, not on the micro-batch it came with, on what
 * is recomputed, or on what was drawn before.
 */
#include <string.h>

#include "test_tape.h"
#include "tokens.h"

enum { SAMPLES = 12, WIDTH = 30, ALL = SAMPLES * WIDTH };

/* Dropout in bodies that are recomputed or not, on rows that are samples and on rows that are their tokens. */
static const char form[] = "[{repeat: {times: 3, recompute: %s, body: [{dropout: 0.2}, {leaky_relu: 0.3}]}}, "
                           "{tokens: {count: 5, body: [{dropout: 0.2}]}}, {dropout: 0.2}]";

static gd_module *model(const char *recompute) {
  char text[300];
  gd_arena *a;
  gd_tree *tree;
  gd_module *m;
  gd_build b = {
      .device = device, .dtype = GD_F64, .n_in = 1, .in = {{.dtype = GD_F64, .ndim = 1, .dim = {WIDTH}}}};
  snprintf(text, sizeof text, form, recompute);
  assert_ok(gd_arena_new(&a, "test"));
  assert_ok(gd_tree_parse(&tree, a, text, "model"));
  assert_ok(gd_model_build(&m, tree, &b));
  gd_arena_free(a);
  return m;
}

typedef struct passed {
  double y[ALL], dx[ALL];
} passed;

/* Samples [row0, row0 + rows) of ones through m, and back. */
static void pass(gd_module *m, int64_t row0, int64_t rows, passed *out) {
  gd_arena *a;
  gd_tensor *x;
  gd_tape_reset(tape);
  gd_tape_draws(tape, 1, 2, row0, rows);
  assert_ok(gd_arena_new(&a, "test"));
  assert_ok(gd_tensor_new(&x, a, device, GD_F64, GD_SHAPE(rows, WIDTH)));
  assert_ok(gd_tensor_fill(x, 1));
  assert_ok(gd_require_grad(x, true));
  gd_tensor *y = gd_forward(m, tape, x);
  assert_ok(gd_backward(tape, gd_sum(tape, gd_mul(tape, y, y), GD_ALL, false), NULL));
  assert_ok(gd_tensor_get(y, out->y + row0 * WIDTH, rows * WIDTH));
  assert_ok(gd_tensor_get(x->grad, out->dx + row0 * WIDTH, rows * WIDTH));
  gd_arena_free(a);
}

static void samples_draw_alike_in_any_micro_batch_recomputed_or_not(void **state) {
  (void)state;
  passed whole, part;
  gd_module *kept = model("false"), *recomputed = model("true");
  pass(kept, 0, SAMPLES, &whole);
  for (int cut = 1; cut <= SAMPLES; cut++) {
    memset(&part, 0, sizeof part);
    for (int row = 0; row < SAMPLES; row += cut)
      pass(cut % 2 ? recomputed : kept, row, row + cut < SAMPLES ? cut : SAMPLES - row, &part);
    assert_memory_equal(&part, &whole, sizeof whole);
  }
  for (int i = 0; i < SAMPLES; i++)
    for (int k = 0; k < i; k++)
      assert_memory_not_equal(whole.y + i * WIDTH, whole.y + k * WIDTH, WIDTH * sizeof *whole.y);
  gd_module_free(kept), gd_module_free(recomputed);
}

static gd_module *only(gd_module *m, const char *name) {
  for (int i = 0; i < m->n_children; i++)
    if (strcmp(m->child[i].name, name) == 0) return m->child[i].module;
  fail_msg("no child %s", name);
  return NULL;
}

/* A layer alone draws what it draws in the middle of the others. */
static void layers_draw_each_their_own_whatever_was_drawn_before(void **state) {
  (void)state;
  gd_module *m = model("false"), *repeat = only(m, "0");
  gd_module *drops[] = {only(only(repeat, "0"), "0"), only(only(repeat, "1"), "0"),
                        only(only(repeat, "2"), "0"), only(only(only(m, "1"), "body"), "0"), only(m, "2")};
  enum { DROPS = sizeof drops / sizeof *drops };
  passed forwards[DROPS];
  memset(forwards, 0, sizeof forwards);
  gd_tape_reset(tape);
  gd_tape_draws(tape, 1, 2, 0, SAMPLES);
  for (int i = DROPS - 1; i >= 0; i--) {
    double ones[ALL];
    for (int k = 0; k < ALL; k++) ones[k] = 1;
    gd_tensor *x = gd_values(tape, GD_F64, ones, GD_SHAPE(SAMPLES, WIDTH));
    assert_ok(gd_tensor_get(gd_forward(drops[i], tape, x), forwards[i].y, ALL));
  }
  for (int i = 0; i < DROPS; i++) {
    passed alone = {0};
    pass(drops[i], 0, SAMPLES, &alone);
    assert_memory_equal(alone.y, forwards[i].y, sizeof alone.y);
    for (int k = 0; k < i; k++) assert_memory_not_equal(forwards[k].y, alone.y, sizeof alone.y);
  }
  gd_module_free(m);
}

static int set_up(void **state) {
  return gd_module_register(&tokens_class) == GD_OK ? open_device(state) : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_draw_alike_in_any_micro_batch_recomputed_or_not),
      cmocka_unit_test(layers_draw_each_their_own_whatever_was_drawn_before),
  };
  return cmocka_run_group_tests(tests, set_up, close_device);
}
