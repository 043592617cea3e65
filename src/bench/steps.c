/* Timing steps: by the host's clock; on a GPU, where the host only queues them, between marks in the
 * queue. */
#include <stdlib.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "train/gpu_step.h"

bool gdi_bench_queued(const gdi_job *j) {
  return j->on_gpu && j->on_gpu->resident;
}

static gd_status by_host(gdi_job *j, int64_t n, double *seconds) {
  gd_sync_result r;
  for (int64_t i = 0; i < n; i++) {
    const double t0 = gdi_now();
    GD_TRY(gdi_step(j, 0, &r));
    if (seconds) seconds[i] = gdi_now() - t0;
  }
  return GD_OK;
}

/*
 * Groups as long as the time between two looks at what steps found, so that each holds one. The compute stream
 * joins the others at the end of a step: its marks are the steps'.
 */
enum { GROUP = GDI_POLL_STEPS };

static int64_t groups_of(int64_t n) {
  return (n + GROUP - 1) / GROUP;
}

static gd_status queue_groups(gdi_job *j, int64_t n, gdi_event **mark) {
  const gdi_gpu *gpu = j->device->gpu;
  gd_sync_result r;
  for (int64_t g = 0; g <= groups_of(n); g++) {
    GD_TRY(gpu->event_record(j->device, GDI_STREAM_COMPUTE, mark[g]));
    for (int64_t i = g * GROUP; i < n && i < (g + 1) * GROUP; i++) GD_TRY(gdi_step(j, 0, &r));
  }
  GD_TRY(gdi_synchronize(j));
  return gpu->wait_for(j->device, mark[groups_of(n)]);
}

/* Every step took its share of its group. */
static gd_status read_marks(gdi_job *j, int64_t n, gdi_event **mark, double *seconds) {
  for (int64_t i = 0; i < n; i++) {
    const int64_t g = i / GROUP, first = g * GROUP, steps = n - first < GROUP ? n - first : GROUP;
    if (i == first) GD_TRY(j->device->gpu->seconds(j->device, mark[g], mark[g + 1], &seconds[i]));
    seconds[i] = i == first ? seconds[i] / (double)steps : seconds[first];
  }
  return GD_OK;
}

static gd_status by_marks(gdi_job *j, int64_t n, double *seconds) {
  const gdi_gpu *gpu = j->device->gpu;
  const int64_t marks = groups_of(n) + 1;
  gdi_event **mark = calloc((size_t)marks, sizeof *mark);
  gd_status st = mark ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %lld marks", (long long)marks);
  for (int64_t i = 0; st == GD_OK && i < marks; i++) st = gpu->clock_new(j->device, &mark[i]);
  st = gd_world_agree(j->world, st);
  if (st == GD_OK) st = queue_groups(j, n, mark);
  if (st == GD_OK && seconds) st = read_marks(j, n, mark, seconds);
  for (int64_t i = 0; mark && i < marks; i++) gpu->event_free(j->device, mark[i]);
  free(mark);
  return st;
}

gd_status gdi_bench_steps(gdi_job *j, int64_t n, double *seconds) {
  return gdi_bench_queued(j) ? by_marks(j, n, seconds) : by_host(j, n, seconds);
}
