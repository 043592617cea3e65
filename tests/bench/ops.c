/*
 * How fast operations are: the cases of ops_cases.def with a speed shape, in f32.
 *
 *   bench_ops [cpu|cuda] [THREADS] [NAME]
 *
 * Forward, and forward with backward; bytes are those of inputs and results, each once, and again of their gradients.
 * GFLOP/s where the operation counts its floating-point operations (backward: twice as many).
 */
#include <time.h>

#include "device/gpu.h"
#include "ops_cases.h"

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct run {
  const op_case *c;
  gd_tape *tape;
  gd_tensor *x[MAX_LEAVES], *seed;
  double bytes, flops;
} run;

static gd_status once(run *r, bool backward) {
  gd_tape_reset(r->tape);
  gd_tape_record(r->tape, backward);
  gd_tensor *y = r->c->f(r->tape, r->x);
  return backward && y && y->requires_grad ? gd_backward(r->tape, y, r->seed) : gd_tape_status(r->tape);
}

/* Best of rounds of at least 20 ms. */
static double time_of(run *r, gd_device *d, bool backward) {
  double best = HUGE_VAL;
  for (int round = 0; round < 5; round++) {
    int64_t calls = 0;
    double start = seconds(), taken;
    do {
      for (int k = 0; k < 4; k++, calls++) assert_ok(once(r, backward));
      if (d->gpu) assert_ok(d->gpu->wait(d));
    } while ((taken = seconds() - start) < 0.02);
    best = fmin(best, taken / (double)calls);
  }
  return best;
}

static void prepare(run *r, gd_device *d, gd_arena *a) {
  int n = leaves_at(r->c->speed, d, a, r->c, GD_F32, r->x);
  gd_tensor *y = r->c->f(r->tape, r->x);
  assert_ok(gd_tape_status(r->tape));
  for (int k = 0; k < n; k++) r->bytes += (double)gd_tensor_bytes(r->x[k]);
  r->bytes += (double)gd_tensor_bytes(y);
  r->flops = y->node ? gd_node_flops(y->node) : 0;
  assert_ok(gd_tensor_new(&r->seed, a, d, y->dtype, y->ndim, y->shape));
  assert_ok(gd_tensor_fill(r->seed, 1));
}

static void measure(gd_device *d, const op_case *c) {
  run r = {.c = c};
  gd_arena *a;
  assert_ok(gd_arena_new(&a, "bench"));
  assert_ok(gd_tape_new(&r.tape, d));
  prepare(&r, d, a);
  const double forward = time_of(&r, d, false), both = time_of(&r, d, true);
  printf("%-24s %-24s %10.1f %7.1f %10.1f %7.1f", c->name, c->speed, 1e6 * forward, 1e-9 * r.bytes / forward,
         1e6 * both, 2e-9 * r.bytes / both);
  if (r.flops > 0) printf(" %8.1f %8.1f", 1e-9 * r.flops / forward, 3e-9 * r.flops / both);
  puts("");
  gd_tape_free(r.tape);
  gd_arena_free(a);
}

int main(int argc, char **argv) {
  const bool cuda = argc > 1 && strcmp(argv[1], "cuda") == 0;
  gd_device *d;
  if (gd_device_open(&d, &(gd_device_options){.kind = cuda ? GD_CUDA : GD_CPU,
                                              .threads = argc > 2 ? atoi(argv[2]) : 1}) != GD_OK) {
    fprintf(stderr, "%s\n", gd_error_last()->message);
    return 1;
  }
  printf("%s\n%-24s %-24s %10s %7s %10s %7s %8s %8s\n", gd_device_describe(d), "case", "shapes", "forward us",
         "GB/s", "both us", "GB/s", "GFLOP/s", "both");
  for (int i = 0; i < CASES; i++)
    if (cases[i].speed[0] && (argc < 4 || strstr(cases[i].name, argv[3]))) measure(d, &cases[i]);
  gd_device_close(d);
  return 0;
}
