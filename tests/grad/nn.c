/* Every kind of module and every loss against central differences, in f64. */
#include <string.h>

#include "gd/gd.h"
#include "test.h"

enum { ROWS = 4, FEATURES = 6, MAX_LEAVES = 8 };

static gd_device *device;
static gd_arena *arena;

static int open_device(void **state) {
  (void)state;
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) != GD_OK) return -1;
  return gd_arena_new(&arena, "test") == GD_OK ? 0 : -1;
}

static int close_device(void **state) {
  (void)state;
  gd_arena_free(arena);
  gd_device_close(device);
  return 0;
}

static gd_tensor *normal(uint64_t stream, double std, int ndim, const int64_t shape[]) {
  gd_tensor *t;
  assert_ok(gd_tensor_new(&t, arena, device, GD_F64, ndim, shape));
  gd_init_normal(t, gd_rng_stream(5, GD_RNG_TEST, stream), 0, std);
  return t;
}

/* A fixed weighting of all outputs, so that none can cancel another. */
static gd_tensor *weighted_sum(gd_tape *t, gd_tensor *y) {
  if (!y) return NULL;
  gd_tensor *weights = normal(77, 1, y->ndim, y->shape);
  return gd_sum(t, gd_mul(t, y, weights), GD_ALL, false);
}

static gd_tensor *module_output(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  (void)n;
  gd_tape_draws(t, 1, 2, 3, 0); /* dropout: the same mask at every call */
  return weighted_sum(t, gd_forward(user, t, leaves[0]));
}

/* Of its input and its parameters; `shape` is that of a batch. */
static void check_module(const char *spec, int ndim, const int64_t shape[]) {
  gd_module *m;
  gd_named p[MAX_LEAVES];
  gd_tensor *leaves[MAX_LEAVES + 1] = {normal(1, 1, ndim, shape)};
  assert_ok(gd_model_parse(&m, spec, ndim - 1, shape + 1, device, GD_F64, NULL));
  gd_module_reset(m, 3);
  assert_ok(gd_require_grad(leaves[0], true));
  const int n = gd_module_params(m, p, MAX_LEAVES);
  for (int k = 0; k < n; k++) leaves[k + 1] = p[k].tensor;
  gd_status st = gd_gradcheck(device, module_output, leaves, n + 1, m, NULL);
  if (st != GD_OK) fail_msg("%s: %s", spec, gd_error_last()->message);
  gd_module_free(m);
}

static void modules_have_right_gradients(void **state) {
  (void)state;
  static const char *const specs[] = {"linear:3",
                                      "linear:5 relu linear:3",
                                      "linear:5 tanh linear:3 sigmoid",
                                      "linear:5 gelu linear:3 softplus",
                                      "leaky_relu:0.2",
                                      "relu",
                                      "tanh",
                                      "sigmoid",
                                      "gelu",
                                      "gelu:tanh",
                                      "linear:5 elu:0.5 linear:3 silu",
                                      "selu",
                                      "linear:5 layer_norm linear:3",
                                      "[{layer_norm: {normalized_shape: [6], eps: 0.1, bias: false}}]",
                                      "softmax",
                                      "linear:5 leaky_relu log_softmax",
                                      "flatten linear:4 dropout:0.5 linear:2",
                                      "batch_norm linear:3 batch_norm relu linear:2"};
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
    const bool flat = strncmp(specs[i], "flatten", 7) != 0;
    if (flat)
      check_module(specs[i], GD_SHAPE(ROWS, FEATURES));
    else
      check_module(specs[i], GD_SHAPE(ROWS, 2, FEATURES / 2));
  }
}

static void layers_of_images_have_right_gradients(void **state) {
  (void)state;
  static const char *const specs[] = {
      "conv2d:out_channels=3,kernel_size=3,padding=same relu max_pool2d:2 flatten linear:2",
      "[{conv2d: {out_channels: 6, kernel_size: [2, 3], stride: [2, 1], groups: 3, bias: false}}, "
      "batch_norm, relu, {linear: 2}]",
      "conv2d:out_channels=4,kernel_size=1 group_norm:2 "
      "conv_transpose2d:out_channels=2,kernel_size=3,stride=2,padding=1 avg_pool2d:3",
      "zero_pad2d:1 conv2d:out_channels=5,kernel_size=3,dilation=2 local_response_norm:size=3,alpha=0.5,k=2 "
      "global_avg_pool",
      "reflection_pad2d:1 upsample:2 avg_pool2d:kernel_size=3,stride=2,padding=1,"
      "count_include_pad=false",
      "[{avg_pool2d: 1}, {layer_norm: {normalized_shape: [3, 5, 4]}}, {layer_norm: {normalized_shape: [5, "
      "4]}}]",
      "adaptive_avg_pool2d:3 batch_norm:affine=false,track_running_stats=false tanh"};
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) check_module(specs[i], GD_SHAPE(3, 5, 4, 3));
  check_module("conv2d:out_channels=2,kernel_size=2 batch_norm relu", GD_SHAPE(3, 4, 5));
  check_module("channels:last conv1d:out_channels=4,kernel_size=3,padding=1,groups=2 relu batch_norm "
               "conv1d:out_channels=2,kernel_size=2,stride=2 flatten linear:2",
               GD_SHAPE(3, 7, 2));
  check_module("conv1d:out_channels=2,kernel_size=4 linear:2", GD_SHAPE(3, 7));
  check_module(
      "channels:last max_pool1d:kernel_size=3,stride=1 avg_pool1d:2 conv1d:out_channels=2,kernel_size=1 "
      "global_avg_pool",
      GD_SHAPE(3, 7, 2));
  check_module("adaptive_avg_pool1d:3 linear:2", GD_SHAPE(3, 7));
  check_module("conv2d:out_channels=2,kernel_size=2 linear:2", GD_SHAPE(2, 3, 4, 5)); /* channels first */
  check_module("channels:first avg_pool2d:2 flatten", GD_SHAPE(2, 5, 4, 3));
}

