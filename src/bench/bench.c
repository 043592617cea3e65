/* gd_bench(): the ledger of a step beside what its matrix products alone would take. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "device/device.h"
#include "base/stats.h"
#include "bench/bench.h"
#include "train/gpu_step.h"

enum { WARM_UP = 20, STEPS = 200, BARRIERS = 1000 };

/* The affine layers of the model, each at the rows of a micro-batch, as often as this rank computes one in a
 * step. */
static gd_status products(gdi_job *j, gd_bench_result *out) {
  const int64_t rows = j->batches.micro, ranks = gd_world_size(j->world);
  const double times = (double)((gdi_batches_max_micro(&j->batches) + ranks - 1) / ranks);
  for (int i = 0; i < j->params->n_trained; i++) {
    const gd_tensor *w = j->params->item[i].tensor;
    if (w->ndim != 2) continue;
    const bool first = i == j->params->n_trained - 1 ||
                       (i == j->params->n_trained - 2 && j->params->item[i + 1].tensor->ndim != 2);
    double seconds;
    GD_TRY(j->device->layer_seconds(j->device, j->dtype, rows, w->shape[1], w->shape[0], !first, &seconds));
    out->products_s += times * seconds;
    out->products_flops += times * 2 * (first ? 2 : 3) * (double)(rows * w->shape[0] * w->shape[1]);
  }
  return GD_OK;
}

static gd_status barriers(gd_world *w, double *seconds) {
  double t0 = gdi_now();
  for (int i = 0; i < BARRIERS; i++) GD_TRY(gd_world_barrier(w));
  *seconds = (gdi_now() - t0) / BARRIERS;
  return GD_OK;
}

/* Means over ranks of this rank's seconds a step. */
static gd_status average(gdi_job *j, int64_t n, double total, gd_ledger *out) {
  const gd_ledger *l = &j->ledger;
  double v[] = {l->data, l->forward, l->backward, l->sum, l->exchange, l->update, l->wait, total};
  enum { PARTS = sizeof v / sizeof *v };
  GD_TRY(gd_world_allreduce_f64(j->world, v, PARTS, GD_SUM));
  for (int i = 0; i < PARTS; i++) v[i] /= (double)n * gd_world_size(j->world);
  *out = (gd_ledger){.data = v[0],
                     .forward = v[1],
                     .backward = v[2],
                     .sum = v[3],
                     .exchange = v[4],
                     .update = v[5],
                     .wait = v[6],
                     .total = v[7]};
  out->other = v[7] - v[0] - v[1] - v[2] - v[3] - v[4] - v[5] - v[6];
  return GD_OK;
}

static gd_status run(gdi_job *j, int64_t n, double *seconds, gd_bench_result *out) {
  gdi_job_layout(j, out->layout, sizeof out->layout);
  GD_TRY(gdi_bench_steps(j, WARM_UP, NULL));
  j->ledger = (gd_ledger){0};
  double t0 = gdi_now();
  GD_TRY(gdi_bench_steps(j, n, seconds));
  GD_TRY(average(j, n, gdi_now() - t0, &out->ledger));
  out->step_s = gdi_median(seconds, (int)n);
  out->samples_per_s = (double)j->batches.batch / out->step_s;
  out->steps = n, out->parameters = j->params->trainable;
  out->gpu = j->on_gpu, out->queued = gdi_bench_queued(j);
  out->kernels = j->on_gpu ? gdi_on_gpu_kernels(j, &out->longest_path) : 0;
  GD_TRY(barriers(j->world, &out->barrier_s));
  GD_TRY(gdi_bench_exchange(j, &out->exchange_s));
  return gd_world_agree(j->world,
                        products(j, out)); /* all ranks at once, as in a step: they share the memory */
}

gd_status gd_bench(gd_world *w, const gd_options *o, gd_bench_result *out) {
  memset(out, 0, sizeof *out);
  gd_options options = *o;
  const int64_t n = o->steps ? o->steps : STEPS;
  options.steps = n + WARM_UP;
  gdi_job j = {0};
  double *seconds = malloc((size_t)n * sizeof *seconds);
  gd_status st =
      gd_world_agree(w, seconds ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %lld times", (long long)n));
  if (st == GD_OK) {
    st = gdi_job_open(&j, w, &options, NULL);
    if (st == GD_OK) st = run(&j, n, seconds, out);
    gdi_job_close(&j);
  }
  free(seconds);
  return st;
}
