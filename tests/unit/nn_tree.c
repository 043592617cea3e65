/* Models as trees: PyTorch's names, shapes through every container, tied parameters, errors by path. */
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

static gd_status try_build(gd_module **out, const char *text, int ndim, const int64_t sample[],
                           int64_t *outputs) {
  return gd_model_parse(out, text, ndim, sample, device, GD_F64, outputs);
}

static gd_module *build(const char *text, int ndim, const int64_t sample[], int64_t *outputs) {
  gd_module *m;
  assert_ok(try_build(&m, text, ndim, sample, outputs));
  return m;
}

static void has_names(const gd_module *m, int n, const char *const names[]) {
  gd_named list[16];
  assert_int_equal(gd_module_params(m, list, 16), n);
  for (int i = 0; i < n; i++) assert_string_equal(list[i].name, names[i]);
}

static void names_are_positions_or_given(void **state) {
  (void)state;
  gd_module *m =
      build("[{linear: {out_features: 3, name: head, bias: false}}, {residual: {body: [linear: 3, relu, "
            "linear: 3], shortcut: [{linear: {out_features: 3, bias: false}}], after: relu}}, "
            "{repeat: {times: 2, body: [{linear: {out_features: 3, bias: false}}]}}, "
            "{concat: {branches: [[{linear: {out_features: 2, bias: false}}], []]}}, "
            "{sum: {branches: [[relu], [{linear: {out_features: 5, bias: false}}]], name: add}}]",
            GD_SHAPE(4), NULL);
  static const char *const names[] = {
      "head.weight",         "1.body.0.weight", "1.body.0.bias", "1.body.2.weight", "1.body.2.bias",
      "1.shortcut.0.weight", "2.0.0.weight",    "2.1.0.weight",  "3.0.0.weight",    "add.1.0.weight"};
  has_names(m, 10, names);
  gd_module_free(m);
}

static void containers_compute_what_they_say(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t outputs;
    double y[6]; /* of x = (1, -2, 3) */
  } cases[] = {{"[{residual: {body: [relu]}}]", 3, {2, -2, 6}},
               {"[{residual: {body: [relu], shortcut: [tanh, relu, relu], after: relu}}]",
                3,
                {1.76159415595576, 0, 3.99505475368673}},
               {"[{concat: [[relu], []]}]", 6, {1, 0, 3, 1, -2, 3}},
               {"[{concat: {branches: [[], [relu]], dim: -1}}]", 6, {1, -2, 3, 1, 0, 3}},
               {"[{sum: [[], [relu], [relu]]}]", 3, {3, -2, 9}},
               {"[{repeat: {times: 3, body: [{residual: {body: [relu]}}]}}]", 3, {8, -2, 24}},
               {"[{sequential: [relu, {leaky_relu: {negative_slope: 2}}]}, {leaky_relu: 3}]", 3, {1, 0, 3}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t outputs;
    gd_module *m = build(cases[i].text, GD_SHAPE(3), &outputs);
    assert_int_equal(outputs, cases[i].outputs);
    gd_tensor *y = gd_forward(m, tape, gd_values(tape, GD_F64, (double[]){1, -2, 3}, GD_SHAPE(1, 3)));
    assert_ok(gd_tape_status(tape));
    double got[6];
    assert_ok(gd_tensor_get(y, got, outputs));
    for (int k = 0; k < outputs; k++) assert_close(got[k], cases[i].y[k], 1e-13);
    gd_module_free(m);
  }
}

static void dimensions_count_as_pytorchs(void **state) {
  (void)state;
  int64_t outputs;
  gd_module *m = build("[{concat: {branches: [[], [relu]], dim: 2}}]", GD_SHAPE(2, 3), &outputs);
  gd_tensor *x = gd_values(tape, GD_F64, (double[6]){1, 2, 3, 4, 5, 6}, GD_SHAPE(1, 2, 3)),
            *y = gd_forward(m, tape, x);
  assert_ok(gd_tape_status(tape));
  assert_int_equal(y->shape[1], 2);
  assert_int_equal(y->shape[2], 6);
  gd_module_free(m);
  const gd_shape image = {.dtype = GD_F32, .ndim = 3, .dim = {8, 9, 3}, .axes = GD_AXES_IMAGE};
  int dim;
  for (int i = 1; i <= 3; i++) {
    static const int64_t expected[] = {0, 3, 8, 9}; /* C, H, W */
    assert_ok(gd_shape_dim(&image, i, &dim));
    assert_int_equal(image.dim[dim], expected[i]);
    assert_ok(gd_shape_dim(&image, i - 4, &dim));
    assert_int_equal(image.dim[dim], expected[i]);
  }
  assert_int_equal(gd_shape_dim(&image, 0, &dim), GD_ERR_SHAPE);
  assert_int_equal(gd_shape_dim(&image, 4, &dim), GD_ERR_SHAPE);
}

