/* Modules: PyTorch's names, reproducible initial values, fusing that changes nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

static gd_module *model(const char *spec, gd_dtype dtype, int64_t features) {
  gd_module *m;
  assert_ok(gd_model_parse(&m, spec, GD_SHAPE(features), device, dtype, NULL));
  return m;
}

static gd_tensor *samples(gd_dtype dtype, int64_t rows, int64_t features) {
  double values[256];
  assert_true(rows * features <= 256);
  for (int i = 0; i < rows * features; i++)
    values[i] = gd_rng_normal(gd_rng_stream(3, GD_RNG_TEST, 0), (uint64_t)i);
  return gd_values(tape, dtype, values, GD_SHAPE(rows, features));
}

static void names_are_those_of_a_state_dict(void **state) {
  (void)state;
  gd_module *m = model("linear:5 relu dropout:0.5 linear:3 tanh linear:2", GD_F32, 4);
  static const char *const expected[] = {"0.weight", "0.bias", "3.weight", "3.bias", "5.weight", "5.bias"};
  gd_named list[6];
  assert_int_equal(gd_module_params(m, NULL, 0), 6);
  assert_int_equal(gd_module_params(m, list, 6), 6);
  for (int i = 0; i < 6; i++) assert_string_equal(list[i].name, expected[i]);
  assert_int_equal(list[2].tensor->shape[0], 3);
  assert_int_equal(list[2].tensor->shape[1], 5);
  assert_int_equal(gd_module_buffers(m, NULL, 0), 0);
  gd_module_free(m);
}

static void nested_modules_join_their_names(void **state) {
  (void)state;
  gd_module *outer, *inner = model("linear:2", GD_F32, 2);
  assert_ok(gd_sequential_new(&outer, device, GD_F32));
  assert_ok(gd_module_add_child(outer, "body", inner));
  gd_tensor *running;
  assert_ok(gd_module_add_buffer(inner, "running_mean", GD_F32, GD_SHAPE(2), &running));
  assert_false(running->requires_grad);
  gd_named name;
  gd_module_params(outer, &name, 1);
  assert_string_equal(name.name, "body.0.weight");
  gd_module_buffers(outer, &name, 1);
  assert_string_equal(name.name, "body.running_mean");
  gd_tensor *t;
  assert_int_equal(gd_module_add_param(inner, "0", GD_SHAPE(1), &t), GD_ERR_USAGE); /* taken by the child */
  assert_int_equal(gd_module_add_param(inner, "a.b", GD_SHAPE(1), &t), GD_ERR_USAGE);
  gd_module_free(outer);
}

static gd_tensor *pass_on(gd_module *m, gd_tape *t, gd_tensor *x) {
  (void)m, (void)t;
  return x;
}

/* A class of one's own without reset(): all its parameters were zero for ever, and nothing was trained. */
static void a_class_without_reset_begins_as_linear_layers_do(void **state) {
  (void)state;
  static const gd_module_class own = {.name = "Own", .forward = pass_on};
  gd_module *m, *linear;
  gd_tensor *scale, *weight, *bias, *kernel;
  assert_ok(gd_module_new(&m, &own, sizeof *m, device, GD_F32));
  assert_ok(gd_module_add_param(m, "scale", GD_SHAPE(4), &scale));
  assert_ok(gd_module_add_param(m, "weight", GD_SHAPE(5, 4), &weight));
  assert_ok(gd_module_add_param(m, "bias", GD_SHAPE(5), &bias));
  assert_ok(gd_module_add_param(m, "kernel", GD_SHAPE(2, 3, 3), &kernel));
  for (uint64_t seed = 1; seed < 4; seed++) {
    gd_module_reset(m, seed);
    for (int i = 0; i < 20; i++) assert_true(fabsf(((float *)weight->data)[i]) <= 0.5f);
    for (int i = 0; i < 18; i++) assert_true(fabsf(((float *)kernel->data)[i]) <= 1 / 3.0f);
    for (int i = 0; i < 4; i++) assert_true(((float *)scale->data)[i] == 0);
    float expected[5];
    for (int i = 0; i < 5; i++)
      expected[i] = (float)(gd_rng_uniform(gd_rng_stream(seed, GD_RNG_INIT, 2), (uint64_t)i) - 0.5);
    for (int i = 0; i < 5; i++) assert_true(fabsf(((float *)bias->data)[i] - expected[i]) < 1e-7f);
  }
  gd_module_free(m);

  /* Values that it was made with stay. */
  assert_ok(gd_module_new(&m, &own, sizeof *m, device, GD_F32));
  assert_ok(gd_module_add_param(m, "weight", GD_SHAPE(5, 4), &weight));
  assert_ok(gd_tensor_fill(weight, 0.25));
  assert_ok(gd_linear_new(&linear, device, GD_F32, 4, 3, true));
  assert_ok(gd_module_add_child(m, "linear", linear));
  gd_module_reset(m, 1);
  for (int i = 0; i < 20; i++) assert_true(((float *)weight->data)[i] == 0.25f);
  gd_module_free(m);
}

static void initial_values_are_a_function_of_the_seed(void **state) {
  (void)state;
  gd_module *a = model("linear:50 relu linear:30", GD_F32, 40),
            *b = model("linear:50 tanh linear:30", GD_F32, 40);
  gd_module_reset(a, 7);
  gd_module_reset(b, 7);
  gd_named p[4], q[4];
  gd_module_params(a, p, 4);
  gd_module_params(b, q, 4);
  for (int i = 0; i < 4; i++)
    assert_memory_equal(p[i].tensor->data, q[i].tensor->data, gd_tensor_bytes(p[i].tensor));
  gd_module_reset(b, 8);
  assert_true(memcmp(p[0].tensor->data, q[0].tensor->data, gd_tensor_bytes(p[0].tensor)) != 0);
  double w[2000], largest = 0, sum = 0;
  assert_ok(gd_tensor_get(p[0].tensor, w, 2000));
  for (int i = 0; i < 2000; i++) largest = fmax(largest, fabs(w[i])), sum += w[i];
  assert_true(largest <= 1 / sqrt(40) && largest > 0.99 / sqrt(40));
  assert_close(sum / 2000, 0, 0.01);
  gd_module_free(a);
  gd_module_free(b);
}

