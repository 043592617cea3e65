/* Softmax, log-softmax and cross-entropy: values, gradients, labels, and equal bits on any number of
 * threads. */
#include "kernel.h"
#include "ops/cross_entropy.h"

enum { MOST = 500 }; /* elements along a dimension, and classes, that are compared */

/* The logarithm of softmax along n elements `inner` apart, of which the first is `first`: log_y[k] of the k-th. */
static void exact(double *log_y, const gd_tensor *x, int64_t first, int64_t n, int64_t inner) {
  double max = -HUGE_VAL, sum = 0;
  for (int64_t k = 0; k < n; k++) max = fmax(max, value_at(x, first + k * inner));
  for (int64_t k = 0; k < n; k++) sum += exp(value_at(x, first + k * inner) - max);
  for (int64_t k = 0; k < n; k++) log_y[k] = value_at(x, first + k * inner) - max - log(sum);
}

/* `known`: results of equal bits have been compared with what is exact. */
static void check_softmax(bed on, gd_dtype type, const gd_op *op, int dim, const int64_t shape[3], bool add,
                          bool known, gd_tensor *out[2]) {
  bool log_ = op == &gdi_op_log_softmax;
  gd_tensor *x = random_tensor(on, type, 1, 3, shape), *dy = random_tensor(on, type, 2, 3, shape),
            *dx = random_tensor(on, type, 3, 3, shape), *before = random_tensor(on, type, 3, 3, shape);
  for (int64_t i = 0; i < gd_numel(x); i++) set_at(x, i, 30 * value_at(x, i));
  gd_node *n = make_node(on, op, 1, (gd_tensor *[]){x}, 3, shape);
  ((gdi_along *)n->params)->dim = dim;
  assert_ok(forward(on, n));
  assert_ok(backward(on, n, dy, (gd_tensor *[]){dx}, (bool[]){add}));
  out[0] = n->out, out[1] = dx;
  int64_t inner = 1, length = shape[dim];
  for (int k = dim + 1; k < 3; k++) inner *= shape[k];
  double near = type == GD_F64 ? 1e-12 : 3e-5, log_y[MOST];
  assert_in_range(length, 0, MOST);
  for (int64_t first = 0; !known && first < gd_numel(x); first++) {
    if (first / inner % length != 0) continue;
    exact(log_y, x, first, length, inner);
    double sum = 0;
    for (int64_t k = 0; k < length; k++) sum += value_at(dy, first + k * inner) * (log_ ? 1 : exp(log_y[k]));
    for (int64_t k = 0, i = first; k < length; k++, i += inner) {
      double y = exp(log_y[k]), g = value_at(dy, i);
      assert_close(value_at(n->out, i), log_ ? log_y[k] : y, near);
      assert_close(value_at(dx, i), (log_ ? g - y * sum : y * (g - sum)) + (add ? value_at(before, i) : 0),
                   near);
    }
  }
}

static void softmax_is_right_along_any_dimension(void **state) {
  (void)state;
  const int64_t shape[][3] = {{3, 4, 5}, {1, 1, 1},   {2, 70, 3}, {5, 2, 33},
                              {0, 3, 4}, {2, 3, 130}, {40, 20, 1}};
  bed on[3];
  for (int t = 0; t < 3; t++) on[t] = bed_open(t + 1, GD_MATMUL_NATIVE);
  for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
    for (int variant = 0; variant < 24; variant++) {
      gd_tensor *out[3][2];
      for (int t = 0; t < 3; t++)
        check_softmax(on[t], variant & 1 ? GD_F64 : GD_F32,
                      variant & 2 ? &gdi_op_softmax : &gdi_op_log_softmax, variant / 8, shape[s], variant & 4,
                      t > 0, out[t]);
      for (int t = 1; t < 3; t++)
        for (int i = 0; i < 2; i++) assert_same_bits(out[0][i], out[t][i]);
      for (int t = 0; t < 3; t++) gd_arena_reset(on[t].arena);
    }
  for (int t = 0; t < 3; t++) bed_close(on[t]);
}

/* Enough rows, and enough columns, that threads share them. */
static void a_large_softmax_is_right_and_threads_change_no_bit(void **state) {
  (void)state;
  gd_tensor *out[3][2];
  bed on[3];
  for (int t = 0; t < 3; t++) on[t] = bed_open(t + 1, GD_MATMUL_NATIVE);
  for (int dim = 1; dim < 3; dim++) {
    for (int t = 0; t < 3; t++)
      check_softmax(on[t], GD_F32, &gdi_op_softmax, dim, (const int64_t[]){1, 300, 500}, false, t > 0,
                    out[t]);
    for (int t = 1; t < 3; t++)
      for (int i = 0; i < 2; i++) assert_same_bits(out[0][i], out[t][i]);
    for (int t = 0; t < 3; t++) gd_arena_reset(on[t].arena);
  }
  for (int t = 0; t < 3; t++) bed_close(on[t]);
}

static void nan_and_large_logits_are_what_they_should_be(void **state) {
  (void)state;
  bed on = bed_open(1, GD_MATMUL_NATIVE);
  gd_tensor *x = random_tensor(on, GD_F32, 1, GD_SHAPE(3, 4));
  const float row[3][4] = {{1, NAN, 2, 3}, {-INFINITY, 0, 0, -INFINITY}, {3e38f, -3e38f, 3e38f, 0}};
  memcpy(x->data, row, sizeof row);
  gd_node *n = make_node(on, &gdi_op_softmax, 1, (gd_tensor *[]){x}, GD_SHAPE(3, 4));
  ((gdi_along *)n->params)->dim = 1;
  assert_ok(forward(on, n));
  for (int i = 0; i < 4; i++) assert_true(isnan(value_at(n->out, i)));
  const double expected[] = {0, 0.5, 0.5, 0, 0.5, 0, 0.5, 0};
  for (int i = 0; i < 8; i++) assert_close(value_at(n->out, 4 + i), expected[i], 1e-7);
  bed_close(on);
}