static void the_last_layer_is_found_through_containers(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"linear:3 softmax", "softmax"},
      {"[linear: 3, {sequential: [relu, {repeat: {times: 2, body: [softmax]}}]}]", "softmax"},
      {"[{residual: {body: [softmax]}}]", "residual"},
      {"softmax linear:3", "linear"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gd_module *m = build(cases[i][0], GD_SHAPE(4), NULL);
    assert_string_equal(gd_module_last(m)->word, cases[i][1]);
    gd_module_free(m);
  }
  assert_string_equal(gd_module_class_find("softmax")->not_before, "cross_entropy");
}

static void shared_parameters_are_one_tensor(void **state) {
  (void)state;
  gd_module *m = build(
      "[{linear: {out_features: 4, name: embed}}, relu, {linear: {out_features: 4, share: embed.weight}}]",
      GD_SHAPE(4), NULL);
  gd_named p[4];
  assert_int_equal(gd_module_params(m, p, 4), 4);
  assert_string_equal(p[2].name, "2.weight");
  assert_ptr_equal(p[0].tensor, p[2].tensor);
  assert_ptr_not_equal(p[1].tensor, p[3].tensor);
  /* The initial values are the first owner's. */
  gd_module *alone = build("[{linear: {out_features: 4, name: embed}}]", GD_SHAPE(4), NULL);
  gd_module_reset(m, 5), gd_module_reset(alone, 5);
  gd_named q[2];
  gd_module_params(alone, q, 2);
  assert_memory_equal(p[0].tensor->data, q[0].tensor->data, gd_tensor_bytes(q[0].tensor));
  gd_module_free(alone);
  gd_module_free(m);
  /* Inside a block, the block's own layer of that name comes first. */
  m = build("[linear: 4, {repeat: {times: 2, body: [linear: 4, tanh, {linear: {out_features: 4, share: "
            "0.weight}}]}}]",
            GD_SHAPE(4), NULL);
  gd_named r[10];
  assert_int_equal(gd_module_params(m, r, 10), 10);
  assert_string_equal(r[8].name, "1.1.2.weight");
  assert_ptr_equal(r[8].tensor, r[6].tensor);
  assert_ptr_not_equal(r[8].tensor, r[0].tensor);
  gd_module_free(m);
}

static void refuses(const char *text, const char *const parts[]) {
  gd_module *m;
  if (try_build(&m, text, GD_SHAPE(4), NULL) != GD_ERR_USAGE) fail_msg("accepted: %.100s", text);
  assert_null(m);
  for (int i = 0; parts[i]; i++)
    if (!strstr(gd_error_last()->message, parts[i]))
      fail_msg("%.100s gave: %s", text, gd_error_last()->message);
}
#define REFUSES(text, ...) refuses(text, (const char *const[]){__VA_ARGS__, NULL})

static void a_layer_larger_than_memory_is_named_with_its_size(void **state) {
  (void)state;
#ifdef __SANITIZE_ADDRESS__
  skip(); /* its allocator ends the program instead */
#endif
  gd_module *m;
  const gd_status st =
      gd_model_parse(&m, "relu linear:16777216", 1, (const int64_t[]){1 << 24}, device, GD_F32, NULL);
  assert_int_equal(st, GD_ERR_OOM);
  assert_non_null(strstr(gd_error_last()->message,
                         "word 2, 'linear:16777216' at column 6: no memory for the weight of this Linear: it "
                         "takes 1125899906.8 MB"));
}

