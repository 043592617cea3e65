/*
 * A layer, a loss and a metric of one's own in a program that then is a gdtrain:
 *
 *   mpirun -n 3 ./example --data line.h5 --model "gated:16 linear:1" --loss log_cosh --metrics within
 *
 * The same file is a plug-in when it is compiled with -DPLUGIN as a shared library.
 */
#include <gd/gd.h>
#include <math.h>

/* gated:F    y = sigmoid(g) * tanh(x W^T + b), with a gate g for each feature */
typedef struct gated {
  gd_module base;
  gd_tensor *gate;
} gated;

static const gd_arg arguments[] = {
    {.name = "features", .type = GD_ARG_INT, .lo = 1, .hi = 1e6, .help = "outputs"}, {0}};

static gd_status build(gd_module *m, gd_build *b) {
  const int64_t features = gd_arg_i64(b, "features");
  gd_module *linear;
  GD_TRY(gd_linear_new(&linear, b->device, b->dtype, gd_shape_numel(&b->in[0]), features, true));
  GD_TRY(gd_module_add_child(m, "linear", linear));
  b->out[0] = (gd_shape){.dtype = b->dtype, .ndim = 1, .dim = {features}};
  return gd_module_add_param(m, "gate", 1, &features, &((gated *)m)->gate);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  gd_tensor *h = gd_tanh(t, gd_forward(m->child[0].module, t, x));
  return gd_mul(t, gd_sigmoid(t, ((gated *)m)->gate), h);
}

static const gd_module_class gated_class = {.name = "Gated",
                                            .word = "gated",
                                            .args = arguments,
                                            .bytes = sizeof(gated),
                                            .build = build,
                                            .forward = forward};

/* log cosh d = |d| + log(1 + e^(-2 |d|)) - log 2: squared near 0, absolute far away */
static gd_loss log_cosh(const gd_criterion *c, gd_tape *t, gd_tensor *const y[], int n, const gd_batch *b) {
  (void)c, (void)n;
  gd_tensor *d = gd_abs(t, gd_sub(t, y[0], gd_reshape(t, b->y, y[0]->ndim, y[0]->shape)));
  gd_tensor *each = gd_add(t, d, gd_softplus(t, gd_mul_scalar(t, d, -2)));
  return (gd_loss){.sum = gd_sum(t, gd_add_scalar(t, each, -log(2)), GD_ALL, false)};
}
static const gd_loss_class log_cosh_class = {.name = "log_cosh", .target = GD_NUMBERS, .forward = log_cosh};

/* The share of samples that are off by less than 0.1. */
static gd_status within(const gd_evaluated *e, double *to) {
  const double *y, *target;
  GD_TRY(gd_evaluated_values(e, e->output[0], &y));
  GD_TRY(gd_evaluated_values(e, e->batch->y, &target));
  for (int64_t i = 0; i < gd_numel(e->batch->y); i++, to[1]++) to[0] += fabs(y[i] - target[i]) < 0.1;
  return GD_OK;
}
static const gd_metric within_metric = {
    .name = "within", .target = GD_NUMBERS, .larger_is_better = true, .percent = true, .count = within};

static gd_status init(void) {
  GD_TRY(gd_module_register(&gated_class));
  GD_TRY(gd_loss_register(&log_cosh_class));
  return gd_metric_register(&within_metric);
}

#ifdef PLUGIN
GD_PLUGIN(init);
#else
int main(int argc, char **argv) {
  return init() == GD_OK ? gd_main(argc, argv) : gd_main_failed();
}
#endif
