/*
 * Losses with settings give on a GPU what they give on the CPU, metrics count the same there, and an operation of a
 * program's own that has no kernel for GPUs is refused, not moved.
 */
#include <math.h>
#include <string.h>

#include "gd/op.h"
#include "infer/metrics.h"
#include "test.h"

enum { ROWS = 6, C = 7 };

static gd_device *cpu, *gpu;

static const double weight[C] = {0.5, 2, 1, 0.25, 3, 1.5, 1}, labels[ROWS] = {5, 0, -100, 2, 6, 1};

static void fill(double *v, int n, double phase) {
  for (int i = 0; i < n; i++) v[i] = sin(1.7 * i + phase);
}

/* Loss, weight and gradient, and the values of all metrics that fit. */
static int outcome(gd_device *d, const gd_loss_class *cls, const gd_loss_settings *s, bool of_labels,
                   double *out) {
  gd_criterion *c;
  gd_tape *t;
  gd_arena *a;
  gd_tensor *x, *y;
  double value[ROWS * C];
  gdi_metric_list l;
  gdi_tally tally;
  gd_metrics m;
  assert_ok(gd_criterion_new(&c, cls, s, d, GD_F32, C));
  assert_ok(gd_tape_new(&t, d));
  assert_ok(gd_arena_new(&a, "leaves"));
  assert_ok(gd_tensor_new(&x, a, d, GD_F32, GD_SHAPE(ROWS, C)));
  fill(value, ROWS * C, 0.3);
  assert_ok(gd_tensor_set(x, value, ROWS * C));
  assert_ok(gd_require_grad(x, true));
  assert_ok(
      gd_tensor_new(&y, a, d, of_labels ? GD_I64 : GD_F32, of_labels ? 1 : 2, (const int64_t[]){ROWS, C}));
  fill(value, ROWS * C, 1.1);
  assert_ok(gd_tensor_set(y, of_labels ? labels : value, gd_numel(y)));
  const gd_batch b = gd_batch_of(x, y, (gd_range){0, ROWS});
  gd_loss loss = gd_criterion_forward(c, t, &x, 1, &b);
  assert_ok(gd_backward(t, loss.sum, NULL));
  out[0] = gd_item(loss.sum), out[1] = gd_item(loss.weight);
  assert_ok(gd_tensor_get(x->grad, out + 2, ROWS * C));
  const gd_data_info info = {.labels = of_labels, .targets = of_labels ? 1 : C};
  assert_ok(gdi_metrics_choose(&l, NULL, c, &info, C, NULL, C));
  assert_ok(gdi_tally_new(&tally, &l, ROWS, ROWS));
  gd_evaluated e = {.tape = t, .output = &x, .n_outputs = 1, .batch = &b};
  assert_ok(gdi_tally_add(&tally, 0, 1, 1, &e));
  assert_ok(gdi_tally_finish(&tally, NULL, NULL, &m));
  int n = 2 + ROWS * C;
  for (int i = 0; i < m.n; i++) out[n++] = m.measure[i].value;
  gdi_tally_free(&tally);
  gdi_metrics_free(&l);
  gd_arena_free(a);
  gd_tape_free(t);
  gd_criterion_free(c);
  return n;
}

static void losses_and_metrics_are_those_of_the_cpu(void **state) {
  (void)state;
  const gd_loss_settings smooth = {.label_smoothing = 0.2, .classes = C, .class_weight = weight},
                         positive = {.positives = C, .pos_weight = weight}, near = {.huber_delta = 0.3};
  const struct {
    const gd_loss_class *cls;
    const gd_loss_settings *s;
    bool labels;
  } of[] = {{&gd_cross_entropy, &smooth, true},
            {&gd_cross_entropy, &smooth, false},
            {&gd_bce_with_logits, &positive, false},
            {&gd_huber, &near, false}};
  for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
    double a[2 + ROWS * C + GD_MAX_METRICS], b[2 + ROWS * C + GD_MAX_METRICS];
    const int n = outcome(cpu, of[k].cls, of[k].s, of[k].labels, a);
    assert_int_equal(outcome(gpu, of[k].cls, of[k].s, of[k].labels, b), n);
    for (int i = 0; i < n; i++)
      if (!(fabs(a[i] - b[i]) <= 2e-6 * (1 + fabs(a[i]))) && !(isnan(a[i]) && isnan(b[i])))
        fail_msg("%s, number %d: %.9g on the GPU, %.9g on the CPU", of[k].cls->name, i, b[i], a[i]);
  }
}

static gd_status twice(gd_device *d, gd_node *n) {
  (void)d;
  const float *x = n->in[0]->data;
  float *y = n->out->data;
  for (int64_t i = 0; i < gd_numel(n->out); i++) y[i] = 2 * x[i];
  return GD_OK;
}

static void an_operation_without_a_kernel_is_refused(void **state) {
  (void)state;
  static const gd_op op = {.name = "twice", .min_in = 1, .max_in = 1, .kernel[GD_CPU] = {.forward = twice}};
  const double v[] = {1, 2};
  for (int on_gpu = 0; on_gpu < 2; on_gpu++) {
    gd_tape *t;
    assert_ok(gd_tape_new(&t, on_gpu ? gpu : cpu));
    gd_tensor *x = gd_values(t, GD_F32, v, GD_SHAPE(2)), *y = gd_apply(t, &op, NULL, 1, &x);
    assert_int_equal(gd_tape_status(t), on_gpu ? GD_ERR_NO_KERNEL : GD_OK);
    assert_true(on_gpu == (y == NULL));
    if (on_gpu) assert_non_null(strstr(gd_error_last()->message, "twice"));
    gd_tape_free(t);
  }
  gd_error_clear();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(losses_and_metrics_are_those_of_the_cpu),
                                     cmocka_unit_test(an_operation_without_a_kernel_is_refused)};
  gd_device_options o = {.kind = GD_CUDA, .threads = 1};
  if (gd_device_open(&gpu, &o) != GD_OK) {
    fprintf(stderr, "skipped: %s\n", gd_error_last()->message);
    return 77;
  }
  o.kind = GD_CPU;
  if (gd_device_open(&cpu, &o) != GD_OK) return 1;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(gpu);
  gd_device_close(cpu);
  return failed;
}