static void initialisers_have_their_variance(void **state) {
  (void)state;
  gd_arena *arena;
  gd_tensor *t;
  enum { O = 200, I = 300 };
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tensor_new(&t, arena, device, GD_F64, GD_SHAPE(O, I)));
  const gd_rng r = gd_rng_stream(1, GD_RNG_TEST, 9);
  const double expected[] = {2.0 / (O + I), 2.0 / (O + I), 2.0 / I, 2.0 / 1.04 / I};
  for (int kind = 0; kind < 4; kind++) {
    if (kind == 0) gd_init_xavier_uniform(t, r, 1);
    if (kind == 1) gd_init_xavier_normal(t, r, 1);
    if (kind == 2) gd_init_he_uniform(t, r, 0);
    if (kind == 3) gd_init_he_normal(t, r, 0.2);
    double sum = 0, squares = 0;
    const double *x = t->data;
    for (int i = 0; i < O * I; i++) sum += x[i], squares += x[i] * x[i];
    assert_close(sum / (O * I), 0, 3 * sqrt(expected[kind] / (O * I)));
    assert_close(squares / (O * I), expected[kind], 0.02 * expected[kind]);
  }
  gd_arena_free(arena);
}

/* Sequential runs linear and activation as one kernel; one after the other they must agree, gradients too. */
static void fusing_changes_no_result(void **state) {
  (void)state;
  static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu", "gelu:tanh"};
  for (int k = 0; k < 5; k++) {
    char spec[64];
    snprintf(spec, sizeof spec, "linear:6 %s linear:2", activations[k]);
    gd_module *m = model(spec, GD_F64, 5);
    gd_module_reset(m, 4);
    gd_named p[4];
    gd_module_params(m, p, 4);
    double fused[10], apart[10], fused_grad[30], apart_grad[30];
    gd_tensor *y = gd_forward(m, tape, samples(GD_F64, 5, 5));
    assert_ok(gd_backward(tape, gd_sum(tape, gd_square(tape, y), GD_ALL, false), NULL));
    assert_ok(gd_tensor_get(y, fused, 10));
    assert_ok(gd_tensor_get(p[0].tensor->grad, fused_grad, 30));
    gd_module_zero_grad(m);
    gd_tape_reset(tape);
    y = samples(GD_F64, 5, 5);
    for (int i = 0; i < m->n_children; i++) y = gd_forward(m->child[i].module, tape, y);
    assert_ok(gd_backward(tape, gd_sum(tape, gd_square(tape, y), GD_ALL, false), NULL));
    assert_ok(gd_tensor_get(y, apart, 10));
    assert_ok(gd_tensor_get(p[0].tensor->grad, apart_grad, 30));
    for (int i = 0; i < 10; i++) assert_close(fused[i], apart[i], 1e-14);
    for (int i = 0; i < 30; i++) assert_close(fused_grad[i], apart_grad[i], 1e-13);
    gd_tape_reset(tape);
    gd_module_free(m);
  }
}

static void dropout_draws_only_in_training(void **state) {
  (void)state;
  gd_module *m;
  assert_ok(gd_dropout_new(&m, device, GD_F32, 0.5));
  gd_tensor *x = samples(GD_F32, 10, 20);
  gd_tape_draws(tape, 1, 0, 0, 0);
  gd_tensor *y = gd_forward(m, tape, x);
  double value[200], dropped[200];
  int zeros = 0;
  assert_ok(gd_tensor_get(x, value, 200));
  assert_ok(gd_tensor_get(y, dropped, 200));
  for (int i = 0; i < 200; i++)
    if (dropped[i] == 0)
      zeros++;
    else
      assert_close(dropped[i], 2 * value[i], 1e-6);
  assert_in_range(zeros, 60, 140);
  gd_module_train(m, false);
  assert_ptr_equal(gd_forward(m, tape, x), x);
  gd_module_free(m);
  assert_int_equal(gd_dropout_new(&m, device, GD_F32, 1), GD_ERR_USAGE);
  gd_tape_reset(tape);
}

static void a_model_prints_as_in_pytorch(void **state) {
  (void)state;
  gd_module *m = model("flatten linear:3 leaky_relu:0.2 dropout:0.5", GD_F32, 2);
  char *text;
  size_t bytes;
  FILE *f = open_memstream(&text, &bytes);
  gd_module_print(m, f);
  fclose(f);
  assert_string_equal(text, "Sequential(\n  (0): Flatten()\n  (1): Linear(in=2, out=3)\n"
                            "  (2): LeakyReLU(slope=0.2)\n  (3): Dropout(p=0.5)\n)\n");
  free(text);
  gd_module_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_those_of_a_state_dict),
      cmocka_unit_test(nested_modules_join_their_names),
      cmocka_unit_test(a_class_without_reset_begins_as_linear_layers_do),
      cmocka_unit_test(initial_values_are_a_function_of_the_seed),
      cmocka_unit_test(initialisers_have_their_variance),
      cmocka_unit_test(fusing_changes_no_result),
      cmocka_unit_test(dropout_draws_only_in_training),
      cmocka_unit_test(a_model_prints_as_in_pytorch),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
