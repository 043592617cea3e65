#include "device/cuda/aside.h"

gd_status gdi_aside_open(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  GD_TRY(GDI_CUDA(d, cudaEventCreateWithFlags(&c->aside.fork, cudaEventDisableTiming)));
  GD_TRY(GDI_CUDA(d, cudaEventCreateWithFlags(&c->aside.join, cudaEventDisableTiming)));
  return gdi_arena_new_over(&c->aside.scratch, "scratch", &d->memory);
}

void gdi_aside_close(gd_device *d) {
  const gdi_cuda *c = gdi_cuda_of(d);
  if (c->aside.fork) (void)cudaEventDestroy(c->aside.fork);
  if (c->aside.join) (void)cudaEventDestroy(c->aside.join);
  gd_arena_free(c->aside.scratch);
}

/* Outside of a pass nobody counts uses, and nobody would wait. */
bool gdi_aside_may(const gd_node *n, int input) {
  const gd_tensor *x = n->in[input];
  return n->recorded && !x->node && x->uses == 1 && gdi_cuda_of(x->device)->tuning.gradient_lane;
}

gd_status gdi_aside_fork(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  GD_TRY(GDI_CUDA(d, cudaEventRecord(c->aside.fork, c->lane[GDI_LANE_COMPUTE])));
  GD_TRY(GDI_CUDA(d, cudaStreamWaitEvent(c->lane[GDI_LANE_GRADIENTS], c->aside.fork, 0)));
  c->aside.pending = true;
  return GD_OK;
}

static void change(gd_device *d, gdi_lane lane) {
  gdi_cuda *c = gdi_cuda_of(d);
  gd_arena *other = c->aside.scratch;
  c->aside.scratch = d->scratch;
  d->scratch = other;
  c->lane_in_use = lane;
}

void gdi_aside_enter(gd_device *d) {
  change(d, GDI_LANE_GRADIENTS);
}

void gdi_aside_leave(gd_device *d) {
  gd_arena_release(d->scratch, 0);
  change(d, GDI_LANE_COMPUTE);
}

gd_status gdi_aside_join(gd_device *d, gdi_lane lane) {
  gdi_cuda *c = gdi_cuda_of(d);
  if (!c->aside.pending) return GD_OK;
  GD_TRY(GDI_CUDA(d, cudaEventRecord(c->aside.join, c->lane[GDI_LANE_GRADIENTS])));
  GD_TRY(GDI_CUDA(d, cudaStreamWaitEvent(c->lane[lane], c->aside.join, 0)));
  if (lane == GDI_LANE_COMPUTE) c->aside.pending = false;
  return GD_OK;
}
