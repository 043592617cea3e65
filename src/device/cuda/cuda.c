/* The GPU as a device: opening, its memory. */
#include "device/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cuda/blas.h"
#include "device/cuda/cudnn.h"
#include "device/cuda/queue.h"

/* ---- memory ---- */

/* NULL leaves no error behind: the arena that asked says what could not be had. */
static void *take(void *user, size_t bytes) {
  void *memory = NULL;
  (void)user;
  if (cudaMalloc(&memory, bytes) == cudaSuccess) return memory;
  (void)cudaGetLastError();
  return NULL;
}

static void give(void *user, void *memory) {
  (void)user;
  (void)cudaFree(memory);
}

/* A copy of pageable memory may wait for the stream inside the call, where no wait_hook ends. */
static gd_status drain_first(gd_device *d) {
  const gdi_cuda *c = gdi_cuda_of(d);
  return c->wait_hook.wait ? gdi_cuda_drain(d, c->stream_in_use) : GD_OK;
}

static gd_status upload(gd_device *d, void *to, const void *from_host, size_t bytes) {
  GD_TRY(drain_first(d));
  GD_TRY(GDI_CUDA(d, cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, gdi_cuda_stream(d))));
  return gdi_cuda_drain(d,
                        gdi_cuda_of(d)->stream_in_use); /* pinned memory would still be read after the call */
}

static gd_status download(gd_device *d, void *to_host, const void *from, size_t bytes) {
  GD_TRY(drain_first(d));
  GD_TRY(GDI_CUDA(d, cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, gdi_cuda_stream(d))));
  return gdi_cuda_drain(d, gdi_cuda_of(d)->stream_in_use);
}

static gd_status copy(gd_device *d, void *to, const void *from, size_t bytes) {
  return GDI_CUDA(d, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, gdi_cuda_stream(d)));
}

static gd_status zero(gd_device *d, void *to, size_t bytes) {
  return GDI_CUDA(d, cudaMemsetAsync(to, 0, bytes, gdi_cuda_stream(d)));
}

/* ---- opening ---- */

/* Also 0 where a driver is missing or too old: then the program is one for CPUs. */
int gdi_cuda_count(void) {
  int n = 0;
  if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
  (void)cudaGetLastError();
  return 0;
}

static gd_status check_index(const gd_device *d) {
  int n = 0;
  const cudaError_t e = cudaGetDeviceCount(&n);
  if (e == cudaErrorNoDevice || (e == cudaSuccess && n == 0))
    return GD_FAIL(GD_ERR_GPU, "no GPU is here: see nvidia-smi, or choose --device cpu");
  if (e == cudaErrorInsufficientDriver)
    return GD_FAIL(GD_ERR_GPU,
                   "no GPU driver that knows CUDA %d.%d is here: see nvidia-smi, or choose --device cpu",
                   CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  GD_TRY(gdi_cuda_check(d, e, "cudaGetDeviceCount"));
  if (d->index < 0 || d->index >= n) return GD_FAIL(GD_ERR_GPU, "GPU %d: there are only %d", d->index, n);
  return GD_OK;
}

static gd_status open_gpu(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  struct cudaDeviceProp p;
  GD_TRY(gdi_tuning_read(&c->tuning));
  GD_TRY(check_index(d));
  GD_TRY(GDI_CUDA(d, cudaSetDevice(d->index)));
  GD_TRY(GDI_CUDA(d, cudaGetDeviceProperties(&p, d->index)));
  c->processors = p.multiProcessorCount;
  GD_TRY(gdi_queue_open(d));
  GD_TRY(gdi_arena_new_over(&d->scratch, "scratch", &d->memory));
  GD_TRY(gdi_blas_new(&c->blas, d));
  GD_TRY(gdi_cudnn_new(&c->cudnn, d));
  char tuned[32] = "";
  if (c->tuning.columns_mb != GDI_COLUMNS_MB)
    snprintf(tuned, sizeof tuned, ", columns of %d MiB", c->tuning.columns_mb);
  snprintf(d->description, sizeof d->description, "%.80s (sm_%d%d), %s%s%s%s", p.name, p.major, p.minor,
           gdi_blas_describe(c->blas), gdi_cudnn_describe(c->cudnn),
           c->tuning.relu_by_product ? "" : ", relu apart", tuned);
  snprintf(d->address, sizeof d->address, "%04x:%02x:%02x", (unsigned)p.pciDomainID, (unsigned)p.pciBusID,
           (unsigned)p.pciDeviceID);
  return GD_OK;
}

static void close_gpu(gd_device *d) {
  gdi_cuda *c = gdi_cuda_of(d);
  gdi_cudnn_free(c->cudnn);
  gdi_blas_free(c->blas);
  gd_arena_free(d->scratch);
  gdi_queue_close(d);
  free(c);
}

gd_status gdi_cuda_open(gd_device *d, const gd_device_options *o) {
  (void)o;
  d->impl = calloc(1, sizeof(gdi_cuda));
  if (!d->impl) return GD_FAIL(GD_ERR_OOM, "no memory for a device");
  d->memory = (gdi_memory){take, give, d, false};
  d->upload = upload, d->download = download, d->copy = copy, d->zero = zero;
  d->fill = gdi_cuda_fill;
  d->accumulate = gdi_cuda_accumulate;
  d->close = close_gpu;
  d->layer_seconds = gdi_cuda_layer_seconds;
  d->gpu = &gdi_cuda_gpu;
  gd_status st = open_gpu(d);
  if (st != GD_OK) close_gpu(d);
  return st;
}
