/* Random trees build, are right in their gradients, and read back from what they print. */
#include <string.h>

#include "random_trees.h"
#include "test_tape.h"

enum { ROWS = 3, IN = 5, OUT = 3, MAX_LEAVES = 8192 };

static gd_tensor *output(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  (void)n;
  double weights[ROWS * OUT];
  for (int i = 0; i < ROWS * OUT; i++) weights[i] = 0.3 + 0.1 * i;
  gd_tape_draws(t, 1, 2, 3, 0);
  gd_tensor *y = gd_forward(user, t, leaves[0]);
  return y ? gd_sum(t, gd_mul(t, y, gd_values(t, GD_F64, weights, GD_SHAPE(ROWS, OUT))), GD_ALL, false)
           : NULL;
}

static gd_module *build(const char *text, char *canonical, size_t bytes) {
  gd_arena *a;
  gd_tree *tree;
  gd_module *m;
  gd_build b = {
      .device = device, .dtype = GD_F64, .n_in = 1, .in = {{.dtype = GD_F64, .ndim = 1, .dim = {IN}}}};
  assert_ok(gd_arena_new(&a, "test"));
  gd_status st = gd_tree_parse(&tree, a, text, "model");
  if (st == GD_OK) st = gd_model_build(&m, tree, &b);
  if (st != GD_OK) fail_msg("%s\ngave: %s", text, gd_error_last()->message);
  assert_int_equal(b.out[0].dim[0], OUT);
  assert_true(strlen(tree->text) < bytes);
  strcpy(canonical, tree->text);
  gd_arena_free(a);
  return m;
}

/* The same names, shapes and ties. */
static void are_equal(const gd_module *a, const gd_module *b) {
  static gd_named p[MAX_LEAVES], q[MAX_LEAVES];
  const int n = gd_module_params(a, p, MAX_LEAVES);
  assert_true(n <= MAX_LEAVES);
  assert_int_equal(gd_module_params(b, q, MAX_LEAVES), n);
  for (int i = 0; i < n; i++) {
    assert_string_equal(p[i].name, q[i].name);
    assert_memory_equal(p[i].tensor->shape, q[i].tensor->shape, sizeof p->tensor->shape);
    for (int k = 0; k < i; k++) assert_int_equal(p[i].tensor == p[k].tensor, q[i].tensor == q[k].tensor);
  }
}

static void gradients_are_right(gd_module *m, const char *text, gd_arena *arena) {
  static gd_named p[MAX_LEAVES];
  static gd_tensor *leaves[MAX_LEAVES + 1];
  const int n = gd_module_params(m, p, MAX_LEAVES);
  int distinct = 1;
  assert_ok(gd_tensor_new(&leaves[0], arena, device, GD_F64, GD_SHAPE(ROWS, IN)));
  gd_init_normal(leaves[0], gd_rng_stream(5, GD_RNG_TEST, 9), 0, 1);
  assert_ok(gd_require_grad(leaves[0], true));
  for (int i = 0; i < n; i++) {
    bool seen = false;
    for (int k = 1; k < distinct; k++) seen |= leaves[k] == p[i].tensor;
    if (!seen) leaves[distinct++] = p[i].tensor;
  }
  gd_status st =
      gd_gradcheck(device, output, leaves, distinct, m, &(gd_gradcheck_options){.max_elements = 6});
  if (st != GD_OK) fail_msg("%s\ngave: %s", text, gd_error_last()->message);
}

static void random_trees_have_right_gradients_and_read_back(void **state) {
  (void)state;
  static random_tree t;
  static char canonical[TREE_BYTES], again[TREE_BYTES];
  const int64_t count = test_count(500);
  for (int64_t i = 0; i < count; i++) {
    gd_arena *arena;
    assert_ok(gd_arena_new(&arena, "test"));
    tree_random(&t, i, IN, OUT, true);
    gd_module *m = build(t.text, canonical, sizeof canonical), *copy = build(canonical, again, sizeof again);
    assert_string_equal(canonical, again);
    are_equal(m, copy);
    gd_module_reset(m, (uint64_t)i);
    gradients_are_right(m, t.text, arena);
    gd_module_free(m);
    gd_module_free(copy);
    gd_arena_free(arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_trees_have_right_gradients_and_read_back)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