static gd_tensor *labels(bed on, int64_t B, int64_t C, int64_t ignore) {
  gd_tensor *t;
  assert_ok(gdi_tensor_make(&t, on.arena, on.d, GD_I64, GD_SHAPE(B), NULL));
  for (int64_t i = 0; i < B; i++) ((int64_t *)t->data)[i] = i % 5 == 3 ? ignore : (i * 7 + 1) % C;
  return t;
}

static void check_cross_entropy(bed on, gd_dtype type, int64_t B, int64_t C, bool weighted, bool add,
                                bool known, gd_tensor *out[4]) {
  gd_tensor *x = random_tensor(on, type, 1, GD_SHAPE(B, C)), *y = labels(on, B, C, -100),
            *w = weighted ? random_tensor(on, type, 2, GD_SHAPE(C)) : NULL,
            *dloss = random_tensor(on, type, 4, GD_SCALAR), *dx = random_tensor(on, type, 5, GD_SHAPE(B, C)),
            *before = random_tensor(on, type, 5, GD_SHAPE(B, C)),
            *dw = weighted ? random_tensor(on, type, 6, GD_SHAPE(C)) : NULL;
  for (int64_t i = 0; i < gd_numel(x); i++) set_at(x, i, 20 * value_at(x, i));
  gd_node *n = make_node(on, &gdi_op_cross_entropy, 4, (gd_tensor *[]){x, y, w, NULL}, GD_SCALAR);
  ((gdi_cross_entropy *)n->params)->ignore = -100;
  assert_ok(forward(on, n));
  assert_ok(backward(on, n, dloss, (gd_tensor *[]){dx, NULL, dw}, (bool[]){add, false, false}));
  out[0] = n->out, out[1] = dx, out[2] = n->saved[1], out[3] = weighted ? dw : dx;
  if (known) return;
  double loss = 0, weights = 0, g = value_at(dloss, 0), near = (type == GD_F64 ? 1e-13 : 1e-5), log_y[MOST];
  assert_in_range(C, 0, MOST);
  double *expected_dw = calloc((size_t)C, sizeof(double));
  for (int64_t i = 0; i < B; i++) {
    int64_t label = ((int64_t *)y->data)[i];
    bool counts = label != -100;
    double weight = !counts ? 0 : w ? value_at(w, label) : 1;
    exact(log_y, x, i * C, C, 1);
    double nll = counts ? -log_y[label] : 0;
    loss += weight * nll, weights += weight;
    if (counts) expected_dw[label] += g * nll;
    for (int64_t c = 0; c < C; c++) {
      double d = g * weight * (exp(log_y[c]) - (c == label));
      assert_close(value_at(dx, i * C + c), d + (add ? value_at(before, i * C + c) : 0), near);
    }
  }
  assert_close(value_at(n->out, 0), loss, near * (1 + fabs(loss)));
  assert_int_equal(n->saved[1]->dtype, GD_F64);
  assert_close(value_at(n->saved[1], 0), weights, 1e-6);
  for (int64_t c = 0; w && c < C; c++)
    assert_close(value_at(dw, c), expected_dw[c], near * (10 + fabs(expected_dw[c])));
  free(expected_dw);
}

static void cross_entropy_is_right_and_threads_change_no_bit(void **state) {
  (void)state;
  const int64_t shape[][2] = {{1, 1}, {1, 10}, {64, 10}, {33, 16}, {7, 100}, {0, 3}, {9000, 10}};
  bed on[3];
  for (int t = 0; t < 3; t++) on[t] = bed_open(t + 1, GD_MATMUL_NATIVE);
  for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
    for (int variant = 0; variant < 8; variant++) {
      gd_tensor *out[3][4];
      for (int t = 0; t < 3; t++)
        check_cross_entropy(on[t], variant & 1 ? GD_F64 : GD_F32, shape[s][0], shape[s][1], variant & 2,
                            variant & 4, t > 0, out[t]);
      for (int t = 1; t < 3; t++)
        for (int i = 0; i < 4; i++) assert_same_bits(out[0][i], out[t][i]);
      for (int t = 0; t < 3; t++) gd_arena_reset(on[t].arena);
    }
  for (int t = 0; t < 3; t++) bed_close(on[t]);
}

static void a_label_out_of_range_is_named(void **state) {
  (void)state;
  bed on = bed_open(1, GD_MATMUL_NATIVE);
  for (int64_t bad = -1; bad <= 10; bad += 11) {
    gd_tensor *x = random_tensor(on, GD_F32, 1, GD_SHAPE(8, 10)), *y = labels(on, 8, 10, -100);
    ((int64_t *)y->data)[6] = bad;
    gd_node *n = make_node(on, &gdi_op_cross_entropy, 4, (gd_tensor *[]){x, y, NULL, NULL}, GD_SCALAR);
    ((gdi_cross_entropy *)n->params)->ignore = -100;
    assert_int_equal(forward(on, n), GD_ERR_DATA);
    char label[32];
    snprintf(label, sizeof label, "label %lld", (long long)bad);
    assert_non_null(strstr(gd_error_last()->message, "row 6"));
    assert_non_null(strstr(gd_error_last()->message, label));
  }
  bed_close(on);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(softmax_is_right_along_any_dimension),
      cmocka_unit_test(a_large_softmax_is_right_and_threads_change_no_bit),
      cmocka_unit_test(nan_and_large_logits_are_what_they_should_be),
      cmocka_unit_test(cross_entropy_is_right_and_threads_change_no_bit),
      cmocka_unit_test(a_label_out_of_range_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
