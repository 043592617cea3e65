/* Launching kernels, and loops over elements: included by every .cu. */
#ifndef GDI_CUDA_LAUNCH_CUH
#define GDI_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

#include "device/cuda/cuda.h"

enum { GDI_THREADS = 256 }; /* of a block, where nothing speaks for another number */

/*
 * kernel(args ...) on `blocks` blocks of `threads` threads, in the stream in use; nothing when blocks is 0.
 * Arguments are converted to the kernel's parameters. `name` is what errors call it.
 */
template <typename... P, typename... A>
static gd_status gdi_launch(gd_device *d, const char *name, void (*kernel)(P...), int64_t blocks, int threads,
                            A... args) {
  if (blocks == 0) return GD_OK;
#ifdef GDI_CUDA_EMULATED
  gdi_emulated_launch(name, kernel, (unsigned)blocks, (unsigned)threads, gdi_cuda_stream(d),
                      static_cast<P>(args)...);
#else
  kernel<<<(unsigned)blocks, (unsigned)threads, 0, gdi_cuda_stream(d)>>>(static_cast<P>(args)...);
#endif
  return gdi_cuda_check(d, cudaGetLastError(), name);
}

/* Blocks for a grid-stride loop over n elements: enough to fill the GPU, no more than there is work for. */
static inline int64_t gdi_blocks_for(const gd_device *d, int64_t n) {
  const int64_t enough = 8 * (int64_t)gdi_cuda_of(d)->processors,
                needed = (n + GDI_THREADS - 1) / GDI_THREADS;
  return needed < enough ? needed : enough;
}

/* for (int64_t i of this thread; i < n; ...) of a grid-stride loop */
#define GDI_EACH(i, n)                                                                                       \
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                                  \
       i += (int64_t)gridDim.x * blockDim.x)

#endif
