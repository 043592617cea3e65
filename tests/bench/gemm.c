/*
 * The ceiling of a step: GFLOP/s of its matrix products, bare, and how much more its linear layers take.
 * bench_gemm [THREADS [bf16|fp64]]
 */
#include <time.h>

#include "device/cpu/panels.h"
#include "kernel.h"
#include "ops/linear.h"

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct layer {
  bed bed;
  gd_tensor *x, *W, *b, *dy, *dx, *dW, *db;
  gd_node *node;
  gdi_products product[3]; /* forward, dx, dW */
} layer;

static void one_product(void *context, int which) {
  layer *l = context;
  assert_ok(gdi_multiply(l->bed.d, &l->product[which]));
}

static void products(void *context, int which) {
  (void)which;
  for (int i = 0; i < 3; i++) one_product(context, i);
}

static void linear(void *context, int which) {
  (void)which;
  layer *l = context;
  assert_ok(forward(l->bed, l->node));
  assert_ok(backward(l->bed, l->node, l->dy, (gd_tensor *[]){l->dx, l->dW, l->db}, (bool[]){0, 0, 0}));
}

/* Seconds of one call: the best of 20 rounds of at least 2 ms, for a ceiling is what the machine can do. */
static double measure(void (*call)(void *, int), void *context, int which) {
  double best = HUGE_VAL;
  int64_t calls = 1;
  for (int round = 0; round < 20; round++) {
    double start = seconds(), taken;
    int64_t done = 0;
    do {
      for (int64_t k = 0; k < calls; k++) call(context, which);
      done += calls;
    } while ((taken = seconds() - start) < 0.002);
    calls = done;
    if (taken / (double)done < best) best = taken / (double)done;
  }
  return best;
}

static gdi_product shaped(layer *l, const gd_tensor *a, bool ta, const gd_tensor *b, bool tb, gd_tensor *c) {
  gdi_product p = {.m = c->shape[0],
                   .n = c->shape[1],
                   .k = a->shape[ta ? 0 : 1],
                   .transpose_a = ta,
                   .transpose_b = tb,
                   .lda = a->shape[1],
                   .ldb = b->shape[1],
                   .ldc = c->shape[1],
                   .c = c->data,
                   .type = gdi_product_type(l->bed.d, c->dtype)};
  assert_ok(gdi_product_operand(l->bed.d, a, &p.a));
  assert_ok(gdi_product_operand(l->bed.d, b, &p.b));
  return p;
}

static void bench(bed on, gd_dtype type, int64_t B, int64_t I, int64_t O) {
  layer l = {.bed = on};
  l.x = random_tensor(on, type, 1, GD_SHAPE(B, I)), l.W = random_tensor(on, type, 2, GD_SHAPE(O, I));
  l.b = random_tensor(on, type, 3, GD_SHAPE(O)), l.dy = random_tensor(on, type, 4, GD_SHAPE(B, O));
  l.dx = random_tensor(on, type, 5, GD_SHAPE(B, I)), l.dW = random_tensor(on, type, 6, GD_SHAPE(O, I));
  l.db = random_tensor(on, type, 7, GD_SHAPE(O));
  l.node = make_node(on, &gdi_op_linear, 3, (gd_tensor *[]){l.x, l.W, l.b}, GD_SHAPE(B, O));
  gdi_linear_of(l.node)->act = GD_ACT_RELU;
  size_t mark = gd_arena_mark(on.d->scratch);
  l.product[0].product = shaped(&l, l.x, false, l.W, true, l.node->out);
  l.product[1].product = shaped(&l, l.dy, false, l.W, false, l.dx);
  l.product[2].product = shaped(&l, l.dy, true, l.x, false, l.dW);
  double flop = 2e-9 * (double)B * (double)I * (double)O, time[3], all, whole;
  for (int i = 0; i < 3; i++) time[i] = measure(one_product, &l, i);
  all = measure(products, &l, 0);
  gd_arena_release(on.d->scratch, mark);
  whole = measure(linear, &l, 0);
  printf("%5lld x %4lld -> %4lld   %6.1f  %6.1f  %6.1f   %9.1f  %9.1f  %5.2f\n", (long long)B, (long long)I,
         (long long)O, flop / time[0], flop / time[1], flop / time[2], 1e6 * all, 1e6 * whole, whole / all);
  gd_arena_reset(on.arena);
}

int main(int argc, char **argv) {
  const char *precision = argc > 2 ? argv[2] : "fp32";
  bed on =
      bed_open(argc > 1 ? atoi(argv[1]) : 1, strcmp(precision, "bf16") ? GD_MATMUL_NATIVE : GD_MATMUL_BF16);
  gd_dtype type = strcmp(precision, "fp64") ? GD_F32 : GD_F64;
  printf("%s, %s\n%26s %7s %7s %7s   %9s  %9s  %5s\n", gd_device_describe(on.d), precision, "", "fwd", "dX",
         "dW", "products", "linear", "ratio");
  printf("%26s %7s %7s %7s   %9s  %9s\n", "B x I -> O", "GFLOP/s", "GFLOP/s", "GFLOP/s", "us", "us");
  const int64_t shape[][3] = {{64, 784, 512},  {64, 512, 256},    {64, 256, 10}, {64, 512, 10},
                              {128, 784, 512}, {128, 512, 10},    {64, 784, 10}, {32, 1, 512},
                              {32, 512, 1},    {8, 784, 512},     {1, 784, 512}, {256, 784, 512},
                              {64, 64, 64},    {1024, 4096, 4096}};
  for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
    bench(on, type, shape[i][0], shape[i][1], shape[i][2]);
  bed_close(on);
  return 0;
}
