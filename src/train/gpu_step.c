/*
 * Steps on a GPU. A step is queued like the one of step.c; its second run is recorded as a graph and all
 * others are one launch. What differs from step to step - rate, number, which samples - lies in device memory
 * (gdi_step_input), so nothing is ever recorded again. The samples lie there from the start, or a rank's share
 * of a step is sent before it, in one piece.
 */
#include "train/gpu_step.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "data/loader.h"

enum {
  MOST_SHAPES = 8, /* a batch and the short last one; more only when a test asks for them */
  SENT_MB = 64     /* of a share that is sent at once, as two of them are in memory; else by micro-batches */
};

static const gdi_gpu *gpu_of(const gdi_job *j) {
  return j->device->gpu;
}

/* The most samples that a rank has in a step, and what those take as stored. */
typedef struct share {
  int64_t rows;
  double mb;
} share;

static share largest_share(const gdi_job *j) {
  const int64_t K = gdi_batches_max_micro(&j->batches), ranks = gd_world_size(j->world);
  const int64_t most = (K + ranks - 1) / ranks * j->batches.micro;
  const gd_data_info *i = gd_dataset_info(j->train.data);
  const int64_t rows = most < j->batches.batch ? most : j->batches.batch;
  return (share){rows, (double)rows * (double)(i->x_bytes + i->y_bytes) / (double)i->n / (1 << 20)};
}

/* In one piece: it is small, or one micro-batch anyway. */
static bool sent_at_once(const gdi_job *j) {
  const share s = largest_share(j);
  return s.mb <= SENT_MB || s.rows <= j->batches.micro;
}

int64_t gdi_sent_rows(const gdi_job *j) {
  return sent_at_once(j) ? largest_share(j).rows : j->batches.micro;
}

/* Steps that are not recorded cost time: that is said, unless it was asked for. */
static gd_status may_record(const gdi_job *j, bool resident, bool follows) {
  const bool must = strcmp(j->opt.cuda_graphs, "on") == 0, never = strcmp(j->opt.cuda_graphs, "off") == 0;
  const bool streamed = gd_dataset_streamed(j->train.data) || j->train_order.shuffle == GD_SHUFFLE_BLOCK ||
                        j->train_order.sampler == GD_SAMPLE_BALANCED;
  const double mb = largest_share(j).mb;
  if (must && !follows)
    return GD_FAIL(
        GD_ERR_USAGE,
        "cuda_graphs: on needs the data in the GPU's memory, or at most %d MB of them for a rank and "
        "step, not %.0f: use a larger micro_batch, a smaller batch_size or more ranks",
        SENT_MB, mb);
  if (must && j->trace)
    return GD_FAIL(GD_ERR_USAGE,
                   "cuda_graphs: on cannot be combined with trace, which lists samples as they are used");
  if (gd_world_rank(j->world) != 0) return GD_OK;
  if (j->augment)
    gdi_message_once(GD_LOG_INFO, "samples are sent to the GPU as they are needed, augmented %s",
                     gdi_loader_augments_there(j->loader) ? "there" : "by the host");
  else if (!resident && !streamed)
    gdi_message_once(GD_LOG_INFO,
                     "the data leave too little of the GPU's memory: batches are copied there as needed");
  if (!follows && !never)
    gdi_message_once(
        GD_LOG_INFO,
        "steps are not recorded as CUDA graphs: a rank's data of one take %.0f MB, more than the %d "
        "that are sent at once",
        mb, SENT_MB);
  return GD_OK;
}

gd_status gdi_on_gpu_new(gdi_job *j) {
  if (!gpu_of(j)) return GD_OK;
  gdi_on_gpu *g = j->on_gpu = calloc(1, sizeof *g);
  if (g) g->recorded = calloc(MOST_SHAPES, sizeof *g->recorded);
  if (!g || !g->recorded) return GD_FAIL(GD_ERR_OOM, "no memory for steps on a GPU");
  const bool resident = gdi_loader_resident(j->loader);
  g->resident = gdi_gpu_sync_of(j->sync)->resident;
  g->follows = resident || sent_at_once(j);
  g->epoch = -1;
  double all[] = {resident, g->follows}; /* ranks that pass data on their GPUs record all, or none */
  if (g->resident) GD_TRY(gd_world_allreduce_f64(j->world, all, 2, GD_MIN));
  g->records = strcmp(j->opt.cuda_graphs, "off") != 0 && all[1] != 0;
  return may_record(j, all[0] != 0, all[1] != 0);
}

