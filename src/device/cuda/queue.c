/* Lanes are streams, marks are events. */
#include "device/cuda/activation.h"
#include "device/cuda/aside.h"
#include "device/cuda/queue.h"

#include <stdlib.h>
#include <string.h>

struct gdi_mark {
  cudaEvent_t event;
};

static cudaStream_t stream_of(const gd_device *d, gdi_lane lane) {
  return gdi_cuda_of(d)->lane[lane];
}

/*
 * The exchange is what others wait for: its kernels go first. What is put aside fills the gaps that the
 * compute lane leaves.
 */
gd_status gdi_queue_open(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  int low, high;
  GD_TRY(GDI_CUDA(d, cudaDeviceGetStreamPriorityRange(&low, &high)));
  const int priority[GDI_LANES] = {[GDI_LANE_COMPUTE] = (low + high) / 2,
                                   [GDI_LANE_COPY] = low,
                                   [GDI_LANE_EXCHANGE] = high,
                                   [GDI_LANE_HOST] = high,
                                   [GDI_LANE_GRADIENTS] = low,
                                   [GDI_LANE_SUMS] = low};
  for (int l = 0; l < GDI_LANES; l++)
    GD_TRY(GDI_CUDA(d, cudaStreamCreateWithPriority(&c->lane[l], cudaStreamNonBlocking, priority[l])));
  return gdi_aside_open(d);
}

static void mark_free(gd_device *d, gdi_mark *m) {
  (void)d;
  if (!m) return;
  (void)cudaEventDestroy(m->event);
  free(m);
}

void gdi_queue_close(gd_device *d) {
  mark_free(d, gdi_cuda_of(d)->patience.end);
  gdi_aside_close(d);
  for (int l = 0; l < GDI_LANES; l++)
    if (stream_of(d, (gdi_lane)l)) (void)cudaStreamDestroy(stream_of(d, (gdi_lane)l));
}

/* ---- pinned memory ---- */

static void *pinned_take(void *user, size_t bytes) {
  void *memory = NULL;
  (void)user;
  if (cudaMallocHost(&memory, bytes) == cudaSuccess) return memory;
  (void)cudaGetLastError();
  return NULL;
}

static void pinned_give(void *user, void *memory) {
  (void)user;
  (void)cudaFreeHost(memory);
}

static gd_status pin(gd_device *d, void *memory, size_t bytes) {
  return GDI_CUDA(d, cudaHostRegister(memory, bytes, cudaHostRegisterPortable));
}

static void unpin(gd_device *d, void *memory) {
  (void)d;
  (void)cudaHostUnregister(memory);
}

static gd_status send(gd_device *d, gdi_lane lane, void *to, const void *pinned, size_t bytes) {
  return GDI_CUDA(d, cudaMemcpyAsync(to, pinned, bytes, cudaMemcpyHostToDevice, gdi_cuda_stream_of(d, lane)));
}

static gd_status fetch(gd_device *d, gdi_lane lane, void *pinned, const void *from, size_t bytes) {
  return GDI_CUDA(d, cudaMemcpyAsync(pinned, from, bytes, cudaMemcpyDeviceToHost, stream_of(d, lane)));
}

/* ---- marks ---- */

static gd_status new_event(gd_device *d, unsigned flags, gdi_mark **out) {
  gdi_mark *m = *out = calloc(1, sizeof *m);
  if (!m) return GD_FAIL(GD_ERR_OOM, "no memory for a mark");
  gd_status st = GDI_CUDA(d, cudaEventCreateWithFlags(&m->event, flags));
  if (st != GD_OK) free(m), *out = NULL;
  return st;
}

static gd_status mark_new(gd_device *d, gdi_mark **out) {
  return new_event(d, cudaEventDisableTiming, out);
}

static gd_status clock_new(gd_device *d, gdi_mark **out) {
  return new_event(d, cudaEventDefault, out);
}

static gd_status mark(gd_device *d, gdi_lane lane, gdi_mark *m) {
  return GDI_CUDA(d, cudaEventRecord(m->event, stream_of(d, lane)));
}

static gd_status after(gd_device *d, gdi_lane lane, gdi_mark *m) {
  return GDI_CUDA(d, cudaStreamWaitEvent(stream_of(d, lane), m->event, 0));
}

