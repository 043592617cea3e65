/* Damaged descriptions of models give a model or one clear GD_ERR_USAGE, never a crash: on a line, in YAML, in a file. */
#include <ctype.h>
#include <string.h>

#include "random_trees.h"
#include "test_tape.h"

enum { IN = 5, OUT = 3 };

static const char odd[] = "[]{}:,-#&*!|>'\"%@`? \n\t=.0129azZ_\x01\x7f\xc3\xff";

/* Numbers of four digits make models that take gigabytes: allowed, but not what is tested here. */
static bool has_large_number(const char *text) {
  int digits = 0;
  for (; *text; text++) {
    digits = isdigit((unsigned char)*text) ? digits + 1 : 0;
    if (digits > 3) return true;
  }
  return false;
}

/* One to four edits: another byte, one less, one more, a piece moved or written twice. */
static void damage(random_tree *t, char *text, size_t room) {
  for (int64_t edits = 1 + tree_draw(t, 4); edits > 0; edits--) {
    const size_t n = strlen(text), at = n ? (size_t)tree_draw(t, (int64_t)n) : 0;
    const char other = odd[tree_draw(t, sizeof odd - 1)];
    switch (tree_draw(t, 5)) {
    case 0:
      if (n) text[at] = other;
      break;
    case 1: memmove(text + at, text + at + (n > 0), n - at + (n == 0)); break;
    case 2:
      if (n + 2 < room) memmove(text + at + 1, text + at, n - at + 1), text[at] = other;
      break;
    case 3: text[at] = 0; break; /* a cut */
    default: {
      const size_t piece = n - at < 30 ? n - at : 30, to = n ? (size_t)tree_draw(t, (int64_t)n + 1) : 0;
      char copy[30];
      if (n + piece + 1 >= room) break;
      memcpy(copy, text + at, piece);
      memmove(text + to + piece, text + to, n - to + 1);
      memcpy(text + to, copy, piece);
    }
    }
  }
}

static const char *one_line(random_tree *t) {
  static const char *const lines[] = {"linear:8 relu dropout:0.2 linear:3",
                                      "flatten linear:4 leaky_relu:0.1 softmax",
                                      "linear:out_features=4,bias=false tanh linear:3"};
  return lines[tree_draw(t, 3)];
}

static void build(const gd_tree *tree, const char *text) {
  gd_build b = {
      .device = device, .dtype = GD_F32, .n_in = 1, .in = {{.dtype = GD_F32, .ndim = 1, .dim = {IN}}}};
  gd_module *m;
  gd_status st = gd_model_build(&m, tree, &b);
  const gd_error *e = gd_error_last();
  if (st == GD_OK) assert_true(gd_shape_numel(&b.out[0]) > 0);
  if (st != GD_OK && (st != GD_ERR_USAGE || strlen(e->message) < 10))
    fail_msg("%s\ngave %d: %s", text, st, e->message);
  gd_module_free(m);
}

static void damaged_models_give_one_clear_error(void **state) {
  (void)state;
  static random_tree t;
  static char text[2 * TREE_BYTES], file[3 * TREE_BYTES];
  const int64_t count = test_count(10000);
  int built = 0;
  for (int64_t i = 0; i < count; i++) {
    tree_random(&t, i, IN, OUT, true);
    snprintf(text, sizeof text, "%s", tree_draw(&t, 4) ? t.text : one_line(&t));
    damage(&t, text, sizeof text);
    if (has_large_number(text)) continue;
    gd_arena *a;
    gd_tree *tree;
    assert_ok(gd_arena_new(&a, "test"));
    gd_status st = gd_tree_parse(&tree, a, text, "model");
    if (st == GD_OK) build(tree, text);
    if (st != GD_OK && st != GD_ERR_USAGE) fail_msg("%s\ngave %d: %s", text, st, gd_error_last()->message);
    built += st == GD_OK;
    gd_arena_free(a);
    gd_options o;
    snprintf(file, sizeof file, "seed: 3\nmodel: %s\nlr: 0.1\n", text);
    if (gd_options_read(&o, "run.yaml", file) == GD_OK) {
      build(o.model, file);
      gd_options_free(&o);
    } else {
      assert_int_equal(gd_error_last()->status, GD_ERR_USAGE);
    }
  }
  assert_true(built > count / 20); /* not all of the damage is found by YAML already */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_models_give_one_clear_error)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
