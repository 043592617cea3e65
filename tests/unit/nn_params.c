/* The flat run: its layout, moving values in and out of it, gradients in it, and a digest others can
 * compute. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

static gd_device *device;
static gd_tape *tape;
static gd_module *model;
static gd_params *params;

static int open_model(void **state) {
  (void)state;
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) != GD_OK) return -1;
  if (gd_tape_new(&tape, device) != GD_OK) return -1;
  if (gd_model_parse(&model, "linear:5 relu linear:2", GD_SHAPE(3), device, GD_F32, NULL) != GD_OK) return -1;
  return gd_params_new(&params, model) == GD_OK ? 0 : -1;
}

static int close_model(void **state) {
  (void)state;
  gd_params_free(params);
  gd_module_free(model);
  gd_tape_free(tape);
  gd_device_close(device);
  return 0;
}

static void the_last_registered_comes_first_and_all_are_aligned(void **state) {
  (void)state;
  static const char *const order[] = {"2.bias", "2.weight", "0.bias", "0.weight"};
  static const int64_t offset[] = {0, 16, 32, 48};
  assert_int_equal(params->n, 4);
  for (int i = 0; i < 4; i++) {
    assert_string_equal(params->item[i].name, order[i]);
    assert_int_equal(params->offset[i], offset[i]);
  }
  assert_int_equal(params->elements, 64);
  assert_int_equal(params->trainable, 2 + 10 + 5 + 15);
  assert_int_equal(gd_params_bytes(params), 256);
}

static void digest_hex(char hex[65]) {
  gd_digest d;
  assert_ok(gd_params_digest(params, &d));
  gd_digest_hex(&d, hex);
}

static void values_move_into_the_run_and_back(void **state) {
  (void)state;
  char before[65], after[65];
  float *run = aligned_alloc(GD_ALIGN, gd_params_bytes(params));
  memset(run, 0xA5, gd_params_bytes(params));
  digest_hex(before);
  void *home = params->item[0].tensor->data;
  assert_ok(gd_params_bind(params, run, true));
  digest_hex(after);
  assert_string_equal(before, after);
  assert_ptr_equal(params->item[1].tensor->data, run + 16);
  for (int i = 2; i < 16; i++) assert_true(run[i] == 0); /* the gap after 2.bias */
  run[0] += 1;
  digest_hex(after);
  assert_string_not_equal(before, after);
  assert_ok(gd_params_bind(params, NULL, false));
  assert_ptr_equal(params->item[0].tensor->data, home);
  digest_hex(after);
  assert_string_equal(before, after);
  free(run);
}

static void backward(bool all) {
  gd_tensor *x = gd_values(tape, GD_F32, (double[6]){1, 2, 3, 4, 5, 6}, GD_SHAPE(2, 3));
  gd_tensor *y = all ? gd_forward(model, tape, x) : gd_forward(model->child[0].module, tape, x);
  assert_ok(gd_backward(tape, gd_sum(tape, y, GD_ALL, false), NULL));
  gd_tape_reset(tape);
}

static void gradients_go_to_the_run_and_the_first_write_overwrites(void **state) {
  (void)state;
  float *run = aligned_alloc(GD_ALIGN, gd_params_bytes(params)), once[2];
  memset(run, 0xFF, gd_params_bytes(params)); /* NaN */
  gd_params_bind_grads(params, run);
  backward(true);
  assert_ok(gd_params_finish_grads(params));
  memcpy(once, run, sizeof once);
  assert_true(once[0] == 2 && once[1] == 2); /* d sum / d 2.bias: one per row */
  backward(true);
  assert_true(run[0] == 4); /* added */
  gd_params_bind_grads(params, run);
  backward(false); /* does not reach the second linear */
  assert_true(run[0] == 4);
  assert_ok(gd_params_finish_grads(params));
  for (int i = 0; i < 2; i++) assert_true(run[i] == 0);
  for (int i = 16; i < 26; i++) assert_true(run[i] == 0);
  assert_true(run[32] == 2);
  free(run);
  gd_module_zero_grad(model);
}

/* The same bytes hashed with Python's hashlib: names sorted, header and values as nn.h says. */
static void the_digest_can_be_computed_elsewhere(void **state) {
  (void)state;
  for (int i = 0; i < params->n; i++) {
    float *x = params->item[i].tensor->data;
    for (int64_t k = 0; k < gd_numel(params->item[i].tensor); k++) x[k] = (float)(k + 1) / 4;
  }
  char hex[65];
  digest_hex(hex);
  assert_string_equal(hex, "d5eeafa2b605d46cbf13d5db08cc7b309f966b4f6103a0dbdec4288d89bb9f85");
}

static void a_model_without_parameters_is_refused(void **state) {
  (void)state;
  gd_module *m;
  gd_params *p;
  assert_ok(gd_model_parse(&m, "relu", GD_SHAPE(3), device, GD_F32, NULL));
  assert_int_equal(gd_params_new(&p, m), GD_ERR_USAGE);
  gd_module_free(m);
}