static void mistakes_are_named_by_path(void **state) {
  (void)state;
  REFUSES("[linear: 4, {residual: {body: [rleu]}}]", "model.1.residual.body.0: ", "column 32",
          "did you mean 'relu'");
  REFUSES("[{residual: {body: [linear: 4], shortcut: [{linear: 8}]}}]",
          "model.0: ", "the body gives [4], but the shortcut [8]");
  REFUSES("[{residual: [linear: 5]}]", "model.0: ", "[5]", "[4]", "shortcut");
  REFUSES("[{residual: {bdoy: [relu]}}]", "model.0: ", "'body'");
  REFUSES("[{residual: {shortcut: [relu]}}]", "needs body");
  REFUSES("[{concat: {branches: [[{linear: 5}], [relu]], dim: 2}}]", "model.0: ", "dim 2", "[5]");
  REFUSES("[{sum: [[linear: 5], [{linear: 5}, relu], [relu]]}]", "model.0: ", "[5]", "branch 2 [4]");
  REFUSES("[{sum: [[linear: 5], [{linear: 5}, rel]]}]", "model.0.sum.1.1: ", "'relu'");
  REFUSES("[{sum: relu}]", "list of 1 to 64 branches");
  REFUSES("[{repeat: {times: 0, body: [relu]}}]", "repeat", "from 1 to 1000");
  REFUSES("[{repeat: {times: 1000, body: [{repeat: {times: 1000, body: [relu]}}]}}]",
          "more than 4096 layers");
  REFUSES("[{repeat: {times: 2, body: [{linear: {out_features: 3, sahre: x}}]}}]",
          "model.0.repeat.0.0: ", "'share'");
  REFUSES("[linear: 4, {linear: {out_features: 5, share: 0.weight}}]", "model.1: ", "[4, 4]", "[5, 4]");
  REFUSES("[{linear: {out_features: 4, name: embed}}, {linear: {out_features: 4, share: embde.weight}}]",
          "model.1: ", "'embed.weight'");
  REFUSES("[linear: 4, {relu: {share: 0.weight}}]", "model.1: ", "relu has no parameter 'weight'");
  REFUSES("[{linear: {out_features: 4, name: a.b}}]", "model.0: ", "'a.b' cannot be a name");
  REFUSES("[{linear: {out_features: 4, name: '1'}}, relu]", "model.1: ", "'1' already");
  REFUSES("[{linear: {out_features: 4, name: [x]}}]", "model.0: ", "cannot be a name");
  REFUSES("[{linear: {out_features: [4]}}]", "model.0: linear", "one value, not a list");
  REFUSES("[{linear: 4, relu: 1}]", "model.0: ", "expected one layer");
  REFUSES("[[relu]]", "model.0: ", "expected one layer");
  REFUSES("[{sequential: relu}]", "model.0: ", "list of layers");
  gd_settings s;
  gd_options o;
  gd_module *m;
  gd_build b = {
      .device = device, .dtype = GD_F64, .n_in = 1, .in = {{.dtype = GD_F64, .ndim = 1, .dim = {4}}}};
  assert_ok(gd_settings_read(
      &s, "run.yaml", "model:\n  - linear: 4\n  - residual:\n      body: [relu,\n        linear: 0]\n"));
  assert_ok(gd_options_new(&o));
  assert_ok(gd_options_apply(&o, &s));
  assert_int_equal(gd_model_build(&m, o.model, &b), GD_ERR_USAGE);
  assert_string_equal(
      gd_error_last()->message,
      "run.yaml:5: model.1.residual.body.1: linear: '0' is not a whole number from 1 to 16777216");
  gd_options_free(&o);
  gd_settings_free(&s);
}

/* The gradients of all parameters behind one another, of a model that is given or recomputed. */
static int64_t gradients_of(bool recompute, double *to, int64_t max) {
  char text[400];
  snprintf(text, sizeof text,
           "[linear: 6, {linear: {out_features: 6, name: tied}}, {repeat: {times: 3, recompute: %s, body: "
           "[{linear: {out_features: 6, share: tied.weight}}, {residual: {body: [linear: 6, tanh, "
           "dropout: 0.3, {repeat: "
           "{times: 2, recompute: %s, body: [linear: 6, relu]}}]}}]}}, linear: 1]",
           recompute ? "true" : "false", recompute ? "true" : "false");
  gd_module *m = build(text, GD_SHAPE(4), NULL);
  gd_module_reset(m, 7);
  double x[5 * 4];
  for (int i = 0; i < 20; i++) x[i] = (i * 7 % 11 - 5) / 4.0;
  gd_named list[40];
  const int n = gd_module_params(m, list, 40);
  int64_t at = 0;
  gd_tape_reset(tape);
  gd_tape_draws(tape, 3, 0, 0, 5);
  gd_tensor *y = gd_forward(m, tape, gd_values(tape, GD_F64, x, GD_SHAPE(5, 4)));
  assert_ok(gd_backward(tape, gd_sum(tape, gd_square(tape, y), GD_ALL, false), NULL));
  for (int i = 0; i < n; at += gd_numel(list[i].tensor), i++) {
    assert_true(at + gd_numel(list[i].tensor) <= max);
    assert_ok(gd_tensor_get(list[i].tensor->grad, to + at, gd_numel(list[i].tensor)));
  }
  gd_module_free(m);
  return at;
}

static void bodies_that_are_recomputed_have_the_same_gradients(void **state) {
  (void)state;
  static double kept[2000], recomputed[2000];
  const int64_t n = gradients_of(false, kept, 2000);
  assert_int_equal(gradients_of(true, recomputed, 2000), n);
  assert_memory_equal(kept, recomputed, (size_t)n * sizeof *kept);
  double square = 0;
  for (int64_t i = 0; i < n; i++) square += kept[i] * kept[i];
  assert_true(square > 0.01);
  REFUSES("[{repeat: {times: 2, recompute: maybe, body: [relu]}}]", "model.0: repeat", "true or false");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(bodies_that_are_recomputed_have_the_same_gradients),
                                     cmocka_unit_test(names_are_positions_or_given),
                                     cmocka_unit_test(containers_compute_what_they_say),
                                     cmocka_unit_test(dimensions_count_as_pytorchs),
                                     cmocka_unit_test(the_last_layer_is_found_through_containers),
                                     cmocka_unit_test(shared_parameters_are_one_tensor),
                                     cmocka_unit_test(a_layer_larger_than_memory_is_named_with_its_size),
                                     cmocka_unit_test(mistakes_are_named_by_path)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
