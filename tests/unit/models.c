/* Known models: initial values as torchvision's, as many outputs as the data want, and what they cannot take. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test_tape.h"

enum { SIDE = 32, MOST = 256 };

static gd_module *make(const char *text, int64_t outputs, gd_status wanted) {
  gd_arena *arena;
  gd_tree *tree;
  gd_module *m;
  gd_build b = {.device = device,
                .dtype = GD_F32,
                .n_in = 1,
                .in = {{.dtype = GD_F32, .ndim = 3, .dim = {SIDE, SIDE, 3}}},
                .outputs = outputs};
  assert_ok(gd_models_register());
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tree_parse(&tree, arena, text, "model"));
  const gd_status st = gd_model_build(&m, tree, &b);
  if (st != wanted) fail_msg("%s: %s", text, gd_error_last()->message);
  gd_arena_free(arena);
  return m;
}

static int64_t outputs_of(const char *text, int64_t wanted) {
  gd_module *m = make(text, wanted, GD_OK);
  const int64_t n = gd_shape_numel(&m->out);
  gd_module_free(m);
  return n;
}

static void outputs_are_given_or_those_that_the_data_want(void **state) {
  (void)state;
  assert_int_equal(outputs_of("wide_resnet:depth=10,width=1", 7), 7);
  assert_int_equal(outputs_of("wide_resnet:depth=10,width=1", 0), 10);
  assert_int_equal(outputs_of("wide_resnet:depth=10,width=1,num_classes=3", 7), 3);
  assert_int_equal(outputs_of("mobilenet_v2:width_mult=0.1", 0), 1000);
  assert_int_equal(outputs_of("lenet5", 4), 4);
}

static double deviation(const gd_tensor *t, double *mean) {
  const int64_t n = gd_numel(t);
  double *v = malloc((size_t)n * sizeof *v), squares = 0;
  assert_ok(gd_tensor_get(t, v, n));
  *mean = 0;
  for (int64_t i = 0; i < n; i++) *mean += v[i] / (double)n, squares += v[i] * v[i] / (double)n;
  free(v);
  return sqrt(squares - *mean * *mean);
}

/* Convolutions: N(0, 2 / fan out), also of groups; the linear layer: `linear`; to five standard errors. */
static void check_values(const char *text, double linear) {
  gd_module *m = make(text, 10, GD_OK);
  gd_named p[MOST];
  const int n = gd_module_params(m, p, MOST);
  gd_module_reset(m, 3);
  for (int i = 0; i < n; i++) {
    const gd_tensor *t = p[i].tensor;
    double mean, wanted = t->ndim == 4 ? sqrt(2 / (double)(gd_numel(t) / t->shape[1])) : linear;
    const double got = deviation(t, &mean), error = 5 * wanted / sqrt((double)gd_numel(t));
    if (t->ndim == 1) continue;
    if (!(fabs(got - wanted) <= error) || !(fabs(mean) <= error))
      fail_msg("%s: %s has mean %g and deviation %g, not %g", text, p[i].name, mean, got, wanted);
  }
  gd_module_free(m);
}

static void initial_values_are_torchvisions(void **state) {
  (void)state;
  check_values("mobilenet_v2:width_mult=0.25", 0.01);
  check_values("vgg11:hidden=64,avgpool=1", 0.01);
  check_values("wide_resnet:depth=10,width=2", 1 / sqrt(3.0 * 128)); /* U(-b, b), b = 1 / sqrt(fan in) */
}

static void refuses(const char *text, const char *why) {
  make(text, 0, GD_ERR_USAGE);
  if (!strstr(gd_error_last()->message, why)) fail_msg("%s: %s", text, gd_error_last()->message);
}

static void what_cannot_be_is_refused_by_the_layer_at_fault(void **state) {
  (void)state;
  refuses("alexnet",
          "alexnet.features.12: max_pool2d: a kernel that spans 3 does not fit into images 1 high");
  refuses("wide_resnet:depth=15", "a depth of 15 is not 6 n + 4: choose 10 or 16");
  refuses("wide_resnet:depth=9", "from 10 to 202");
  refuses("wide_resnet:width=0", "from 1 to");
  refuses("vgg12", "did you mean 'vgg11'");
  refuses("resnet18:shortcut=pad", "unknown argument");
  refuses("mobilenet_v2:width_mult=nan", "not a number");
  refuses("flatten basic_block:4", "basic_block");
  refuses("conv2d:out_channels=8,kernel_size=1 bottleneck:1", "there is no shortcut without parameters");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(outputs_are_given_or_those_that_the_data_want),
                                     cmocka_unit_test(initial_values_are_torchvisions),
                                     cmocka_unit_test(what_cannot_be_is_refused_by_the_layer_at_fault)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