/* ---- statistics and constants */

static const gd_module_class with_buffers = {.name = "WithBuffers"};

static gd_module *module_with_buffers(void) {
  gd_module *m;
  gd_tensor *t;
  assert_ok(gd_module_new(&m, &with_buffers, sizeof *m, device, GD_F32));
  assert_ok(gd_module_add_param(m, "weight", GD_SHAPE(20), &t));
  assert_ok(gd_module_add_statistic(m, "running_mean", 0.1, GD_SHAPE(3), &t));
  assert_ok(gd_module_add_buffer(m, "table", GD_I64, GD_SHAPE(4), &t));
  assert_ok(gd_module_add_statistic(m, "running_var", 0.2, GD_SHAPE(3), &t));
  return m;
}

static void statistics_follow_the_parameters_from_a_block_on(void **state) {
  (void)state;
  gd_module *m = module_with_buffers();
  gd_params *p;
  assert_ok(gd_params_new(&p, m));
  static const char *const order[] = {"weight", "running_var", "running_mean"};
  static const int64_t offset[] = {0, 4096, 4112};
  assert_int_equal(p->n, 3);
  assert_int_equal(p->n_trained, 1);
  for (int i = 0; i < 3; i++) {
    assert_string_equal(p->item[i].name, order[i]);
    assert_int_equal(p->offset[i], offset[i]);
  }
  assert_int_equal(p->trained, 4096);
  assert_int_equal(p->elements, 4096 + 32);
  assert_int_equal(p->trainable, 20);
  assert_true(p->item[1].momentum == 0.2 && p->item[2].momentum == 0.1 && p->item[0].momentum == 0);
  assert_int_equal(p->n_constants, 1);
  assert_string_equal(p->constant[0].name, "table");
  gd_params_free(p);
  gd_module_free(m);
}

static void the_digest_sees_statistics_and_constants(void **state) {
  (void)state;
  gd_module *m = module_with_buffers();
  gd_params *p;
  gd_digest before, after;
  assert_ok(gd_params_new(&p, m));
  for (int i = 0; i < m->n_buffers; i++) {
    assert_ok(gd_params_digest(p, &before));
    *(char *)m->buffer[i].tensor->data ^= 1;
    assert_ok(gd_params_digest(p, &after));
    assert_true(memcmp(&before, &after, sizeof before) != 0);
  }
  gd_params_free(p);
  gd_module_free(m);
}

static void a_momentum_lies_above_0_and_up_to_1(void **state) {
  (void)state;
  gd_module *m = module_with_buffers();
  gd_tensor *t;
  const double wrong[] = {0, -0.1, 1.01, NAN};
  for (int i = 0; i < 4; i++)
    assert_int_equal(gd_module_add_statistic(m, "other", wrong[i], GD_SHAPE(3), &t), GD_ERR_USAGE);
  assert_ok(gd_module_add_statistic(m, "other", 1, GD_SHAPE(3), &t));
  gd_module_free(m);
}

/* Cut, two names could become one. */
static void a_name_that_is_too_long_is_refused_with_the_name(void **state) {
  (void)state;
  gd_module *outer = module_with_buffers();
  char name[32] = "a_name_that_is_rather_long";
  for (int level = 0; level < 7; level++) {
    gd_module *m;
    gd_params *p;
    assert_ok(gd_module_new(&m, &with_buffers, sizeof *m, device, GD_F32));
    assert_ok(gd_module_add_child(m, name, outer));
    outer = m;
    const int length = (level + 1) * (int)(strlen(name) + 1) + (int)strlen("running_mean");
    const gd_status st = gd_params_new(&p, outer);
    assert_int_equal(st, length < GD_MAX_NAME ? GD_OK : GD_ERR_USAGE);
    if (st == GD_OK) gd_params_free(p);
  }
  assert_non_null(strstr(gd_error_last()->message, "a_name_that_is_rather_long.a_name_that_is_rather_long."));
  assert_non_null(strstr(gd_error_last()->message, ".weight is longer than 191 bytes"));
  gd_module_free(outer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_registered_comes_first_and_all_are_aligned),
      cmocka_unit_test(values_move_into_the_run_and_back),
      cmocka_unit_test(gradients_go_to_the_run_and_the_first_write_overwrites),
      cmocka_unit_test(the_digest_can_be_computed_elsewhere),
      cmocka_unit_test(a_model_without_parameters_is_refused),
      cmocka_unit_test(statistics_follow_the_parameters_from_a_block_on),
      cmocka_unit_test(the_digest_sees_statistics_and_constants),
      cmocka_unit_test(a_momentum_lies_above_0_and_up_to_1),
      cmocka_unit_test(a_name_that_is_too_long_is_refused_with_the_name),
  };
  return cmocka_run_group_tests(tests, open_model, close_model);
}
