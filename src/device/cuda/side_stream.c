#include "device/cuda/side_stream.h"

enum { SIDE_STREAMS = GDI_STREAMS - GDI_STREAM_GRADIENTS };

gd_status gdi_side_stream_open(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  GD_TRY(GDI_CUDA(d, cudaEventCreateWithFlags(&c->fork, cudaEventDisableTiming)));
  for (int i = 0; i < SIDE_STREAMS; i++) {
    GD_TRY(GDI_CUDA(d, cudaEventCreateWithFlags(&c->side[i].join, cudaEventDisableTiming)));
    GD_TRY(gdi_arena_new_over(&c->side[i].scratch, "scratch", &d->memory));
  }
  return GD_OK;
}

void gdi_side_stream_close(gd_device *d) {
  const gdi_cuda *c = gdi_cuda_of(d);
  if (c->fork) (void)cudaEventDestroy(c->fork);
  for (int i = 0; i < SIDE_STREAMS; i++) {
    if (c->side[i].join) (void)cudaEventDestroy(c->side[i].join);
    gd_arena_free(c->side[i].scratch);
  }
}

/* Outside of a backward nobody counts uses, and nobody would wait. */
bool gdi_side_stream_may(const gd_tensor *x) {
  return !x->node && x->uses == 1 && gdi_cuda_of(x->device)->tuning.gradient_stream;
}

gd_status gdi_side_stream_fork(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  return GDI_CUDA(d, cudaEventRecord(c->fork, c->stream[GDI_STREAM_COMPUTE]));
}

static void exchange_scratch(gd_device *d, gdi_stream stream) {
  gd_arena **other = &gdi_cuda_of(d)->side[stream - GDI_STREAM_GRADIENTS].scratch, *mine = d->scratch;
  d->scratch = *other;
  *other = mine;
}

gd_status gdi_side_stream_enter(gd_device *d, gdi_stream stream) {
  gdi_cuda *c = gdi_cuda_of(d);
  GD_TRY(GDI_CUDA(d, cudaStreamWaitEvent(c->stream[stream], c->fork, 0)));
  c->side[stream - GDI_STREAM_GRADIENTS].pending = true;
  exchange_scratch(d, stream);
  c->stream_in_use = stream;
  return GD_OK;
}

void gdi_side_stream_leave(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  gd_arena_release(d->scratch, 0);
  exchange_scratch(d, c->stream_in_use);
  c->stream_in_use = GDI_STREAM_COMPUTE;
}

gd_status gdi_side_stream_join(gd_device *d, gdi_stream stream) {
  gdi_cuda *c = gdi_cuda_of(d);
  for (int i = 0; i < SIDE_STREAMS; i++) {
    if (!c->side[i].pending) continue;
    GD_TRY(GDI_CUDA(d, cudaEventRecord(c->side[i].join, c->stream[GDI_STREAM_GRADIENTS + i])));
    GD_TRY(GDI_CUDA(d, cudaStreamWaitEvent(c->stream[stream], c->side[i].join, 0)));
    if (stream == GDI_STREAM_COMPUTE) c->side[i].pending = false;
  }
  return GD_OK;
}
