/* gd_bench(): the ledger of a step beside what its matrix products alone would take. */
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "base/clock.h"
#include "base/stats.h"
#include "bench/bench.h"
#include "train/gpu_step.h"

enum { WARM_UP = 20, STEPS = 200, BARRIERS = 1000 };

/*
 * One matrix product as large as an operation that counts its work: as many columns as its result, and as many terms as that
 * leaves for an element. Of an affine map this is its own product, of a convolution the one over its patches. `share`: of
 * its rows.
 */
static gd_status product(gdi_job *j, const gd_node *n, double share, double times, gd_bench_result *out) {
  const gd_tensor *y = n->out;
  const double flops = share * gd_node_flops(n);
  const int64_t columns = y->ndim ? y->shape[y->ndim - 1] : 1;
  const int64_t rows = (int64_t)(share * (double)gd_numel(y) / (double)columns + 0.5);
  if (!(flops > 0) || rows == 0) return GD_OK;
  const int64_t terms = (int64_t)(flops / (2 * (double)(rows * columns)) + 0.5);
  int backward = 0; /* products of its own, for each input */
  for (int i = 0; i < 2 && i < n->n_in; i++) backward += n->in[i] && n->in[i]->requires_grad;
  double seconds;
  GD_TRY(j->device->layer_seconds(j->device, j->dtype, rows, terms > 0 ? terms : 1, columns, backward > 1,
                                  &seconds));
  out->products_s += times * seconds;
  out->products_flops += times * (1 + backward) * flops;
  return GD_OK;
}

/* Those that the last micro-batch recorded, at the rows of a whole one, as often as this rank computes one in a step. */
static gd_status products(gdi_job *j, gd_bench_result *out) {
  const int64_t ranks = gd_world_size(j->world);
  const double times = (double)((gdi_batches_max_micro(&j->batches) + ranks - 1) / ranks);
  const double share = j->tape->rows ? (double)j->batches.micro / (double)j->tape->rows : 1;
  for (const gd_node *n = j->tape->last; n; n = n->previous) GD_TRY(product(j, n, share, times, out));
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
