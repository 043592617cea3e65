/* Work recorded as a CUDA graph: a step of a hundred small kernels is one launch. */
#include <stdlib.h>

#include "device/cuda/aside.h"
#include "device/cuda/queue.h"

struct gdi_graph {
  cudaGraphExec_t exec;
  int kernels, longest;
};

gd_status gdi_cuda_capture(gd_device *d) {
  GD_TRY(gdi_aside_join(d, GDI_LANE_COMPUTE)); /* recorded work cannot wait for what is not */
  GD_TRY(GDI_CUDA(d, cudaStreamBeginCapture(gdi_cuda_stream(d), cudaStreamCaptureModeThreadLocal)));
  gdi_cuda_of(d)->capturing = true;
  return GD_OK;
}

gd_status gdi_cuda_captured(gd_device *d, gdi_graph **out) {
  cudaGraph_t graph = NULL;
  *out = NULL;
  gdi_cuda_of(d)->capturing = false;
  GD_TRY(GDI_CUDA(d, cudaStreamEndCapture(gdi_cuda_stream(d), &graph)));
  gdi_graph *g = calloc(1, sizeof *g);
  gd_status st = g ? gdi_cuda_graph_count(d, graph, &g->kernels, &g->longest)
                   : GD_FAIL(GD_ERR_OOM, "no memory for a graph");
  if (st == GD_OK) st = GDI_CUDA(d, cudaGraphInstantiate(&g->exec, graph, 0));
  (void)cudaGraphDestroy(graph);
  if (st == GD_OK)
    *out = g;
  else
    free(g);
  return st;
}

gd_status gdi_cuda_replay(gd_device *d, gdi_graph *g) {
  return GDI_CUDA(d, cudaGraphLaunch(g->exec, gdi_cuda_stream(d)));
}

int gdi_cuda_graph_kernels(const gdi_graph *g, int *longest) {
  if (longest) *longest = g->longest;
  return g->kernels;
}

void gdi_cuda_graph_free(gd_device *d, gdi_graph *g) {
  (void)d;
  if (!g) return;
  (void)cudaGraphExecDestroy(g->exec);
  free(g);
}
