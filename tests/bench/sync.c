/*
 * What synchronising costs: the ordered sum with its update (one pass, and two when clipping asks for norms)
 * against MPI_Allreduce and the same update on every rank. One micro-batch a rank; gradients are written
 * afresh before each measurement, as backward does. Ways take turns; medians.
 *
 *   mpirun -n 2 bench_sync
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gd/gd.h"

enum { WAYS = 3, ROUNDS = 301 };

static void stop(gd_world *w) {
  fprintf(stderr, "%s\n", gd_error_last()->message);
  gd_world_abort(w, gd_status_exit_code(gd_error_last()->status));
}
#define NEED(expr)                                                                                           \
  if ((expr) != GD_OK) stop(w)

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct side {
  gd_module *module;
  gd_params *params;
  gd_sync *sync;
} side;

static side side_new(gd_world *w, gd_device *d, int64_t rows, double clip_norm) {
  side s;
  NEED(gd_linear_new(&s.module, d, GD_F32, rows, rows, false));
  gd_module_reset(s.module, 1);
  NEED(gd_params_new(&s.params, s.module));
  gd_sync_options o = {
      .optim = gd_optim_defaults(GD_SGD), .max_micro_batches = gd_world_size(w), .clip_norm = clip_norm};
  NEED(gd_sync_new(&s.sync, w, s.params, &o));
  return s;
}

static void side_free(side *s) {
  gd_sync_free(s->sync);
  gd_params_free(s->params);
  gd_module_free(s->module);
}

static void write_gradient(float *g, int64_t n, int round) {
  for (int64_t i = 0; i < n; i++) g[i] = 1e-3f * (float)((i + round) % 97 - 48);
}

static double ordered_us(gd_world *w, side *s, int round) {
  const gd_range run = gd_sync_begin(s->sync, gd_world_size(w));
  gd_tensor *t = s->params->item[0].tensor;
  gd_sync_result result;
  gd_sync_micro_batch(s->sync, run.lo);
  write_gradient(t->grad->data, s->params->elements, round);
  t->has_grad = true;
  NEED(gd_world_barrier(w));
  const double start = now_us();
  NEED(gd_sync_micro_batch_done(s->sync, run.lo,
                                &(gd_step_stats){.loss_sum = 1, .weight = 32, .samples = 32}));
  NEED(gd_sync_update(s->sync, &(gd_sync_step){.lr = 0.1, .step = round}, &result));
  return now_us() - start;
}

static double all_reduce_us(gd_world *w, float *param, float *gradient, int64_t n, int round) {
  const gd_optim o = gd_optim_defaults(GD_SGD);
  const gd_update u = {.lr = 0.1, .step = round, .grad_scale = 1.0 / 64, .local_rate = 1};
  write_gradient(gradient, n, round);
  NEED(gd_world_barrier(w));
  const double start = now_us();
  MPI_Allreduce(MPI_IN_PLACE, gradient, (int)n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  (void)gd_optim_update(&o, &u, GD_F32, n, param, gradient, NULL);
  NEED(gd_world_barrier(w));
  return now_us() - start;
}

static void measure(gd_world *w, gd_device *d, int64_t rows) {
  side one = side_new(w, d, rows, 0), two = side_new(w, d, rows, 1);
  const int64_t n = one.params->elements;
  float *param = calloc((size_t)n, sizeof *param), *gradient = calloc((size_t)n, sizeof *gradient);
  static double us[WAYS][ROUNDS];
  const int rounds = n > 1 << 20 ? 51 : ROUNDS;
  for (int i = -5; i < rounds; i++) {
    const double t[WAYS] = {ordered_us(w, &one, i + 5), ordered_us(w, &two, i + 5),
                            all_reduce_us(w, param, gradient, n, i + 5)};
    for (int k = 0; i >= 0 && k < WAYS; k++) us[k][i] = t[k];
  }
  for (int k = 0; k < WAYS; k++) qsort(us[k], (size_t)rounds, sizeof(double), by_size);
  const int middle = rounds / 2;
  if (gd_world_rank(w) == 0)
    printf("%8lld %12.1f %12.1f %12.1f %8.1f %8.1f\n", (long long)n, us[0][middle], us[1][middle],
           us[2][middle], us[2][middle] / us[0][middle], us[2][middle] / us[1][middle]);
  free(param), free(gradient);
  side_free(&one), side_free(&two);
}

int main(void) {
  gd_world *w;
  gd_device *d;
  if (gd_world_init(&w, NULL) != GD_OK || gd_device_open(&d, &(gd_device_options){.threads = 1}) != GD_OK) {
    fprintf(stderr, "%s\n", gd_error_last()->message);
    return 1;
  }
  if (gd_world_rank(w) == 0)
    printf("%d ranks over %s, f32, us per step\n%8s %12s %12s %12s %8s %8s\n", gd_world_size(w),
           gd_world_transport(w), "floats", "one pass", "two passes", "all-reduce", "ratio", "ratio");
  const int64_t rows[] = {256, 724, 2048};
  for (int i = 0; i < 3; i++) measure(w, d, rows[i]);
  gd_device_close(d);
  gd_world_finish(w);
  return 0;
}
