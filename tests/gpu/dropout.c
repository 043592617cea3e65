/* Dropout on a GPU draws what the CPU draws, and its values have the same bits. */
#include "gpu/memory.h"
#include "ops/dropout.h"

typedef struct dropped {
  gd_dtype type;
  int64_t rows, n; /* rows 0: a scalar */
  double p;
  int64_t row0, step; /* step > 0: it lies in device memory */
} dropped;

static int64_t elements_of(const dropped *c) {
  return (c->rows ? c->rows : 1) * c->n;
}

static gd_tensor *tensor(gd_device *d, const dropped *c, const void *values) {
  gd_tensor *t;
  const int64_t shape[] = {c->rows, c->n};
  void *data = d == gpu ? up(values, (size_t)elements_of(c) * gd_dtype_bytes(c->type)) : (void *)values;
  assert_ok(gdi_tensor_make(&t, host, d, c->type, c->rows ? 2 : 0, shape, data));
  return t;
}

static gd_node *node_of(gd_device *d, const dropped *c) {
  const size_t bytes = (size_t)elements_of(c) * sizeof(double);
  gd_node *n = gd_arena_zalloc(host, sizeof *n);
  n->op = &gdi_op_dropout, n->n_in = 1, n->arena = host, n->recorded = true;
  n->in = gd_arena_alloc(host, sizeof *n->in);
  n->in[0] = tensor(d, c, normal(c->type, 1, elements_of(c)));
  n->out = tensor(d, c, gd_arena_zalloc(host, bytes));
  gdi_dropout *p = n->params = gd_arena_zalloc(host, sizeof *p);
  p->p = c->p, p->row0 = c->row0;
  p->rng = gd_rng_stream(0x123456789abcdef, GD_RNG_DROPOUT, (uint64_t)(d == cpu ? c->step : 0) << 20 | 3);
  if (d == gpu && c->step) p->step_at = up(&c->step, sizeof c->step);
  return n;
}

static void assert_same(const gd_tensor *there, const gd_tensor *here) {
  void *got = gd_arena_alloc(host, gd_tensor_bytes(here) + 1);
  down(got, there->data, gd_tensor_bytes(here));
  assert_memory_equal(got, here->data, gd_tensor_bytes(here));
}

static void check(const dropped *c) {
  gd_node *here = node_of(cpu, c), *there = node_of(gpu, c);
  assert_ok(gdi_op_dropout.kernel[GD_CPU].forward(cpu, here));
  assert_ok(gdi_op_dropout.kernel[GD_CUDA].forward(gpu, there));
  assert_same(there->out, here->out);
  for (int add = 0; add < 2; add++) {
    const void *dy = normal(c->type, 2, elements_of(c));
    gd_tensor *dx = tensor(cpu, c, normal(c->type, 3, elements_of(c))),
              *dx_there = tensor(gpu, c, normal(c->type, 3, elements_of(c)));
    assert_ok(gdi_op_dropout.kernel[GD_CPU].backward(cpu, here, tensor(cpu, c, dy), (gd_tensor *[]){dx},
                                                     (bool[]){add}));
    assert_ok(gdi_op_dropout.kernel[GD_CUDA].backward(gpu, there, tensor(gpu, c, dy),
                                                      (gd_tensor *[]){dx_there}, (bool[]){add}));
    assert_same(dx_there, dx);
  }
  assert_ok(
      gdi_op_dropout.kernel[GD_CUDA].backward(gpu, there, there->out, (gd_tensor *[]){NULL}, (bool[]){0}));
  forget(NULL);
}

static void every_shape_has_the_bits_of_the_cpu(void **state) {
  (void)state;
  const int64_t widths[] = {1, 3, 4, 63, 64, 65, 300};
  for (int type = 0; type < 2; type++) {
    const gd_dtype of = type ? GD_F64 : GD_F32;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
      check(&(dropped){of, 9, widths[w], 0.3, 0, 0});
      check(&(dropped){of, 9, widths[w], 0.75, (int64_t)1 << 31, 0});
    }
    check(&(dropped){of, 0, 1, 0.5, 7, 0});
    check(&(dropped){of, 5, 0, 0.5, 7, 0});
    check(&(dropped){of, 700, 128, 0.1, 5, 0});
  }
}

static void a_step_in_device_memory_is_the_step_of_the_stream(void **state) {
  (void)state;
  for (int64_t step = 1; step < (int64_t)1 << 33; step = step * 77 + 1) {
    check(&(dropped){GD_F32, 30, 40, 0.5, 2, step});
    check(&(dropped){GD_F32, 30, 41, 0.5, 2, step});
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(every_shape_has_the_bits_of_the_cpu, forget),
      cmocka_unit_test_setup(a_step_in_device_memory_is_the_step_of_the_stream, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_gpu();
  return failed;
}
