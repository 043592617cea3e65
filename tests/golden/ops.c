/* Every operation gives PyTorch's results and gradients, in f32. */
#include "golden/golden.h"

enum { MAX_INPUTS = 3 };

typedef gd_tensor *(*expression)(gd_tape *t, gd_tensor *const x[]);

static gd_tensor *labels(gd_tape *t) {
  return gd_values(t, GD_I64, (double[]){1, 0, 4, 3, 2, 2}, GD_SHAPE(6));
}

/* X(name in the file, expression of the inputs x[]) */
#define EXPRESSIONS(X)                                                                                       \
  X(add, gd_add(t, x[0], x[1]))                                                                              \
  X(sub, gd_sub(t, x[0], x[1]))                                                                              \
  X(mul, gd_mul(t, x[0], x[1]))                                                                              \
  X(div, gd_div(t, x[0], x[1]))                                                                              \
  X(pow, gd_pow(t, x[0], x[1]))                                                                              \
  X(minimum, gd_minimum(t, x[0], x[1]))                                                                      \
  X(maximum, gd_maximum(t, x[0], x[1]))                                                                      \
  X(where, gd_where(t, gd_greater(t, x[0], gd_constant(t, GD_F32, 0)), x[0], x[1]))                          \
  X(neg, gd_neg(t, x[0]))                                                                                    \
  X(square, gd_square(t, x[0]))                                                                              \
  X(sqrt, gd_sqrt(t, x[0]))                                                                                  \
  X(exp, gd_exp(t, x[0]))                                                                                    \
  X(log, gd_log(t, x[0]))                                                                                    \
  X(sin, gd_sin(t, x[0]))                                                                                    \
  X(cos, gd_cos(t, x[0]))                                                                                    \
  X(tanh, gd_tanh(t, x[0]))                                                                                  \
  X(sigmoid, gd_sigmoid(t, x[0]))                                                                            \
  X(relu, gd_relu(t, x[0]))                                                                                  \
  X(leaky_relu, gd_leaky_relu(t, x[0], 0.1))                                                                 \
  X(gelu, gd_gelu(t, x[0]))                                                                                  \
  X(softplus, gd_softplus(t, x[0]))                                                                          \
  X(abs, gd_abs(t, x[0]))                                                                                    \
  X(clamp, gd_clamp(t, x[0], -0.5, 0.7))                                                                     \
  X(sum, gd_sum(t, x[0], GD_DIMS(0, 2), false))                                                              \
  X(mean, gd_mean(t, x[0], GD_DIMS(1), true))                                                                \
  X(var, gd_var(t, x[0], GD_DIMS(0), 1, false))                                                              \
  X(max, gd_max(t, x[0], GD_DIMS(-1), false))                                                                \
  X(min, gd_min(t, x[0], GD_DIMS(0, 1), false))                                                              \
  X(reshape, gd_reshape(t, x[0], GD_SHAPE(4, -1)))                                                           \
  X(transpose, gd_transpose(t, x[0], 0, 2))                                                                  \
  X(slice, gd_slice(t, x[0], 1, 1, 3))                                                                       \
  X(index_select, gd_index_select(t, x[0], 0, gd_values(t, GD_I64, (double[]){2, 0, 2}, GD_SHAPE(3))))       \
  X(concat, gd_concat(t, x, 2, 1))                                                                           \
  X(matmul, gd_matmul(t, x[0], x[1]))                                                                        \
  X(matmul_batched, gd_matmul(t, x[0], x[1]))                                                                \
  X(matmul_vector, gd_matmul(t, x[0], x[1]))                                                                 \
  X(linear, gd_linear(t, x[0], x[1], x[2], GD_ACT_NONE))                                                     \
  X(linear_relu, gd_linear(t, x[0], x[1], x[2], GD_ACT_RELU))                                                \
  X(linear_tanh, gd_linear(t, x[0], x[1], x[2], GD_ACT_TANH))                                                \
  X(linear_sigmoid, gd_linear(t, x[0], x[1], x[2], GD_ACT_SIGMOID))                                          \
  X(linear_gelu, gd_linear(t, x[0], x[1], x[2], GD_ACT_GELU))                                                \
  X(softmax, gd_softmax(t, x[0], -1))                                                                        \
  X(softmax_first, gd_softmax(t, x[0], 0))                                                                   \
  X(log_softmax, gd_log_softmax(t, x[0], -1))                                                                \
  X(cross_entropy, gd_cross_entropy_sum(t, x[0], labels(t), NULL, -100, NULL))                               \
  X(cross_entropy_ignore, gd_cross_entropy_sum(t, x[0], labels(t), NULL, 2, NULL))                           \
  X(cross_entropy_weighted,                                                                                  \
    gd_cross_entropy_sum(t, x[0], labels(t),                                                                 \
                         gd_values(t, GD_F32, (double[]){0.5, 2, 1, 3, 0.25}, GD_SHAPE(5)), -100, NULL))

#define X(name, value)                                                                                       \
  static gd_tensor *apply_##name(gd_tape *t, gd_tensor *const x[]) {                                         \
    return (value);                                                                                          \
  }
EXPRESSIONS(X)
#undef X

static const struct {
  const char *name;
  expression f;
} expressions[] = {
#define X(name, value) {#name, apply_##name},
    EXPRESSIONS(X)
#undef X
};
enum { N = sizeof expressions / sizeof expressions[0] };

static expression named(const char *name) {
  for (int i = 0; i < N; i++)
    if (strcmp(expressions[i].name, name) == 0) return expressions[i].f;
  fail_msg("no expression for the golden case %s", name);
  return NULL;
}

static void check_case(golden *g, gd_tape *t) {
  char name[sizeof g->word];
  gd_tensor *x[MAX_INPUTS] = {0};
  int n = 0;
  golden_next(g);
  memcpy(name, g->word, sizeof name);
  for (golden_next(g); golden_is(g, "x"); n++) {
    x[n] = golden_tensor(g, t, GD_F32);
    assert_ok(gd_require_grad(x[n], true));
  }
  gd_tensor *y = named(name)(t, x), *expected = golden_tensor(g, t, GD_F32),
            *seed = golden_tensor(g, t, GD_F32);
  assert_ok(gd_backward(t, y, seed));
  assert_agrees(name, y, expected, 1e-5, 1e-6);
  for (int i = 0; i < n; i++) assert_agrees(name, x[i]->grad, golden_tensor(g, t, GD_F32), 1e-5, 2e-6);
}

static void operations_agree_with_torch(void **state) {
  (void)state;
  gd_device *device;
  gd_tape *t;
  golden g;
  int cases = 0;
  assert_ok(gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  assert_ok(gd_tape_new(&t, device));
  golden_open(&g, GD_SOURCE_DIR "/tests/golden/ops.txt");
  for (; golden_is(&g, "case"); cases++) {
    check_case(&g, t);
    gd_tape_reset(t);
  }
  assert_string_equal(g.word, "");
  assert_int_equal(cases, N);
  fclose(g.f);
  gd_tape_free(t);
  gd_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(operations_agree_with_torch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
