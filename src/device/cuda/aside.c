#include "device/cuda/aside.h"

enum { ASIDE = GDI_LANES - GDI_LANE_GRADIENTS };

gd_status gdi_aside_open(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  GD_TRY(GDI_CUDA(d, cudaEventCreateWithFlags(&c->fork, cudaEventDisableTiming)));
  for (int i = 0; i < ASIDE; i++) {
    GD_TRY(GDI_CUDA(d, cudaEventCreateWithFlags(&c->aside[i].join, cudaEventDisableTiming)));
    GD_TRY(gdi_arena_new_over(&c->aside[i].scratch, "scratch", &d->memory));
  }
  return GD_OK;
}

void gdi_aside_close(gd_device *d) {
  const gdi_cuda *c = gdi_cuda_of(d);
  if (c->fork) (void)cudaEventDestroy(c->fork);
  for (int i = 0; i < ASIDE; i++) {
    if (c->aside[i].join) (void)cudaEventDestroy(c->aside[i].join);
    gd_arena_free(c->aside[i].scratch);
  }
}

/* Outside of a pass nobody counts uses, and nobody would wait. */
bool gdi_aside_may(const gd_node *n, int input) {
  const gd_tensor *x = n->in[input];
  return n->recorded && !x->node && x->uses == 1 && gdi_cuda_of(x->device)->tuning.gradient_lane;
}

gd_status gdi_aside_fork(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  return GDI_CUDA(d, cudaEventRecord(c->fork, c->lane[GDI_LANE_COMPUTE]));
}

static void exchange_scratch(gd_device *d, gdi_lane lane) {
  gd_arena **other = &gdi_cuda_of(d)->aside[lane - GDI_LANE_GRADIENTS].scratch, *mine = d->scratch;
  d->scratch = *other;
  *other = mine;
}

gd_status gdi_aside_enter(gd_device *d, gdi_lane lane) {
  gdi_cuda *c = gdi_cuda_of(d);
  GD_TRY(GDI_CUDA(d, cudaStreamWaitEvent(c->lane[lane], c->fork, 0)));
  c->aside[lane - GDI_LANE_GRADIENTS].pending = true;
  exchange_scratch(d, lane);
  c->lane_in_use = lane;
  return GD_OK;
}

void gdi_aside_leave(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  gd_arena_release(d->scratch, 0);
  exchange_scratch(d, c->lane_in_use);
  c->lane_in_use = GDI_LANE_COMPUTE;
}

gd_status gdi_aside_join(gd_device *d, gdi_lane lane) {
  gdi_cuda *c = gdi_cuda_of(d);
  for (int i = 0; i < ASIDE; i++) {
    if (!c->aside[i].pending) continue;
    GD_TRY(GDI_CUDA(d, cudaEventRecord(c->aside[i].join, c->lane[GDI_LANE_GRADIENTS + i])));
    GD_TRY(GDI_CUDA(d, cudaStreamWaitEvent(c->lane[lane], c->aside[i].join, 0)));
    if (lane == GDI_LANE_COMPUTE) c->aside[i].pending = false;
  }
  return GD_OK;
}
