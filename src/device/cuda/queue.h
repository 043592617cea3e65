/* Streams, events, pinned memory and recorded work: the table of device/gpu.h. */
#ifndef GDI_CUDA_QUEUE_H
#define GDI_CUDA_QUEUE_H

#include "device/cuda/cuda.h"

gd_status gdi_queue_open(gd_device *d) GD_CHECKED;
void gdi_queue_close(gd_device *d);
/* Wait until a stream is empty. */
gd_status gdi_cuda_drain(gd_device *d, gdi_stream stream) GD_CHECKED;

extern const gdi_gpu gdi_cuda_gpu;

/* capture.c */
gd_status gdi_cuda_capture(gd_device *d) GD_CHECKED;
gd_status gdi_cuda_captured(gd_device *d, gdi_graph **out) GD_CHECKED;
gd_status gdi_cuda_replay(gd_device *d, gdi_graph *g) GD_CHECKED;
int gdi_cuda_graph_kernels(const gdi_graph *g, int *longest);
void gdi_cuda_graph_free(gd_device *d, gdi_graph *g);
void gdi_cuda_graphs_end(gd_device *d);

/* count.c */
gd_status gdi_cuda_graph_count(const gd_device *d, cudaGraph_t graph, int *kernels, int *longest) GD_CHECKED;

#endif
