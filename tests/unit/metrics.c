/* Metrics against what they are by definition, from micro-batches of any size. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/metrics.h"
#include "test_tape.h"

enum { N = 57, C = 7 };

/* The value of a metric over n samples, cut into micro-batches of `rows`; NaN when it does not fit. */
static double value_of(const gd_metric *m, const gd_loss_class *loss, gd_dtype y_type, const double *x,
                       const double *y, int64_t n, int64_t outputs, int64_t rows) {
  const gd_criterion c = {.cls = loss};
  const bool labels = y_type == GD_I64;
  gdi_metric_list l = {
      .of = {&c, labels, labels ? outputs : 0, labels ? 1 : outputs, outputs, NULL, .pixels = labels},
      .n = 1,
      .metric = {m}};
  if (!gd_metric_fits(m, &l.of)) return NAN;
  gdi_tally t;
  gd_metrics out;
  assert_ok(gdi_tally_new(&t, &l, n, rows));
  for (int64_t k = 0; k < t.K; k++) {
    const int64_t lo = k * rows, here = n - lo < rows ? n - lo : rows;
    gd_tensor *output = gd_values(tape, GD_F64, x + lo * outputs, GD_SHAPE(here, outputs)), *target;
    const int64_t shape[] = {here, outputs};
    assert_ok(gd_tensor_new(&target, gd_tape_arena(tape), device, y_type, labels ? 1 : 2, shape));
    assert_ok(gd_tensor_set(target, y + lo * (labels ? 1 : outputs), gd_numel(target)));
    const gd_batch b = gd_batch_of(output, target, (gd_range){lo, lo + here});
    gd_evaluated e = {.tape = tape, .output = &output, .n_outputs = 1, .batch = &b};
    assert_ok(gdi_tally_add(&t, k, 1, 1, &e));
    gd_tape_reset(tape);
  }
  assert_ok(gdi_tally_finish(&t, NULL, NULL, &out));
  gdi_tally_free(&t);
  assert_int_equal(out.n, 1);
  return out.measure[0].value;
}

static const gd_metric *named(const char *name) {
  const gd_metric *m;
  assert_ok(gd_metric_find(&m, name));
  return m;
}

static double draw(int64_t i) {
  return sin(12.9898 * (double)i) * 43758.5453 - floor(sin(12.9898 * (double)i) * 43758.5453);
}

static void metrics_of_classes_are_what_they_are_called(void **state) {
  (void)state;
  double x[N * C], y[N], right = 0, top = 0, there = 0, precision = 0, recall = 0, f1 = 0, iou = 0,
                         classes = 0;
  double matrix[C][C] = {{0}};
  for (int i = 0; i < N * C; i++) x[i] = draw(i);
  for (int i = 0; i < N; i++) y[i] = i % 11 == 3 ? -100 : floor(5 * draw(1000 + i)); /* classes 5, 6: none */
  for (int i = 0; i < N; i++) {
    int best = 0, larger = 0;
    if (y[i] < 0) continue;
    for (int c = 1; c < C; c++) best = x[i * C + c] > x[i * C + best] ? c : best;
    for (int c = 0; c < C; c++) larger += x[i * C + c] > x[i * C + (int)y[i]];
    matrix[(int)y[i]][best]++;
    right += best == y[i], top += larger < 5, there++;
  }
  for (int c = 0; c < C; c++) {
    double rows = 0, columns = 0;
    for (int k = 0; k < C; k++) rows += matrix[c][k], columns += matrix[k][c];
    if (rows + columns == 0) continue;
    const double p = columns ? matrix[c][c] / columns : 0, r = rows ? matrix[c][c] / rows : 0;
    precision += p, recall += r, f1 += p + r > 0 ? 2 * p * r / (p + r) : 0, classes++;
    iou += matrix[c][c] / (rows + columns - matrix[c][c]);
  }
  for (int64_t rows = 1; rows <= N; rows += 13) {
    assert_close(value_of(named("accuracy"), &gd_cross_entropy, GD_I64, x, y, N, C, rows), right / there, 0);
    assert_close(value_of(named("top5"), &gd_cross_entropy, GD_I64, x, y, N, C, rows), top / there, 0);
    assert_close(value_of(named("mean_iou"), &gd_cross_entropy, GD_I64, x, y, N, C, rows), iou / classes,
                 1e-14);
    assert_close(value_of(named("precision"), &gd_cross_entropy, GD_I64, x, y, N, C, rows),
                 precision / classes, 1e-14);
    assert_close(value_of(named("recall"), &gd_cross_entropy, GD_I64, x, y, N, C, rows), recall / classes,
                 1e-14);
    assert_close(value_of(named("f1"), &gd_cross_entropy, GD_I64, x, y, N, C, rows), f1 / classes, 1e-14);
  }
}

