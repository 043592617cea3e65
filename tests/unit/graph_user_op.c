/* An operation of a user's own is no different from the library's: backward, gradient check, drawing, messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd/op.h"
#include "test_tape.h"

/* ---- y = scale x^3, in f64: kept for backward is 3 scale x^2 ---- */

typedef struct cubing {
  double scale;
} cubing;

typedef struct span {
  const double *x;
  double *y, *slope, scale;
} span;

static void cube_some(void *user, int64_t lo, int64_t hi) {
  const span *s = user;
  for (int64_t i = lo; i < hi; i++) {
    s->y[i] = s->scale * s->x[i] * s->x[i] * s->x[i];
    if (s->slope) s->slope[i] = 3 * s->scale * s->x[i] * s->x[i];
  }
}

static gd_status cube(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  if (n->recorded) GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, x->ndim, x->shape));
  gd_parallel(d, gd_numel(x), 4, cube_some,
              &(span){x->data, n->out->data, n->saved[0] ? n->saved[0]->data : NULL,
                      ((const cubing *)n->params)->scale});
  return GD_OK;
}

static gd_status cube_back(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                           const bool add[]) {
  const double *slope = n->saved[0]->data, *dy = dout->data;
  double *dx = din[0]->data;
  (void)d;
  for (int64_t i = 0; i < gd_numel(dout); i++) dx[i] = (add[0] ? dx[i] : 0) + slope[i] * dy[i];
  return GD_OK;
}

static gd_status only_f64(gd_node *n, gd_op_result *out) {
  if (n->in[0]->dtype != GD_F64) return GD_FAIL(GD_ERR_DTYPE, "cube takes f64");
  out->dtype = GD_F64, out->ndim = n->in[0]->ndim;
  memcpy(out->shape, n->in[0]->shape, sizeof out->shape);
  return GD_OK;
}

static void by(const gd_node *n, char *buf, size_t bytes) {
  snprintf(buf, bytes, " times %g", ((const cubing *)n->params)->scale);
}

static double three_each(const gd_node *n) {
  return 3 * (double)gd_numel(n->out);
}

static const gd_op op_cube = {.name = "cube",
                              .grad_fn = "CubeBackward",
                              .min_in = 1,
                              .max_in = 1,
                              .params_bytes = sizeof(cubing),
                              .shape = only_f64,
                              .kernel[GD_CPU] = {cube, cube_back},
                              .flops = three_each,
                              .describe = by};

static gd_tensor *cubes(gd_tape *t, gd_tensor *x) {
  return gd_apply(t, &op_cube, &(cubing){2}, 1, &x);
}

static gd_tensor *values(gd_dtype type) {
  gd_tensor *x = gd_values(tape, type, (double[]){1, 2, 3, 4, 5, 6}, GD_SHAPE(2, 3));
  assert_ok(gd_require_grad(x, true));
  return x;
}

static void it_takes_part_in_backward(void **state) {
  (void)state;
  gd_tape_reset(tape);
  gd_tensor *x = values(GD_F64), *y = gd_add(tape, cubes(tape, x), cubes(tape, x));
  double v[6], g[6];
  assert_ok(gd_backward(tape, gd_sum(tape, y, GD_ALL, false), NULL));
  assert_ok(gd_tensor_get(y, v, 6));
  assert_ok(gd_tensor_get(x->grad, g, 6));
  for (int i = 0; i < 6; i++) {
    assert_close(v[i], 4. * (i + 1) * (i + 1) * (i + 1), 0);
    assert_close(g[i], 12. * (i + 1) * (i + 1), 0);
  }
  gd_tensor *once = cubes(tape, x);
  assert_string_equal(gd_grad_fn(once), "CubeBackward");
  assert_true(gd_node_flops(once->node) == 18);
}

static gd_tensor *of_cubes(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  (void)n, (void)user;
  return gd_sum(t, gd_sin(t, cubes(t, gd_mul_scalar(t, leaves[0], 0.1))), GD_ALL, false);
}

static void its_gradient_can_be_checked(void **state) {
  (void)state;
  gd_tape_reset(tape);
  gd_tensor *x = values(GD_F64);
  assert_ok(gd_gradcheck(device, of_cubes, &x, 1, NULL, NULL));
}

static void it_is_drawn(void **state) {
  (void)state;
  char *text = NULL;
  size_t bytes;
  gd_tape_reset(tape);
  FILE *f = open_memstream(&text, &bytes);
  assert_ok(gd_tape_write_dot(tape, cubes(tape, values(GD_F64)), f));
  fclose(f);
  assert_non_null(strstr(text, "cube times 2"));
  free(text);
}

static void refused(gd_tensor *result, gd_status expected, const char *part) {
  assert_null(result);
  assert_int_equal(gd_tape_status(tape), expected);
  if (!strstr(gd_error_last()->message, part))
    fail_msg("\"%s\" without \"%s\"", gd_error_last()->message, part);
  gd_tape_reset(tape);
}

static void what_it_cannot_do_is_said(void **state) {
  (void)state;
  static const gd_op on_gpus_only = {
      .name = "elsewhere", .min_in = 1, .max_in = 1, .kernel[GD_CUDA] = {cube, NULL}};
  static const gd_op no_way_back = {.name = "one_way",
                                    .min_in = 1,
                                    .max_in = 1,
                                    .params_bytes = sizeof(cubing),
                                    .kernel = {[GD_CPU] = {cube, NULL}, [GD_CUDA] = {cube, cube_back}}};
  gd_tape_reset(tape);
  refused(cubes(tape, values(GD_F32)), GD_ERR_DTYPE, "cube takes f64");
  refused(cubes(tape, NULL), GD_ERR_USAGE, "cube: operand 1 is NULL");
  gd_tensor *two[] = {values(GD_F64), values(GD_F64)};
  refused(gd_apply(tape, &op_cube, &(cubing){1}, 2, two), GD_ERR_USAGE, "cube of 2 tensors: it takes 1 to 1");
  gd_tensor *x = values(GD_F64);
  refused(gd_apply(tape, &on_gpus_only, NULL, 1, &x), GD_ERR_NO_KERNEL,
          "elsewhere has no kernel for the CPU");
  x = values(GD_F64);
  refused(gd_apply(tape, &no_way_back, &(cubing){1}, 1, &x), GD_ERR_NO_KERNEL,
          "one_way has no backward kernel for the CPU");
  x = values(GD_F64);
  gd_tape_record(tape, false); /* and none is needed */
  assert_non_null(gd_apply(tape, &no_way_back, &(cubing){1}, 1, &x));
  gd_tape_record(tape, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_takes_part_in_backward),
      cmocka_unit_test(its_gradient_can_be_checked),
      cmocka_unit_test(it_is_drawn),
      cmocka_unit_test(what_it_cannot_do_is_said),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
