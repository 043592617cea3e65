/*
 * What NCCL passes from GPU to GPU, by itself: groups of equal exchanges between two marks. They are recorded,
 * as steps are, or small ones would take the time in which the host queues them.
 */
#include "gd/nn.h"
#include "sync/gpu/gpu_sync.h"
#include "base/stats.h"
#include "bench/bench.h"
#include "train/gpu_step.h"

enum { CALLS = 8, LEAST = 3, MOST = 50 };
static const double seconds_of_groups = 0.3;

/* An exchange that can be queued again and again. */
typedef struct exchange {
  gd_sync *sync;
  gd_status (*queue)(struct exchange *e);
  gdi_event *from, *to;
  bool recording;
  gdi_graph *graph; /* of a group */
  float *memory;    /* all-reduce */
  int64_t n, step;
} exchange;

static gd_status queue(exchange *e) {
  for (int i = 0; i < CALLS; i++) GD_TRY(e->queue(e));
  return GD_OK;
}

static gd_status record(exchange *e) {
  gdi_gpu_sync *b = gdi_gpu_sync_of(e->sync);
  GD_TRY(b->gpu->capture(b->device));
  e->recording = true;
  gd_status st = queue(e);
  e->recording = false;
  const gd_status ended = b->gpu->captured(b->device, &e->graph);
  return st != GD_OK ? st : ended;
}

static gd_status group(exchange *e, double *seconds) {
  gdi_gpu_sync *b = gdi_gpu_sync_of(e->sync);
  GD_TRY(gd_world_barrier(e->sync->world));
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_COMPUTE, e->from));
  GD_TRY(e->graph ? b->gpu->replay(b->device, e->graph) : queue(e));
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_COMPUTE, e->to));
  GD_TRY(b->gpu->wait_for(b->device, e->to));
  GD_TRY(b->gpu->seconds(b->device, e->from, e->to, seconds));
  *seconds /= CALLS;
  return GD_OK;
}

/* The median over groups, each as long as its slowest rank takes. The first one makes connections, and so is
 * not recorded. */
static gd_status groups(exchange *e, double *median) {
  gd_world *w = e->sync->world;
  double seconds[MOST], once;
  GD_TRY(group(e, &once));
  GD_TRY(gd_world_agree(w, record(e)));
  GD_TRY(group(e, &once));
  GD_TRY(gd_world_allreduce_f64(w, &once, 1, GD_MAX));
  const double fit = seconds_of_groups / (once * CALLS);
  const int n = fit < LEAST ? LEAST : fit > MOST ? MOST : (int)fit;
  for (int i = 0; i < n; i++) GD_TRY(group(e, &seconds[i]));
  GD_TRY(gd_world_allreduce_f64(w, seconds, n, GD_MAX));
  *median = gdi_median(seconds, n);
  return GD_OK;
}

static gd_status measure(exchange *e, double *median) {
  gdi_gpu_sync *b = gdi_gpu_sync_of(e->sync);
  gd_status st = b->gpu->clock_new(b->device, &e->from);
  if (st == GD_OK) st = b->gpu->clock_new(b->device, &e->to);
  st = gd_world_agree(e->sync->world, st);
  if (st == GD_OK) st = groups(e, median);
  b->gpu->graph_free(b->device, e->graph);
  e->graph = NULL;
  b->gpu->event_free(b->device, e->from);
  b->gpu->event_free(b->device, e->to);
  return st;
}

/* ---- a step's exchange ---- */

static gd_status queue_buckets(exchange *e) {
  gdi_gpu_plan *p;
  GD_TRY(gdi_gpu_plan_for(e->sync, &p));
  for (int i = 0; i < gdi_gpu_sync_of(e->sync)->buckets; i++)
    GD_TRY(gdi_peers_bucket(e->sync, p, i, GDI_STREAM_COMPUTE));
  return GD_OK;
}

gd_status gdi_bench_exchange(gdi_job *j, double *seconds) {
  *seconds = 0;
  if (!gdi_bench_queued(j) || !gdi_gpu_sync_of(j->sync)->nccl) return GD_OK;
  (void)gd_sync_begin(j->sync, gdi_batches_max_micro(&j->batches));
  exchange e = {.sync = j->sync, .queue = queue_buckets};
  return measure(&e, seconds);
}

/* ---- messages of a size ---- */

static gd_status queue_all_reduce(exchange *e) {
  return gdi_nccl_sum(gdi_gpu_sync_of(e->sync)->nccl, GDI_STREAM_COMPUTE, e->memory, e->n, GD_F32);
}

/* A step whose backward takes no time: one micro-batch a rank, of a zero gradient and without weight. */
static gd_status queue_ordered(exchange *e) {
  gd_tensor *t = e->sync->params->item[0].tensor;
  const gd_range run = gd_sync_begin(e->sync, gd_world_size(e->sync->world));
  gd_sync_micro_batch(e->sync, run.lo);
  if (e->step == 0) GD_TRY(gd_tensor_fill(t->grad, 0));
  t->has_grad = true;
  if (!e->recording) /* a recorded step reads what was sent before it */
    GD_TRY(gdi_gpu_sync_input(e->sync, &(gd_sync_step){.lr = 0.1, .step = e->step++}, NULL));
  GD_TRY(gd_sync_micro_batch_done(e->sync, run.lo, NULL));
  return gdi_resident_update(e->sync);
}

static gd_status both(gd_sync *s, size_t bytes, double *all_reduce_s, double *ordered_s) {
  gdi_gpu_sync *b = gdi_gpu_sync_of(s);
  exchange e = {.sync = s, .queue = queue_all_reduce, .n = (int64_t)(bytes / sizeof(float))};
  void *memory = NULL, *own = NULL;
  GD_TRY(gdi_nccl_memory(b->nccl, &memory, bytes));
  if (!memory) memory = own = b->device->memory.take(b->device->memory.user, bytes);
  gd_status st = memory ? b->device->zero(b->device, memory, bytes)
                        : GD_FAIL(GD_ERR_OOM, "no %zu bytes to reduce on GPU %d", bytes, b->device->index);
  st = gd_world_agree(s->world, st);
  e.memory = memory;
  if (st == GD_OK) st = measure(&e, all_reduce_s);
  if (own)
    b->device->memory.give(b->device->memory.user, own);
  else
    gdi_nccl_memory_free(b->nccl, memory);
  e.queue = queue_ordered;
  return st == GD_OK ? measure(&e, ordered_s) : st;
}

gd_status gdi_bench_nccl(gd_world *w, gd_device *d, size_t bytes, double *all_reduce_s, double *ordered_s) {
  gd_module *module = NULL;
  gd_params *params = NULL;
  gd_sync *sync = NULL;
  gd_status st = gd_linear_new(&module, d, GD_F32, 1, (int64_t)(bytes / sizeof(float)), false);
  if (st == GD_OK) gd_module_reset(module, 1);
  if (st == GD_OK) st = gd_params_new(&params, module);
  st = gd_world_agree(w, st);
  const gd_sync_options o = {
      .nccl = GD_NCCL_ALWAYS, .optim = gd_optim_defaults(GD_SGD), .max_micro_batches = gd_world_size(w)};
  if (st == GD_OK) st = gd_sync_new(&sync, w, params, &o);
  if (st == GD_OK) st = both(sync, bytes, all_reduce_s, ordered_s);
  gd_sync_free(sync);
  gd_params_free(params);
  gd_module_free(module);
  return st;
}