typedef struct loss_case {
  const gd_loss_class *kind;
  gd_tensor *target;
  bool mean;
} loss_case;

static gd_tensor *loss_value(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  (void)n;
  const loss_case *c = user;
  if (!c->mean) return gd_loss_of(t, c->kind, leaves[0], c->target).sum;
  if (c->kind == &gd_mse) return gd_mse_loss(t, leaves[0], c->target, GD_REDUCE_MEAN);
  if (c->kind == &gd_l1) return gd_l1_loss(t, leaves[0], c->target, GD_REDUCE_MEAN);
  if (c->kind == &gd_huber) return gd_huber_loss(t, leaves[0], c->target, 0.7, GD_REDUCE_MEAN);
  if (c->kind == &gd_cross_entropy) return gd_cross_entropy_loss(t, leaves[0], c->target, GD_REDUCE_MEAN);
  return gd_bce_with_logits_loss(t, leaves[0], c->target, GD_REDUCE_MEAN);
}

static void losses_have_right_gradients(void **state) {
  (void)state;
  static int64_t labels[ROWS] = {5, 0, -100, 2};
  for (int i = 0; gd_loss_at(i); i++)
    for (int mean = 0; mean < 2; mean++) {
      loss_case c = {gd_loss_at(i), normal(9, 1, GD_SHAPE(ROWS, FEATURES)), mean};
      if (gd_loss_at(i) == &gd_cross_entropy)
        assert_ok(gd_tensor_over(&c.target, arena, device, GD_I64, GD_SHAPE(ROWS), labels));
      gd_tensor *leaf = normal(8, 2, GD_SHAPE(ROWS, FEATURES));
      assert_ok(gd_require_grad(leaf, true));
      gd_status st = gd_gradcheck(device, loss_value, &leaf, 1, &c, NULL);
      if (st != GD_OK) fail_msg("%s: %s", c.kind->name, gd_error_last()->message);
    }
}

typedef struct criterion_case {
  gd_criterion *criterion;
  gd_tensor *target;
} criterion_case;

static gd_tensor *criterion_value(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  const criterion_case *c = user;
  const gd_batch b = gd_batch_of(leaves[0], c->target, (gd_range){0, ROWS});
  return gd_criterion_forward(c->criterion, t, leaves, n, &b).sum;
}

static void losses_with_settings_have_right_gradients(void **state) {
  (void)state;
  static int64_t labels[ROWS] = {5, 0, -100, 2};
  static const double weight[FEATURES] = {0.5, 2, 1, 0.25, 3, 1.5};
  const gd_loss_settings smooth = {.label_smoothing = 0.2, .classes = FEATURES, .class_weight = weight},
                         positive = {.positives = FEATURES, .pos_weight = weight},
                         near = {.huber_delta = 0.3};
  const struct {
    const gd_loss_class *cls;
    const gd_loss_settings *settings;
    bool labels;
  } of[] = {{&gd_cross_entropy, &smooth, true},
            {&gd_cross_entropy, &smooth, false},
            {&gd_bce_with_logits, &positive, false},
            {&gd_huber, &near, false}};
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    criterion_case c = {.target = normal(9, 1, GD_SHAPE(ROWS, FEATURES))};
    assert_ok(gd_criterion_new(&c.criterion, of[i].cls, of[i].settings, device, GD_F64, FEATURES));
    if (of[i].labels) assert_ok(gd_tensor_over(&c.target, arena, device, GD_I64, GD_SHAPE(ROWS), labels));
    gd_tensor *leaf = normal(8, 2, GD_SHAPE(ROWS, FEATURES));
    assert_ok(gd_require_grad(leaf, true));
    gd_status st = gd_gradcheck(device, criterion_value, &leaf, 1, &c, NULL);
    if (st != GD_OK) fail_msg("%s: %s", of[i].cls->name, gd_error_last()->message);
    gd_criterion_free(c.criterion);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(modules_have_right_gradients),
                                     cmocka_unit_test(layers_of_images_have_right_gradients),
                                     cmocka_unit_test(losses_with_settings_have_right_gradients),
                                     cmocka_unit_test(losses_have_right_gradients)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