void gdi_on_gpu_free(gdi_job *j) {
  gdi_on_gpu *g = j->on_gpu;
  if (!g) return;
  for (int i = 0; i < g->n; i++) gpu_of(j)->graph_free(j->device, g->recorded[i].graph);
  free(g->recorded);
  free(g);
}

/* ---- what changes from step to step ---- */

/* The samples of a resident set, by their positions. */
static gd_status name_samples(gdi_job *j, const gdi_step_plan *plan, const gdi_batch_input *in) {
  gdi_on_gpu *g = j->on_gpu;
  if (g->epoch != plan->epoch) GD_TRY(gdi_order_key_at(&j->train_order, plan->epoch, &g->batch.order));
  g->epoch = plan->epoch;
  g->batch.first = plan->rows.lo;
  gdi_loader_follow(j->loader, in, plan->rows.lo);
  return GD_OK;
}

/* Those that this rank reads, by where they arrive. */
static gd_status send_samples(gdi_job *j, const gdi_step_plan *plan, const gdi_batch_input *in) {
  const gd_range rows = gdi_rank_rows(j, plan, true);
  const double t0 = gdi_now();
  if (rows.lo == rows.hi) return GD_OK;
  gd_status st = gdi_loader_take(j->loader, plan->epoch, rows, in, &j->on_gpu->batch);
  j->ledger.data += gdi_now() - t0;
  return st;
}

/* Also on a rank whose samples cannot be had: it takes part in the exchange. */
static gd_status begin_step(gdi_job *j, const gdi_step_plan *plan, const gd_sync_step *step) {
  gdi_on_gpu *g = j->on_gpu;
  (void)gd_sync_begin(j->sync, plan->K);
  if (!g->follows) return gdi_gpu_sync_input(j->sync, step, NULL);
  const gdi_step_input *in = gdi_gpu_sync_of(j->sync)->input;
  const bool resident = gdi_loader_resident(j->loader);
  GD_TRY(resident ? name_samples(j, plan, &in->batch) : send_samples(j, plan, &in->batch));
  gd_tape_step_at(j->tape, &in->step);
  return gdi_gpu_sync_input(j->sync, step, &g->batch);
}

/* ---- the work of a step ---- */

/* Also what follows it on the GPU: the update, or the copies down. */
static gd_status queue(gdi_job *j, const gdi_step_plan *plan) {
  GD_TRY(gdi_compute(j, plan));
  return j->on_gpu->resident ? gdi_resident_update(j->sync) : gdi_host_staged_down(j->sync);
}

static gdi_captured *find(gdi_on_gpu *g, int64_t rows) {
  for (int i = 0; i < g->n; i++)
    if (g->recorded[i].rows == rows) return &g->recorded[i];
  if (g->n == MOST_SHAPES) return NULL;
  g->recorded[g->n] = (gdi_captured){.rows = rows};
  return &g->recorded[g->n++];
}

/* Work is recorded, and not run. */
static gd_status capture(gdi_job *j, const gdi_step_plan *plan, gdi_graph **out) {
  GD_TRY(gpu_of(j)->capture(j->device));
  gd_status st = GDI_FAULT("recording") ? GD_FAIL(GD_ERR_GPU, "injected: not recorded") : queue(j, plan);
  gd_status ended = gpu_of(j)->captured(j->device, out);
  return st != GD_OK ? st : ended;
}

/*
 * A step that cannot be recorded is queued each time: slower, and said once. Ranks that pass data on their
 * GPUs record the same steps: what only some could record is thrown away. Everything in the step has run
 * once before, else NCCL would make its connections while it is recorded.
 */
static gd_status record(gdi_job *j, const gdi_step_plan *plan, gdi_captured *r) {
  gdi_gpu_plan *sums; /* made now: nothing may be uploaded while work is recorded */
  GD_TRY(gdi_gpu_plan_for(j->sync, &sums));
  if (j->on_gpu->resident) GD_TRY(gdi_gpu_sync_drain(j->sync));
  gd_status st = capture(j, plan, &r->graph);
  if (st == GD_ERR_COMM) return st;
  if (j->on_gpu->resident) st = gd_world_agree(j->world, st);
  if (st == GD_OK) return GD_OK;
  gpu_of(j)->graph_free(j->device, r->graph);
  r->graph = NULL;
  j->on_gpu->agreed = j->on_gpu->resident;
  if (st == GD_ERR_COMM || strcmp(j->opt.cuda_graphs, "on") == 0) return st;
  if (!j->on_gpu->resident || gd_world_rank(j->world) == 0)
    gd_message(GD_LOG_WARN, "steps are not recorded as CUDA graphs, which costs time: %s",
               gd_error_last()->message);
  gd_error_clear();
  j->on_gpu->records = j->on_gpu->agreed = false;
  return GD_OK;
}

