/* A layer is one record: registered, it has a word, arguments, shapes and errors as the built-in ones. */
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

/* ---- a layer of a user: y = factor s x, with a parameter s per feature ---- */

typedef struct scale {
  gd_module base;
  gd_tensor *s;
  double factor;
} scale;

static gd_tensor *scale_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const scale *l = (const scale *)m;
  return gd_mul_scalar(t, gd_mul(t, x, l->s), l->factor);
}

static gd_status scale_shape(gd_build *b) {
  char text[80];
  if (b->in[0].ndim == 1) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "scale takes rows of features, not %s",
                 gd_shape_text(&b->in[0], text, sizeof text));
}

static gd_status scale_build(gd_module *m, gd_build *b) {
  scale *l = (scale *)m;
  l->factor = gd_arg_f64(b, "factor") * (gd_arg_bool(b, "negate") ? -1 : 1);
  GD_TRY(gd_module_add_param(m, "s", GD_SHAPE(b->in[0].dim[0]), &l->s));
  return gd_tensor_fill(l->s, 1);
}

static const gd_arg scale_args[] = {{"factor", GD_ARG_REAL, "1", -10, 10, NULL, "a constant in front"},
                                    {"negate", GD_ARG_BOOL, "false", 0, 0, NULL, "the other sign"},
                                    {0}};
static const gd_module_class scale_class = {.name = "Scale",
                                            .word = "scale",
                                            .about = "y = factor s x",
                                            .example = "scale:2",
                                            .args = scale_args,
                                            .bytes = sizeof(scale),
                                            .forward = scale_forward,
                                            .shape = scale_shape,
                                            .build = scale_build};

/* ---- one of two outputs and one of two inputs ---- */

static gd_status halves_forward(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  (void)m;
  const int64_t width = x[0] ? x[0]->shape[1] : 0;
  x[1] = gd_slice(t, x[0], 1, width / 2, width);
  x[0] = gd_slice(t, x[0], 1, 0, width / 2);
  *n = 2;
  return gd_tape_status(t);
}

static gd_status halves_shape(gd_build *b) {
  b->n_out = 2;
  b->out[0].dim[0] /= 2;
  b->out[1] = b->out[0];
  return GD_OK;
}

static gd_status product_forward(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  (void)m;
  x[0] = gd_mul(t, x[0], x[1]);
  *n = 1;
  return gd_tape_status(t);
}

static gd_status product_shape(gd_build *b) {
  if (b->n_in != 2) return GD_FAIL(GD_ERR_SHAPE, "product takes two inputs, not %d", b->n_in);
  b->n_out = 1;
  return GD_OK;
}

static const gd_module_class halves_class = {
    .name = "Halves", .word = "halves", .forward_n = halves_forward, .shape = halves_shape};
static const gd_module_class product_class = {
    .name = "Product", .word = "product", .forward_n = product_forward, .shape = product_shape};

/* ---- a sequence, and a model that stands for itself ---- */

static gd_tensor *same(gd_module *m, gd_tape *t, gd_tensor *x) {
  (void)m, (void)t;
  return x;
}

static gd_status positions_shape(gd_build *b) {
  b->out[0].axes = GD_AXES_SEQUENCE;
  return GD_OK;
}

static const gd_module_class positions_class = {
    .name = "Positions", .word = "positions", .forward = same, .shape = positions_shape};
static const gd_module_class whole_class = {.name = "Whole",
                                            .word = "whole",
                                            .bytes = sizeof(scale),
                                            .forward = scale_forward,
                                            .shape = scale_shape,
                                            .build = scale_build,
                                            .args = scale_args,
                                            .whole = true};

/* ---- a model as a word, made of others ---- */

static const gd_arg mlp_args[] = {{"layers", GD_ARG_INT, "2", 1, 100, NULL, "blocks"},
                                  {"width", GD_ARG_INT, NULL, 1, 1000, NULL, "of each"},
                                  {0}};

static gd_status mlp_build(gd_module *m, gd_build *b) {
  for (int64_t i = 0; i < gd_arg_i64(b, "layers"); i++) {
    char name[24], text[64];
    gd_tree *block;
    snprintf(name, sizeof name, "block%d", (int)i);
    snprintf(text, sizeof text, "[{linear: {out_features: %d, name: fc}}, tanh]",
             (int)gd_arg_i64(b, "width"));
    GD_TRY(gd_tree_parse(&block, m->arena, text, "mlp"));
    GD_TRY(gd_build_child(b, m, name, block, &b->n_out, b->out));
  }
  return GD_OK;
}

static gd_tensor *mlp_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  for (int i = 0; i < m->n_children; i++) x = gd_forward(m->child[i].module, t, x);
  return x;
}

static const gd_module_class mlp_class = {.name = "MLP",
                                          .word = "mlp",
                                          .args = mlp_args,
                                          .forward = mlp_forward,
                                          .build = mlp_build,
                                          .whole = true};

static gd_module *build(const char *spec, int ndim, const int64_t sample[], int64_t *outputs) {
  gd_module *m;
  assert_ok(gd_model_parse(&m, spec, ndim, sample, device, GD_F32, outputs));
  return m;
}

static void refuses(const char *spec, const char *first, const char *second) {
  gd_module *m;
  assert_int_equal(gd_model_parse(&m, spec, GD_SHAPE(4, 3), device, GD_F32, NULL), GD_ERR_USAGE);
  const char *message = gd_error_last()->message;
  if (!strstr(message, first) || !strstr(message, second)) fail_msg("'%s' gave: %s", spec, message);
}

