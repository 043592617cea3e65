/* gd_bench(): the ledger of a step beside what its matrix products alone would take. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stats.h"
#include "bench/bench.h"
#include "train/gpu_step.h"

enum { WARM_UP = 20, STEPS = 200, BARRIERS = 1000, BY_LAYER = 50 };

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
  const double before = gdi_bench_memory();
  GD_TRY(gdi_bench_steps(j, WARM_UP, NULL));
  j->ledger = (gd_ledger){0};
  double t0 = gdi_now();
  GD_TRY(gdi_bench_steps(j, n, seconds));
  GD_TRY(average(j, n, gdi_now() - t0, &out->ledger));
  out->memory_bytes = gdi_bench_memory_peak() - before;
  GD_TRY(gd_world_allreduce_f64(j->world, &out->memory_bytes, 1, GD_MAX));
  out->step_s = gdi_median(seconds, (int)n);
  out->samples_per_s = (double)j->batches.batch / out->step_s;
  out->steps = n, out->parameters = j->params->trainable;
  out->gpu = j->on_gpu, out->queued = gdi_bench_queued(j);
  out->kernels = j->on_gpu ? gdi_on_gpu_kernels(j, &out->longest_path) : 0;
  GD_TRY(barriers(j->world, &out->barrier_s));
  GD_TRY(gdi_bench_exchange(j, &out->exchange_s));
  return gdi_bench_layers(j, n < BY_LAYER ? n : BY_LAYER, out);
}

gd_status gd_bench(gd_world *w, const gd_options *o, gd_bench_result *out) {
  memset(out, 0, sizeof *out);
  gd_options options = *o;
  const int64_t n = o->steps ? o->steps : STEPS;
  options.steps = n + WARM_UP + (n < BY_LAYER ? n : BY_LAYER);
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

void gd_bench_free(gd_bench_result *r) {
  free(r->layer);
  r->layer = NULL, r->layers = 0;
}
