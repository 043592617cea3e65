/* gd_bench_comm(): how much of what messages cost a step hides. */
#include <stdlib.h>
#include <string.h>

#include "comm/rank_device.h"
#include "gd/log.h"
#include "sync/gpu/gpu_sync.h"
#include "base/stats.h"
#include "bench/bench.h"
#include "train/gpu_step.h"

enum { STEPS = 50, WARM_UP = 5, TURN = 5, QUEUED_TURN = 2 * GDI_POLL_STEPS };

/* By what ranks pass data in these steps. */
static void say_path(const gdi_job *j, gd_comm_bench *out) {
  const gdi_gpu_sync *b = gdi_gpu_sync_of(j->sync);
  out->queued = gdi_bench_queued(j), out->nccl = b && b->nccl;
  snprintf(out->path, sizeof out->path, "%s",
           out->nccl ? gdi_nccl_describe(b->nccl) : "MPI and shared memory of hosts");
}

/* In turns, so that whatever else happens on the machine happens to all ways alike. */
static gd_status take_turns(gd_world *w, gdi_job job[GD_COMM_WAYS], int64_t n,
                            double *seconds[GD_COMM_WAYS]) {
  const int64_t turn = gdi_bench_queued(&job[GD_COMM_DURING]) ? QUEUED_TURN : TURN;
  for (int way = 0; way < GD_COMM_WAYS; way++) GD_TRY(gdi_bench_steps(&job[way], WARM_UP, NULL));
  for (int way = 0; way < GD_COMM_WAYS; way++) job[way].ledger = (gd_ledger){0};
  for (int64_t i = 0; i < n; i += turn)
    for (int way = 0; way < GD_COMM_WAYS; way++) {
      GD_TRY(gd_world_barrier(w));
      GD_TRY(gdi_bench_steps(&job[way], n - i < turn ? n - i : turn, seconds[way] + i));
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
    GD_TRY(gdi_job_open_on(&job[way], w, &options, data, NULL));
  }
  const gdi_batches *b = &job[GD_COMM_AFTER].batches;
  const int64_t ranks = gd_world_size(w), busiest = (gdi_batches_max_micro(b) + ranks - 1) / ranks * b->micro;
  options.batch_size = busiest < b->batch ? busiest : b->batch;
  options.micro_batch = b->micro;
  return gd_world_agree(w, gdi_job_open_on(&job[GD_COMM_ALONE], alone, &options, data, NULL));
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
  if (st == GD_OK) say_path(&job[GD_COMM_DURING], out);
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
  gd_device *d = NULL;
  gd_status st = gdi_job_open_data(&data, w, o);
  if (st == GD_OK) st = steps(w, o, &data, out);
  const char *where = out->nccl ? o->device : "cpu";
  if (st == GD_OK) st = gd_world_agree(w, gdi_device_for(&d, w, where, o->threads, "fp32"));
  if (st == GD_OK) st = gdi_bench_sizes(w, d, out->nccl, max_bytes, out);
  gd_device_close(d);
  gdi_job_close(&data);
  return st;
}
