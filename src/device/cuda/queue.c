/* Streams and events. */
#include "device/cuda/side_stream.h"
#include "device/cuda/queue.h"

#include <stdlib.h>
#include <string.h>

struct gdi_event {
  cudaEvent_t event;
};

static cudaStream_t stream_of(const gd_device *d, gdi_stream stream) {
  return gdi_cuda_of(d)->stream[stream];
}

/*
 * The exchange is what others wait for: its kernels go first. Side streams fill the gaps that the
 * compute stream leaves.
 */
gd_status gdi_queue_open(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  int low, high;
  GD_TRY(GDI_CUDA(d, cudaDeviceGetStreamPriorityRange(&low, &high)));
  const int priority[GDI_STREAMS] = {[GDI_STREAM_COMPUTE] = (low + high) / 2,
                                     [GDI_STREAM_COPY] = low,
                                     [GDI_STREAM_EXCHANGE] = high,
                                     [GDI_STREAM_HOST] = high,
                                     [GDI_STREAM_GRADIENTS] = low,
                                     [GDI_STREAM_SUMS] = low};
  for (int l = 0; l < GDI_STREAMS; l++)
    GD_TRY(GDI_CUDA(d, cudaStreamCreateWithPriority(&c->stream[l], cudaStreamNonBlocking, priority[l])));
  return gdi_side_stream_open(d);
}

static void event_free(gd_device *d, gdi_event *m) {
  (void)d;
  if (!m) return;
  (void)cudaEventDestroy(m->event);
  free(m);
}

