/* Trees: both forms read to the same tree, canonical texts read back to themselves, everything else is refused. */
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

static gd_arena *arena;

static int open_arena(void **state) {
  (void)state;
  return gd_arena_new(&arena, "test") == GD_OK ? 0 : -1;
}

static int close_arena(void **state) {
  (void)state;
  gd_arena_free(arena);
  return 0;
}

static gd_tree *parse(const char *text) {
  gd_tree *t;
  assert_ok(gd_tree_parse(&t, arena, text, "model"));
  return t;
}

static void equal_trees_have_one_text(void **state) {
  (void)state;
  static const char *const forms[][2] = {
      {"linear:512 relu", "linear:512 relu"},
      {"  linear:512\n\trelu ", "linear:512 relu"},
      {"[linear: 512, relu]", "linear:512 relu"},
      {"[{linear: 512}, {relu: }]", "linear:512 relu"},
      {"[{linear: {out-features: 512, bias: false}}]", "linear:out_features=512,bias=false"},
      {"gpt:layers=4,heads=4", "gpt:layers=4,heads=4"},
      {"{gpt: {layers: 4, heads: 4}}", "gpt:layers=4,heads=4"},
      {"", ""},
      {"[]", ""},
      {"[{sum: [[relu], []]}]", "[{sum: [[relu], []]}]"},
      {"[{residual: {body: [linear: 4, relu], after: relu}}, tanh]",
       "[{residual: {body: [{linear: 4}, relu], after: relu}}, tanh]"},
      {"[{match: '*.bias', lr: 0.1x, note: \"a\\nb: 'c'\"}]",
       "[{match: \"*.bias\", lr: 0.1x, note: \"a\\u000ab: 'c'\"}]"},
      {"[[1, -2], ['', '-', '1 2']]", "[[1, -2], [\"\", \"-\", \"1 2\"]]"},
      {"[conv2d: {kernel_size: [3, 3]}]", "[{conv2d: {kernel_size: [3, 3]}}]"},
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    gd_tree *t = parse(forms[i][0]);
    assert_string_equal(t->text, forms[i][1]);
    assert_string_equal(parse(t->text)->text, forms[i][1]);
  }
}

static void a_tree_knows_where_it_stands(void **state) {
  (void)state;
  gd_settings s;
  assert_ok(gd_settings_read(
      &s, "run.yaml", "seed: 3\nmodel:\n  - linear: 4\n  - residual:\n      body:\n        - relu\nlr: 1\n"));
  assert_int_equal(s.n, 3);
  const gd_tree *t = gd_settings_get(&s, "model")->tree;
  assert_int_equal(t->n, 2);
  assert_int_equal(t->item[0]->line, 3);
  assert_string_equal(t->item[0]->file, "run.yaml");
  const gd_tree *body = gd_tree_get(gd_tree_get(t->item[1], "residual"), "body");
  assert_int_equal(body->item[0]->line, 6);
  gd_options o;
  assert_ok(gd_options_new(&o));
  assert_ok(gd_options_apply(&o, &s));
  gd_settings_free(&s);
  assert_string_equal(o.model->text, "[{linear: 4}, {residual: {body: [relu]}}]");
  assert_int_equal(gd_tree_get(gd_tree_get(o.model->item[1], "residual"), "body")->item[0]->line, 6);
  char *printed = NULL, differ[200];
  size_t bytes;
  FILE *f = open_memstream(&printed, &bytes);
  gd_options_print(&o, f);
  fclose(f);
  gd_options back;
  assert_ok(gd_options_read(&back, "config.yaml", printed));
  assert_int_equal(gd_options_differ_any(&o, &back, differ, sizeof differ), 0);
  assert_ok(gd_options_set(&back, "model", "[linear: 4, residual: {body: [tanh]}]"));
  assert_int_equal(gd_options_differ(&o, &back, differ, sizeof differ), 1);
  assert_non_null(strstr(differ, "[tanh]"));
  free(printed);
  gd_options_free(&o);
  gd_options_free(&back);
}

static void refuses(const char *text, const char *cause) {
  gd_tree *t;
  if (gd_tree_parse(&t, arena, text, "model") != GD_ERR_USAGE) fail_msg("accepted: %.80s", text);
  if (!strstr(gd_error_last()->message, cause)) fail_msg("%.80s gave: %s", text, gd_error_last()->message);
}

static void other_yaml_is_refused(void **state) {
  (void)state;
  refuses("[a, &x b]", "anchors");
  refuses("[*x]", "anchors");
  refuses("[!!str a]", "tags");
  refuses("{a: 1, a: 2}", "already given");
  refuses("{a-b: 1, a_b: 2}", "already given");
  refuses("[a", "");
  refuses("[a] b", "");
  refuses("[a]\n---\n[b]", "");
  refuses("[{[a]: 1}]", "expected a name");
  refuses("[{'': 1}]", "without letters");
  refuses("[\"\\e\"]", "control character");
  refuses("linear:a=1,=2", "not name=value");
  char deep[200] = "";
  for (int i = 0; i < 64; i++) strcat(deep, "[");
  for (int i = 0; i < 64; i++) strcat(deep, "]");
  (void)parse(deep);
  memmove(deep + 1, deep, strlen(deep) + 1);
  strcat(deep, "]");
  refuses(deep, "deeper than 64");
  char *wide = malloc(200000);
  strcpy(wide, "[");
  for (size_t n = 1, i = 0; i < 70000; i++, n += 2) strcpy(wide + n, "a,");
  strcat(wide, "]");
  refuses(wide, "more than 65536 values");
  free(wide);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equal_trees_have_one_text),
                                     cmocka_unit_test(a_tree_knows_where_it_stands),
                                     cmocka_unit_test(other_yaml_is_refused)};
  return cmocka_run_group_tests(tests, open_arena, close_arena);
}