/* Of all pairs of a positive and a negative, those in the right order; scores come in few values, so many tie. */
static void the_area_under_roc_is_a_share_of_pairs(void **state) {
  (void)state;
  double x[2 * N], score[N], y[N], pairs = 0, good = 0;
  for (int i = 0; i < N; i++) {
    x[2 * i] = 1, x[2 * i + 1] = floor(6 * draw(i)), y[i] = draw(500 + i) + x[2 * i + 1] / 12 > 0.6;
    score[i] = x[2 * i + 1] - 1;
  }
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++)
      if (y[i] == 1 && y[k] == 0) pairs++, good += score[i] > score[k] ? 1 : score[i] == score[k] ? 0.5 : 0;
  for (int64_t rows = 1; rows <= N; rows += 13) {
    assert_close(value_of(named("auc"), &gd_cross_entropy, GD_I64, x, y, N, 2, rows), good / pairs, 1e-14);
    assert_close(value_of(named("auc"), &gd_bce_with_logits, GD_F64, score, y, N, 1, rows), good / pairs,
                 1e-14);
  }
  for (int i = 0; i < N; i++) y[i] = 1;
  assert_true(isnan(value_of(named("auc"), &gd_cross_entropy, GD_I64, x, y, N, 2, N)));
}

static void metrics_of_numbers_are_what_they_are_called(void **state) {
  (void)state;
  enum { O = 2 };
  double p[N * O], y[N * O];
  const double far[O] = {0, 1e9}; /* in f64 a sum of squares of these has no digits left for the spread */
  double absolute = 0, squares = 0, r2 = 0;
  for (int o = 0; o < O; o++) {
    double mean = 0, spread = 0, error = 0;
    for (int i = 0; i < N; i++)
      y[i * O + o] = far[o] + draw(i + 100 * o), p[i * O + o] = far[o] + draw(i + 7);
    for (int i = 0; i < N; i++) mean += (y[i * O + o] - far[o]) / N;
    for (int i = 0; i < N; i++) {
      const double d = p[i * O + o] - y[i * O + o];
      absolute += fabs(d), squares += d * d, error += d * d;
      spread += (y[i * O + o] - far[o] - mean) * (y[i * O + o] - far[o] - mean);
    }
    r2 += (1 - error / spread) / O;
  }
  for (int64_t rows = 1; rows <= N; rows += 13) {
    assert_close(value_of(named("mae"), &gd_mse, GD_F64, p, y, N, O, rows), absolute / (N * O), 1e-14);
    assert_close(value_of(named("rmse"), &gd_l1, GD_F64, p, y, N, O, rows), sqrt(squares / (N * O)), 1e-14);
    assert_close(value_of(named("r2"), &gd_huber, GD_F64, p, y, N, O, rows), r2, 1e-6);
  }
}

static gd_status count_rows(const gd_evaluated *e, double *to) {
  const double *x;
  GD_TRY(gd_evaluated_values(e, e->output[0], &x));
  to[0] += x[0], to[1] += 1;
  return GD_OK;
}

static void metrics_of_ones_own_are_registered(void **state) {
  (void)state;
  static const gd_metric own = {.name = "first", .target = GD_LABELS, .count = count_rows},
                         taken = {.name = "f1", .target = GD_LABELS, .count = count_rows},
                         bad = {.name = "loss", .count = count_rows},
                         table = {.name = "t", .table = true, .count = count_rows};
  assert_ok(gd_metric_register(&own));
  assert_ok(gd_metric_register(&own));
  assert_ptr_equal(named("first"), &own);
  assert_int_equal(gd_metric_register(&taken), GD_ERR_USAGE);
  assert_int_equal(gd_metric_register(&bad), GD_ERR_USAGE);
  assert_int_equal(gd_metric_register(&table), GD_ERR_USAGE);
  const double x[] = {1, 2, 3, 4}, y[] = {0, 1, 0, 1};
  assert_close(value_of(&own, &gd_cross_entropy, GD_I64, x, y, 2, 2, 1), 2, 0);
  const gd_metric *m;
  assert_int_equal(gd_metric_find(&m, "acuracy"), GD_ERR_USAGE);
  assert_non_null(strstr(gd_error_last()->message, "'accuracy'"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(metrics_of_classes_are_what_they_are_called),
      cmocka_unit_test(the_area_under_roc_is_a_share_of_pairs),
      cmocka_unit_test(metrics_of_numbers_are_what_they_are_called),
      cmocka_unit_test(metrics_of_ones_own_are_registered),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