static gd_status reached(gd_device *d, gdi_mark *m, bool *yes) {
  const cudaError_t e = cudaEventQuery(m->event);
  *yes = e == cudaSuccess;
  if (e != cudaErrorNotReady) return gdi_cuda_check(d, e, "cudaEventQuery");
  (void)cudaGetLastError(); /* an answer, not an error: the next launch would be blamed */
  return GD_OK;
}

static gd_status then(gd_device *d, gdi_lane lane, void (*f)(void *user), void *user) {
  return GDI_CUDA(d, cudaLaunchHostFunc(stream_of(d, lane), f, user));
}

/* ---- waiting ---- */

static gd_status wait_for(gd_device *d, gdi_mark *m) {
  const gdi_cuda *c = gdi_cuda_of(d);
  return c->patience.wait ? c->patience.wait(c->patience.user, m)
                          : GDI_CUDA(d, cudaEventSynchronize(m->event));
}

gd_status gdi_cuda_drain(gd_device *d, gdi_lane lane) {
  const gdi_cuda *c = gdi_cuda_of(d);
  if (!c->patience.wait) return GDI_CUDA(d, cudaStreamSynchronize(stream_of(d, lane)));
  GD_TRY(mark(d, lane, c->patience.end));
  return wait_for(d, c->patience.end);
}

static gd_status wait(gd_device *d) {
  for (int l = 0; l < GDI_LANES; l++) GD_TRY(gdi_cuda_drain(d, (gdi_lane)l));
  return GD_OK;
}

static gd_status patience(gd_device *d, gd_status (*wait_by)(void *user, gdi_mark *m), void *user) {
  gdi_cuda *c = gdi_cuda_of(d);
  if (wait_by && !c->patience.end) GD_TRY(mark_new(d, &c->patience.end));
  c->patience.wait = wait_by, c->patience.user = user;
  return GD_OK;
}

static gd_status seconds_between(gd_device *d, gdi_mark *from, gdi_mark *to, double *out) {
  float ms = 0;
  GD_TRY(GDI_CUDA(d, cudaEventElapsedTime(&ms, from->event, to->event)));
  *out = 1e-3 * (double)ms;
  return GD_OK;
}

static void use(gd_device *d, gdi_lane lane) {
  gdi_cuda_of(d)->lane_in_use = lane;
}

static void shadow(gd_device *d, const float *run, int64_t elements, uint16_t *rounded) {
  gdi_cuda *c = gdi_cuda_of(d);
  c->shadow.run = (const char *)run;
  c->shadow.bytes = (size_t)elements * sizeof *run;
  c->shadow.rounded = run ? rounded : NULL;
}

static gd_status round_run(gd_device *d) {
  const gdi_cuda *c = gdi_cuda_of(d);
  const int64_t n[2] = {(int64_t)(c->shadow.bytes / sizeof(float)), 0};
  return gdi_cuda_round(d, (const void *[]){c->shadow.run, c->shadow.run}, n,
                        (void *[]){c->shadow.rounded, c->shadow.rounded});
}

static void *stream(gd_device *d, gdi_lane lane) {
  return gdi_cuda_stream_of(d, lane);
}

const gdi_gpu gdi_cuda_gpu = {
    .wait = wait,
    .pinned = {pinned_take, pinned_give, NULL, true},
    .pin = pin,
    .unpin = unpin,
    .send = send,
    .fetch = fetch,
    .mark_new = mark_new,
    .mark_free = mark_free,
    .mark = mark,
    .after = after,
    .gradients = gdi_aside_join,
    .reached = reached,
    .then = then,
    .wait_for = wait_for,
    .patience = patience,
    .clock_new = clock_new,
    .seconds = seconds_between,
    .capture = gdi_cuda_capture,
    .captured = gdi_cuda_captured,
    .replay = gdi_cuda_replay,
    .graph_kernels = gdi_cuda_graph_kernels,
    .graph_free = gdi_cuda_graph_free,
    .graphs_end = gdi_cuda_graphs_end,
    .use = use,
    .shadow = shadow,
    .round = round_run,
    .stream = stream,
    .form_batch = gdi_cuda_form_batch,
    .record = gdi_cuda_record,
    .totals = gdi_cuda_totals,
    .record_only = gdi_cuda_record_only,
    .tree_sum = gdi_cuda_tree_sum,
    .record_square = gdi_cuda_record_square,
    .sum_and_square = gdi_cuda_sum_and_square,
    .norms = gdi_cuda_norms,
    .update = gdi_cuda_update,
    .checksum = gdi_cuda_checksum,
};
