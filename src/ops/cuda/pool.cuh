/* What the kernels of pooling share. A gradient of x looks for the windows that a pixel is in, and adds theirs in order. */
#ifndef GDI_OPS_CUDA_POOL_CUH
#define GDI_OPS_CUDA_POOL_CUH

#include "ops/cuda/image.cuh"
#include "ops/pool.h"

typedef struct gdi_pooling {
  gdi_pool p;
  gdi_images in, out; /* shapes of x and y */
} gdi_pooling;

static inline gdi_pooling gdi_pooling_of(const gd_node *n) {
  return {*gdi_pool_of(n), gdi_images_of(n->in[0]), gdi_images_of(n->out)};
}

typedef struct gdi_window_range {
  int64_t first, last;
} gdi_window_range;

/* Along an axis, the windows, of `out`, that pixel `at`, of `in`, lies in, or between taps of. */
static __device__ __forceinline__ gdi_window_range gdi_windows_around(const gdi_pool &p, int axis, int64_t in,
                                                                      int64_t out, int64_t at) {
  if (p.adaptive[axis]) return {at * out / in, ((at + 1) * out - 1) / in};
  const gd_window &w = p.window;
  const int64_t end = at + w.begin[axis], reach = w.dilation[axis] * (w.kernel[axis] - 1), s = w.stride[axis];
  return {end > reach ? (end - reach + s - 1) / s : 0, end / s < out ? end / s : out - 1};
}

#endif
