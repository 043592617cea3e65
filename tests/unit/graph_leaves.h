/* A tape, leaves in an arena of their own, and what tests of them expect. */
#ifndef GD_TEST_UNIT_GRAPH_LEAVES_H
#define GD_TEST_UNIT_GRAPH_LEAVES_H

#include <string.h>

#include "gd/gd.h"
#include "test.h"

static gd_device *device;
static gd_tape *tape;
static gd_arena *arena; /* of the leaves */

static inline int set_up(void **state) {
  (void)state;
  assert_ok(gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 2}));
  assert_ok(gd_tape_new(&tape, device));
  assert_ok(gd_arena_new(&arena, "model"));
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  gd_tape_free(tape);
  gd_arena_free(arena);
  gd_device_close(device);
  return 0;
}

/* A leaf requires a gradient. */
static inline gd_tensor *leaf(int ndim, const int64_t shape[], const double *values) {
  gd_tensor *x;
  assert_ok(gd_tensor_new(&x, arena, device, GD_F64, ndim, shape));
  assert_ok(gd_tensor_set(x, values, gd_numel(x)));
  assert_ok(gd_require_grad(x, true));
  return x;
}
#define LEAF(...)                                                                                            \
  leaf(GD_SHAPE((int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double))), (double[]){__VA_ARGS__})

static inline void assert_values(const gd_tensor *x, int n, const double *expected) {
  double values[64];
  assert_non_null(x);
  assert_ok(gd_tensor_get(x, values, n));
  for (int i = 0; i < n; i++) assert_close(values[i], expected[i], 1e-12);
}
#define VALUES(...)                                                                                          \
  (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]) {                                      \
    __VA_ARGS__                                                                                              \
  }

static inline void assert_message(gd_status st, gd_status expected, const char *part) {
  assert_int_equal(st, expected);
  if (!strstr(gd_error_last()->message, part))
    fail_msg("\"%s\" does not say \"%s\"", gd_error_last()->message, part);
}

#endif