static void a_registered_layer_is_as_good_as_any(void **state) {
  (void)state;
  gd_module *m = build("linear:5 scale:factor=3,negate=true", GD_SHAPE(4), NULL);
  gd_named p[3];
  assert_int_equal(gd_module_params(m, p, 3), 3);
  assert_string_equal(p[2].name, "1.s");
  gd_tensor *x = gd_values(tape, GD_F32, (double[]){1, 2, 3, 4}, GD_SHAPE(1, 4));
  double before[5], after[5];
  assert_ok(gd_tensor_get(gd_forward(m->child[0].module, tape, x), before, 5));
  assert_ok(gd_tensor_get(gd_forward(m, tape, x), after, 5));
  for (int i = 0; i < 5; i++) assert_close(after[i], -3 * before[i], 1e-5);
  gd_module_free(m);
  refuses("linear:5 scale:11", "word 2, 'scale:11' at column 10", "from -10 to 10");
  refuses("linear:5 scale:factro=1", "factro", "'factor'");
  refuses("scale", "word 1", "not [4, 3]");
  refuses("linear:5 scael", "scael", "'scale'");
  refuses("linear:5 scale:negate=maybe", "scale.negate", "true or false");
  refuses("linear:out_features=3,out_features=4", "column 23", "twice");
  refuses("linear:out_features=3,bias", "column 23", "name=value");
}

static void two_inputs_and_two_outputs_meet(void **state) {
  (void)state;
  int64_t outputs;
  gd_module *m = build("linear:out_features=6,bias=false halves product tanh", GD_SHAPE(4), &outputs);
  assert_int_equal(outputs, 3);
  assert_int_equal(gd_module_params(m, NULL, 0), 1);
  gd_tensor *y = gd_forward(m, tape, gd_values(tape, GD_F32, (double[]){1, 2, 3, 4}, GD_SHAPE(1, 4)));
  assert_ok(gd_tape_status(tape));
  assert_int_equal(y->shape[1], 3);
  gd_module_free(m);
  refuses("linear:6 halves relu product linear:2", "word 3", "one input");
  refuses("linear:6 product", "word 2", "two inputs");
}

static void positions_keep_their_dimension(void **state) {
  (void)state;
  int64_t outputs;
  gd_module *m = build("positions linear:5", GD_SHAPE(4, 3), &outputs);
  gd_named p[2];
  gd_module_params(m, p, 2);
  assert_int_equal(outputs, 20);
  assert_int_equal(p[0].tensor->shape[1], 3);
  gd_module_free(m);
}

static void the_only_layer_may_be_the_model(void **state) {
  (void)state;
  gd_named p;
  gd_module *m = build("whole", GD_SHAPE(4), NULL);
  assert_int_equal(gd_module_params(m, &p, 1), 1);
  assert_string_equal(p.name, "s");
  gd_module_free(m);
  m = build("whole tanh", GD_SHAPE(4), NULL);
  gd_module_params(m, &p, 1);
  assert_string_equal(p.name, "0.s");
  gd_module_free(m);
}

static void a_model_is_a_word_made_of_others(void **state) {
  (void)state;
  int64_t outputs;
  gd_named p[6];
  gd_module *m = build("mlp:layers=3,width=5", GD_SHAPE(4), &outputs);
  assert_int_equal(outputs, 5);
  assert_int_equal(gd_module_params(m, p, 6), 6);
  assert_string_equal(p[4].name, "block2.fc.weight");
  assert_int_equal(p[4].tensor->shape[1], 5);
  gd_module_free(m);
  m = build("mlp:width=5 linear:2", GD_SHAPE(4), &outputs);
  gd_module_params(m, p, 6);
  assert_string_equal(p[2].name, "0.block1.fc.weight");
  gd_module_free(m);
  refuses("mlp", "mlp needs width", "word 1");
}

static void records_that_cannot_work_are_refused(void **state) {
  (void)state;
  static const gd_arg taken[] = {{"share", GD_ARG_INT, "1", 0, 1, NULL, ""}, {0}};
  static const gd_module_class wrong[] = {{.name = "A", .word = "Upper", .forward = same},
                                          {.name = "A", .word = "nothing"},
                                          {.name = "A", .word = "relu", .forward = same},
                                          {.name = "A", .word = "shares", .forward = same, .args = taken},
                                          {.word = "nameless", .forward = same}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(gd_module_register(&wrong[i]), GD_ERR_USAGE);
  assert_ok(gd_module_register(&scale_class)); /* a second time is nothing new */
}

static int open_all(void **state) {
  const gd_module_class *const mine[] = {&scale_class,     &halves_class, &product_class,
                                         &positions_class, &whole_class,  &mlp_class};
  for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
    if (gd_module_register(mine[i]) != GD_OK) return -1;
  return open_device(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_registered_layer_is_as_good_as_any),
                                     cmocka_unit_test(two_inputs_and_two_outputs_meet),
                                     cmocka_unit_test(positions_keep_their_dimension),
                                     cmocka_unit_test(the_only_layer_may_be_the_model),
                                     cmocka_unit_test(a_model_is_a_word_made_of_others),
                                     cmocka_unit_test(records_that_cannot_work_are_refused)};
  return cmocka_run_group_tests(tests, open_all, close_device);
}