void gdi_queue_close(gd_device *d) {
  event_free(d, gdi_cuda_of(d)->wait_hook.end);
  gdi_side_stream_close(d);
  for (int l = 0; l < GDI_STREAMS; l++)
    if (stream_of(d, (gdi_stream)l)) (void)cudaStreamDestroy(stream_of(d, (gdi_stream)l));
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

static gd_status send(gd_device *d, gdi_stream stream, void *to, const void *pinned, size_t bytes) {
  return GDI_CUDA(d,
                  cudaMemcpyAsync(to, pinned, bytes, cudaMemcpyHostToDevice, gdi_cuda_stream_of(d, stream)));
}

static gd_status fetch(gd_device *d, gdi_stream stream, void *pinned, const void *from, size_t bytes) {
  return GDI_CUDA(d, cudaMemcpyAsync(pinned, from, bytes, cudaMemcpyDeviceToHost, stream_of(d, stream)));
}

/* ---- events ---- */

static gd_status new_event(gd_device *d, unsigned flags, gdi_event **out) {
  gdi_event *m = *out = calloc(1, sizeof *m);
  if (!m) return GD_FAIL(GD_ERR_OOM, "no memory for an event");
  gd_status st = GDI_CUDA(d, cudaEventCreateWithFlags(&m->event, flags));
  if (st != GD_OK) free(m), *out = NULL;
  return st;
}

static gd_status event_new(gd_device *d, gdi_event **out) {
  return new_event(d, cudaEventDisableTiming, out);
}

static gd_status clock_new(gd_device *d, gdi_event **out) {
  return new_event(d, cudaEventDefault, out);
}

static gd_status event_record(gd_device *d, gdi_stream stream, gdi_event *m) {
  return GDI_CUDA(d, cudaEventRecord(m->event, stream_of(d, stream)));
}

static gd_status after(gd_device *d, gdi_stream stream, gdi_event *m) {
  return GDI_CUDA(d, cudaStreamWaitEvent(stream_of(d, stream), m->event, 0));
}

static gd_status reached(gd_device *d, gdi_event *m, bool *yes) {
  const cudaError_t e = cudaEventQuery(m->event);
  *yes = e == cudaSuccess;
  if (e != cudaErrorNotReady) return gdi_cuda_check(d, e, "cudaEventQuery");
  (void)cudaGetLastError(); /* an answer, not an error: the next launch would be blamed */
  return GD_OK;
}

static gd_status then(gd_device *d, gdi_stream stream, void (*f)(void *user), void *user) {
  return GDI_CUDA(d, cudaLaunchHostFunc(stream_of(d, stream), f, user));
}

/* ---- waiting ---- */

static gd_status wait_for(gd_device *d, gdi_event *m) {
  const gdi_cuda *c = gdi_cuda_of(d);
  return c->wait_hook.wait ? c->wait_hook.wait(c->wait_hook.user, m)
                           : GDI_CUDA(d, cudaEventSynchronize(m->event));
}

gd_status gdi_cuda_drain(gd_device *d, gdi_stream stream) {
  const gdi_cuda *c = gdi_cuda_of(d);
  if (!c->wait_hook.wait) return GDI_CUDA(d, cudaStreamSynchronize(stream_of(d, stream)));
  GD_TRY(event_record(d, stream, c->wait_hook.end));
  return wait_for(d, c->wait_hook.end);
}

static gd_status wait(gd_device *d) {
  for (int l = 0; l < GDI_STREAMS; l++) GD_TRY(gdi_cuda_drain(d, (gdi_stream)l));
  return GD_OK;
}

static gd_status wait_hook(gd_device *d, gd_status (*wait_by)(void *user, gdi_event *m), void *user) {
  gdi_cuda *c = gdi_cuda_of(d);
  if (wait_by && !c->wait_hook.end) GD_TRY(event_new(d, &c->wait_hook.end));
  c->wait_hook.wait = wait_by, c->wait_hook.user = user;
  return GD_OK;
}

static gd_status seconds_between(gd_device *d, gdi_event *from, gdi_event *to, double *out) {
  float ms = 0;
  GD_TRY(GDI_CUDA(d, cudaEventElapsedTime(&ms, from->event, to->event)));
  *out = 1e-3 * (double)ms;
  return GD_OK;
}

static void use(gd_device *d, gdi_stream stream) {
  gdi_cuda_of(d)->stream_in_use = stream;
}

static void weight_copy(gd_device *d, const float *run, int64_t elements, uint16_t *rounded) {
  gdi_cuda *c = gdi_cuda_of(d);
  c->weight_copy.run = (const char *)run;
  c->weight_copy.bytes = (size_t)elements * sizeof *run;
  c->weight_copy.rounded = run ? rounded : NULL;
}

static gd_status round_run(gd_device *d) {
  const gdi_cuda *c = gdi_cuda_of(d);
  const int64_t n[2] = {(int64_t)(c->weight_copy.bytes / sizeof(float)), 0};
  return gdi_cuda_round(d, (const void *[]){c->weight_copy.run, c->weight_copy.run}, n,
                        (void *[]){c->weight_copy.rounded, c->weight_copy.rounded});
}

static void *stream_handle(gd_device *d, gdi_stream stream) {
  return gdi_cuda_stream_of(d, stream);
}

const gdi_gpu gdi_cuda_gpu = {
    .wait = wait,
    .pinned = {pinned_take, pinned_give, NULL, true},
    .pin = pin,
    .unpin = unpin,
    .send = send,
    .fetch = fetch,
    .event_new = event_new,
    .event_free = event_free,
    .event_record = event_record,
    .after = after,
    .gradients = gdi_side_stream_join,
    .reached = reached,
    .then = then,
    .wait_for = wait_for,
    .wait_hook = wait_hook,
    .clock_new = clock_new,
    .seconds = seconds_between,
    .capture = gdi_cuda_capture,
    .captured = gdi_cuda_captured,
    .replay = gdi_cuda_replay,
    .graph_kernels = gdi_cuda_graph_kernels,
    .graph_free = gdi_cuda_graph_free,
    .graphs_end = gdi_cuda_graphs_end,
    .use = use,
    .weight_copy = weight_copy,
    .round = round_run,
    .stream_handle = stream_handle,
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
