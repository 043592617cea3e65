/* Work recorded as a CUDA graph: a step of a hundred small kernels is one launch. */
#include <stdlib.h>

#include "device/cuda/side_stream.h"
#include "device/cuda/queue.h"

struct gdi_graph {
  gd_device *device;
  gdi_graph *next;  /* of the device */
  cudaGraph_t work; /* to be counted */
  cudaGraphExec_t exec;
};

/* Each stream's kernels keep their priority in a replay, which otherwise has that of the compute stream. */
static unsigned long long flags(const gd_device *d) {
  return gdi_cuda_of(d)->tuning.node_priority ? cudaGraphInstantiateFlagUseNodePriority : 0;
}

gd_status gdi_cuda_capture(gd_device *d) {
  GD_TRY(gdi_side_stream_join(d, GDI_STREAM_COMPUTE)); /* recorded work cannot wait for what is not */
  GD_TRY(GDI_CUDA(d, cudaStreamBeginCapture(gdi_cuda_stream(d), cudaStreamCaptureModeThreadLocal)));
  gdi_cuda_of(d)->capturing = true;
  return GD_OK;
}

gd_status gdi_cuda_captured(gd_device *d, gdi_graph **out) {
  gdi_cuda *c = gdi_cuda_of(d);
  cudaGraph_t work = NULL;
  *out = NULL;
  if (!c->capturing) return GD_ERR_COMM; /* ended by gdi_cuda_graphs_end(); the record says what failed */
  c->capturing = false;
  GD_TRY(GDI_CUDA(d, cudaStreamEndCapture(gdi_cuda_stream(d), &work)));
  gdi_graph *g = calloc(1, sizeof *g);
  gd_status st = g ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a graph");
  if (st == GD_OK) st = GDI_CUDA(d, cudaGraphInstantiate(&g->exec, work, flags(d)));
  if (st == GD_OK) {
    *g = (gdi_graph){d, c->graphs, work, g->exec};
    *out = c->graphs = g;
    return GD_OK;
  }
  (void)cudaGraphDestroy(work);
  free(g);
  return st;
}

gd_status gdi_cuda_replay(gd_device *d, gdi_graph *g) {
  return GDI_CUDA(d, cudaGraphLaunch(g->exec, gdi_cuda_stream(d)));
}

/* When somebody asks, not at every recording: training does without, and must not fail by it. */
int gdi_cuda_graph_kernels(const gdi_graph *g, int *longest) {
  int kernels, path;
  if (gdi_cuda_graph_count(g->device, g->work, &kernels, &path) != GD_OK) {
    (void)cudaGetLastError(); /* or the next launch is blamed */
    gd_error_clear();
    kernels = path = 0;
  }
  if (longest) *longest = path;
  return kernels;
}

static void end(gdi_graph *g) {
  if (!g->exec) return;
  (void)cudaGraphExecDestroy(g->exec);
  (void)cudaGraphDestroy(g->work);
  g->exec = NULL, g->work = NULL;
}

void gdi_cuda_graph_free(gd_device *d, gdi_graph *g) {
  if (!g) return;
  gdi_graph **at = &gdi_cuda_of(d)->graphs;
  while (*at != g) at = &(*at)->next;
  *at = g->next;
  end(g);
  free(g);
}

void gdi_cuda_graphs_end(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  cudaGraph_t work = NULL;
  for (gdi_graph *g = c->graphs; g; g = g->next) end(g);
  if (c->capturing && cudaStreamEndCapture(c->stream[GDI_STREAM_COMPUTE], &work) == cudaSuccess)
    (void)cudaGraphDestroy(work);
  (void)cudaGetLastError();
  c->capturing = false;
}
