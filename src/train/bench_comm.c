/* gd_bench_comm(): what messages cost by themselves, and how much of that a step hides. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gd/log.h"
#include "train/bench.h"
#include "train/study.h"

enum { LEAST = 3, MOST = 200, STEPS = 50, WARM_UP = 5, TURN = 5 };
static const double seconds_a_size = 0.3;

/* ---- sizes ---- */

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
  gd_sync_leaf(p->sync, run.lo);
  if (p->step == 0) GD_TRY(gd_tensor_fill(t->grad, 0)); /* so that its memory is there */
  t->has_grad = true;
  const double t0 = gdi_now();
  GD_TRY(gd_sync_leaf_done(p->sync, run.lo, &(gd_record){.weight = 1, .samples = 1}));
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

/* Where memory ends, so does the table. */
static gd_status sizes(gd_world *w, gd_device *d, size_t max_bytes, gd_comm_bench *out) {
  enum { ROWS = sizeof out->row / sizeof *out->row };
  for (size_t bytes = sizeof(float); bytes <= max_bytes && out->rows < ROWS; bytes *= 4) {
    gd_comm_row *r = &out->row[out->rows];
    r->bytes = bytes;
    gd_status st = measure_all_reduce(w, bytes, &r->all_reduce_s);
    if (st == GD_OK) st = measure_ordered(w, d, bytes, &r->ordered_s);
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

/* ---- steps ---- */

/* In turns, so that whatever else happens on the machine happens to all ways alike. */
static gd_status take_turns(gd_world *w, gdi_job job[GD_COMM_WAYS], int64_t n,
                            double *seconds[GD_COMM_WAYS]) {
  for (int way = 0; way < GD_COMM_WAYS; way++) GD_TRY(gdi_bench_steps(&job[way], WARM_UP, NULL));
  for (int way = 0; way < GD_COMM_WAYS; way++) job[way].ledger = (gd_ledger){0};
  for (int64_t i = 0; i < n; i += TURN)
    for (int way = 0; way < GD_COMM_WAYS; way++) {
      GD_TRY(gd_world_barrier(w));
      GD_TRY(gdi_bench_steps(&job[way], n - i < TURN ? n - i : TURN, seconds[way] + i));
    }
  return GD_OK;
}

static gd_status conclude(gd_world *w, gdi_job job[GD_COMM_WAYS], int64_t n, double *seconds[GD_COMM_WAYS],
                          gd_comm_bench *out) {
  for (int way = 0; way < GD_COMM_WAYS; way++) {
    out->step_s[way] = gdi_median(seconds[way], (int)n);
    out->exchange_s[way] = (job[way].ledger.exchange + job[way].ledger.wait) / (double)n / gd_world_size(w);
  }
  out->steps = n;
  GD_TRY(gd_world_allreduce_f64(w, out->exchange_s, GD_COMM_WAYS, GD_SUM));
  return gd_world_allreduce_f64(w, out->step_s, GD_COMM_WAYS, GD_MAX);
}

/* The jobs of all ways on one copy of the data. */
static gd_status open_ways(gd_world *w, gd_world *alone, const gd_options *o, const gdi_job *data,
                           gdi_job job[GD_COMM_WAYS]) {
  gd_options options = *o;
  for (int way = GD_COMM_AFTER; way < GD_COMM_WAYS; way++) {
    options.overlap = way == GD_COMM_DURING;
    GD_TRY(gdi_job_open_on(&job[way], w, &options, data));
  }
  const gdi_batches *b = &job[GD_COMM_AFTER].batches;
  const int64_t ranks = gd_world_size(w), busiest = (gdi_batches_max_micro(b) + ranks - 1) / ranks * b->micro;
  options.batch_size = busiest < b->batch ? busiest : b->batch;
  options.micro_batch = b->micro;
  return gd_world_agree(w, gdi_job_open_on(&job[GD_COMM_ALONE], alone, &options, data));
}

static gd_status steps(gd_world *w, const gd_options *o, const gdi_job *data, gd_comm_bench *out) {
  const int64_t n = o->steps ? o->steps : STEPS;
  gd_options options = *o;
  options.steps = n + WARM_UP;
  gdi_job job[GD_COMM_WAYS] = {0};
  double *all = calloc((size_t)n * GD_COMM_WAYS, sizeof *all), *seconds[GD_COMM_WAYS];
  for (int way = 0; all && way < GD_COMM_WAYS; way++) seconds[way] = all + way * n;
  gd_world *alone = NULL;
  gd_status st = gd_world_agree(w, all ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for times"));
  if (st == GD_OK) st = gd_world_split(&alone, w, gd_world_rank(w));
  if (st == GD_OK) st = open_ways(w, alone, &options, data, job);
  if (st == GD_OK) gdi_job_layout(&job[GD_COMM_DURING], out->layout, sizeof out->layout);
  if (st == GD_OK) st = take_turns(w, job, n, seconds);
  if (st == GD_OK) st = conclude(w, job, n, seconds, out);
  for (int way = 0; way < GD_COMM_WAYS; way++) gdi_job_close(&job[way]);
  gd_world_finish(alone);
  free(all);
  return st;
}

gd_status gd_bench_comm(gd_world *w, const gd_options *o, size_t max_bytes, gd_comm_bench *out) {
  memset(out, 0, sizeof *out);
  gdi_job data = {0};
  gd_device *cpu = NULL;
  gd_status st = gdi_job_open_data(&data, w, o);
  if (st == GD_OK) st = steps(w, o, &data, out);
  if (st == GD_OK) st = gd_world_agree(w, gdi_device_for(&cpu, w, "cpu", o->threads, "fp32"));
  if (st == GD_OK) st = sizes(w, cpu, max_bytes, out);
  gd_device_close(cpu);
  gdi_job_close(&data);
  return st;
}
