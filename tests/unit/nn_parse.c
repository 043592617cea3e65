/* The one-line form of a model, and messages that point at the mistake. */
#include <string.h>

#include "gd/gd.h"
#include "test.h"

static gd_device *device;

static int open_device(void **state) {
  (void)state;
  return gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) == GD_OK ? 0 : -1;
}

static int close_device(void **state) {
  (void)state;
  gd_device_close(device);
  return 0;
}

static void refuses(const char *spec, const char *first, const char *second) {
  gd_module *m;
  assert_int_equal(gd_model_parse(&m, spec, GD_SHAPE(4), device, GD_F32, NULL), GD_ERR_USAGE);
  assert_null(m);
  const char *message = gd_error_last()->message;
  if (!strstr(message, first) || !strstr(message, second)) fail_msg("'%s' gave: %s", spec, message);
}

static void mistakes_are_named_with_their_position(void **state) {
  (void)state;
  refuses("linear:8 rleu linear:2", "word 2, 'rleu' at column 10", "'relu'");
  refuses("linear:8  dropuot:0.2", "column 11", "'dropout'");
  refuses("linear", "word 1", "linear:10");
  refuses("linear:0", "word 1", "linear:0");
  refuses("linear:1e3", "word 1", "1e3");
  refuses("linear:99999999999999999999", "word 1", "linear");
  refuses("linear:8 relu:3", "word 2", "no argument");
  refuses("dropout:1", "word 1", "[0, 1)");
  refuses("dropout:nan", "word 1", "nan");
  refuses("transformer", "word 1", "linear");
  refuses("linear:", "word 1", "linear");
  refuses("  ", "no layers", "example");
  char longest[300];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  refuses(longest, "word 1", "no layer");
}

static void shapes_flow_through_the_layers(void **state) {
  (void)state;
  gd_module *m;
  int64_t outputs;
  gd_named p[4];
  assert_ok(gd_model_parse(&m, "linear:5 softplus\n linear:2 log_softmax", GD_SHAPE(3, 4), device, GD_F32,
                           &outputs));
  assert_int_equal(outputs, 2);
  assert_int_equal(gd_module_params(m, p, 4), 4);
  assert_string_equal(p[0].name, "0.weight"); /* flattening by itself adds no child */
  assert_int_equal(p[0].tensor->shape[1], 12);
  assert_int_equal(p[2].tensor->shape[1], 5);
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device));
  gd_tensor *x = gd_values(t, GD_F32, (double[24]){0}, GD_SHAPE(2, 3, 4)), *y = gd_forward(m, t, x);
  assert_ok(gd_tape_status(t));
  assert_int_equal(y->ndim, 2);
  assert_int_equal(y->shape[0], 2);
  assert_int_equal(y->shape[1], 2);
  gd_module_free(m);
  assert_ok(gd_model_parse(&m, "flatten tanh", GD_SHAPE(3, 4), device, GD_F32, &outputs));
  assert_int_equal(outputs, 12);
  gd_module_free(m);
  assert_ok(gd_model_parse(&m, "linear:1", GD_SCALAR, device, GD_F32, &outputs)); /* a number per sample */
  y = gd_forward(m, t, gd_values(t, GD_F32, (double[3]){1, 2, 3}, GD_SHAPE(3)));
  assert_ok(gd_tape_status(t));
  assert_int_equal(y->shape[0], 3);
  gd_module_free(m);
  gd_tape_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(mistakes_are_named_with_their_position),
                                     cmocka_unit_test(shapes_flow_through_the_layers)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