static gd_status queue_or_replay(gdi_job *j, const gdi_step_plan *plan) {
  gdi_on_gpu *g = j->on_gpu;
  gdi_captured *r = g->records && !j->trace ? find(g, plan->rows.hi - plan->rows.lo) : NULL;
  if (r && !r->graph && r->seen > 0) GD_TRY(record(j, plan, r));
  if (r) r->seen++;
  if (!r || !r->graph) return queue(j, plan);
  return gpu_of(j)->replay(j->device, r->graph);
}

/* The next step's samples are read while the GPU is busy with this one; those of a held set are sent, too. */
static gd_status run(gdi_job *j, const gdi_step_plan *plan) {
  GD_TRY(queue_or_replay(j, plan));
  GD_TRY(gdi_loader_used(j->loader));
  const double t0 = gdi_now();
  gdi_hint_next_step(j);
  j->ledger.data += gdi_now() - t0;
  return GD_OK;
}

/* ---- the two ways of sync/gpu/gpu_sync.h ---- */

gd_status gdi_compute_on_gpu(gdi_job *j, const gdi_step_plan *plan, const gd_sync_step *step) {
  GD_TRY(begin_step(j, plan, step));
  GD_TRY(run(j, plan));
  const double t0 = gdi_now();
  gd_status st = gdi_host_staged_arrive(j->sync);
  j->ledger.wait += gdi_now() - t0;
  return st;
}

static gd_status found(gdi_job *j, gd_status st, const gd_sync_result *out) {
  if (st == GD_ERR_NONFINITE) j->step = out->stopped_at;
  return st;
}

/* Others may already wait on their GPUs for what a rank that failed will never send. */
static gd_status alone(gdi_job *j, gd_status st) {
  const bool known = st == GD_ERR_NONFINITE || st == GD_ERR_REPLICA || j->on_gpu->agreed; /* to all ranks */
  return known ? st : gd_world_fail_alone(j->world, st);
}

static gd_status queue_step(gdi_job *j, const gdi_step_plan *plan, const gd_sync_step *step,
                            gd_sync_result *out) {
  GD_TRY(begin_step(j, plan, step));
  GD_TRY(run(j, plan));
  const double t0 = gdi_now();
  gd_status st = gdi_gpu_sync_queued(j->sync, step, out);
  j->ledger.wait += gdi_now() - t0;
  return st;
}

gd_status gdi_step_resident(gdi_job *j, const gdi_step_plan *plan, const gd_sync_step *step,
                            gd_sync_result *out) {
  gd_ledger *l = &j->ledger;
  const double t0 = gdi_now(), before = l->data + l->forward + l->backward + l->sum + l->wait;
  *out = (gd_sync_result){.grad_norm = __builtin_nan(""), .updated = true};
  gd_status st = alone(j, queue_step(j, plan, step, out));
  const double counted = l->data + l->forward + l->backward + l->sum + l->wait - before;
  l->backward += gdi_now() - t0 - counted; /* what is launched: forward and backward in one */
  j->step += st == GD_OK;
  return found(j, st, out);
}

gd_status gdi_synchronize(gdi_job *j) {
  gd_sync_result out = {0};
  if (!j->on_gpu || !j->on_gpu->resident) return GD_OK;
  const double t0 = gdi_now();
  gd_status st = alone(j, gdi_gpu_sync_wait(j->sync, &out));
  j->ledger.wait += gdi_now() - t0;
  return found(j, st, &out);
}

bool gdi_next_result(gdi_job *j, gd_sync_result *out) {
  return j->on_gpu && j->on_gpu->resident && gdi_gpu_sync_next_result(j->sync, out);
}

int gdi_on_gpu_kernels(const gdi_job *j, int *longest) {
  const gdi_on_gpu *g = j->on_gpu;
  for (int i = 0; i < g->n; i++)
    if (g->recorded[i].graph && g->recorded[i].rows == j->batches.batch)
      return gpu_of(j)->graph_kernels(g->recorded[i].graph, longest);
  return 0;
}
