/* What messages of each size cost by themselves: over MPI from host memory, over NCCL from the GPUs'. */
#include <stdlib.h>

#include "base/clock.h"
#include "gd/log.h"
#include "base/stats.h"
#include "bench/bench.h"

enum { LEAST = 3, MOST = 200 };
static const double seconds_a_size = 0.3;

/* One message pattern under test, on buffers of one size. */
typedef struct pattern {
  gd_world *w;
  gd_status (*once)(struct pattern *p, double *seconds);
  float *data;
  int64_t n;
  gd_module *module;
  gd_params *params;
  gd_sync *sync;
  int64_t step;
} pattern;

static gd_status all_reduce_once(pattern *p, double *seconds) {
  gd_request *r;
  const double t0 = gdi_now();
  GD_TRY(gd_iallreduce(p->w, p->data, p->n, false, &r));
  GD_TRY(gd_wait(p->w, &r, 1));
  *seconds = gdi_now() - t0;
  return GD_OK;
}

/* A step whose backward takes no time: one micro-batch a rank, of a zero gradient. */
static gd_status ordered_once(pattern *p, double *seconds) {
  gd_tensor *t = p->params->item[0].tensor;
  gd_sync_result result;
  const gd_range run = gd_sync_begin(p->sync, gd_world_size(p->w));
  gd_sync_micro_batch(p->sync, run.lo);
  if (p->step == 0) GD_TRY(gd_tensor_fill(t->grad, 0)); /* so that its memory is there */
  t->has_grad = true;
  const double t0 = gdi_now();
  GD_TRY(gd_sync_micro_batch_done(p->sync, run.lo, &(gd_step_stats){.weight = 1, .samples = 1}));
  GD_TRY(gd_sync_update(p->sync, &(gd_sync_step){.lr = 0.1, .step = p->step++}, &result));
  *seconds = gdi_now() - t0;
  return GD_OK;
}

/* The median over rounds, each as long as its slowest rank takes. */
static gd_status measure(pattern *p, double *median) {
  double seconds[MOST], first;
  GD_TRY(p->once(p, &first));
  GD_TRY(gd_world_barrier(p->w));
  GD_TRY(p->once(p, &first));
  GD_TRY(gd_world_allreduce_f64(p->w, &first, 1, GD_MAX));
  const double fit = seconds_a_size / first;
  const int n = fit < LEAST ? LEAST : fit > MOST ? MOST : (int)fit;
  for (int i = 0; i < n; i++) {
    GD_TRY(gd_world_barrier(p->w));
    GD_TRY(p->once(p, &seconds[i]));
  }
  GD_TRY(gd_world_allreduce_f64(p->w, seconds, n, GD_MAX));
  *median = gdi_median(seconds, n);
  return GD_OK;
}

static gd_status measure_all_reduce(gd_world *w, size_t bytes, double *seconds) {
  pattern p = {.w = w, .once = all_reduce_once, .n = (int64_t)(bytes / sizeof(float))};
  p.data = calloc((size_t)p.n, sizeof(float));
  gd_status st = gd_world_agree(w, p.data ? GD_OK : GD_FAIL(GD_ERR_OOM, "no %zu bytes to reduce", bytes));
  if (st == GD_OK) st = measure(&p, seconds);
  free(p.data);
  return st;
}

static gd_status measure_ordered(gd_world *w, gd_device *d, size_t bytes, double *seconds) {
  pattern p = {.w = w, .once = ordered_once};
  const int64_t n = (int64_t)(bytes / sizeof(float));
  gd_status st = gd_linear_new(&p.module, d, GD_F32, 1, n, false);
  if (st == GD_OK) gd_module_reset(p.module, 1);
  if (st == GD_OK) st = gd_params_new(&p.params, p.module);
  st = gd_world_agree(w, st);
  if (st == GD_OK)
    st = gd_sync_new(
        &p.sync, w, p.params,
        &(gd_sync_options){.optim = gd_optim_defaults(GD_SGD), .max_micro_batches = gd_world_size(w)});
  if (st == GD_OK) st = measure(&p, seconds);
  gd_sync_free(p.sync);
  gd_params_free(p.params);
  gd_module_free(p.module);
  return st;
}

static gd_status measure_size(gd_world *w, gd_device *d, bool nccl, gd_comm_row *r) {
  if (nccl) return gdi_bench_nccl(w, d, r->bytes, &r->all_reduce_s, &r->ordered_s);
  GD_TRY(measure_all_reduce(w, r->bytes, &r->all_reduce_s));
  return measure_ordered(w, d, r->bytes, &r->ordered_s);
}

/* Where memory ends, so does the table. */
gd_status gdi_bench_sizes(gd_world *w, gd_device *d, bool nccl, size_t max_bytes, gd_comm_bench *out) {
  enum { ROWS = sizeof out->row / sizeof *out->row };
  for (size_t bytes = sizeof(float); bytes <= max_bytes && out->rows < ROWS; bytes *= 4) {
    gd_comm_row *r = &out->row[out->rows];
    r->bytes = bytes;
    gd_status st = measure_size(w, d, nccl, r);
    if (st == GD_ERR_OOM) {
      gd_message(GD_LOG_WARN, "sizes end at %zu bytes: %s", bytes / 4, gd_error_last()->message);
      gd_error_clear();
      return GD_OK;
    }
    GD_TRY(st);
    out->rows++;
  }
  return GD_OK;
}
