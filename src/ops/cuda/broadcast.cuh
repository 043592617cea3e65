/* Gradients of operands that were broadcast. */
#ifndef GDI_CUDA_BROADCAST_CUH
#define GDI_CUDA_BROADCAST_CUH

#include "device/cuda/walk.cuh"

/* reduce.cu: `from` [shape] summed in f64 over the dimensions in which `to` has 1, or none at all. */
gd_status gdi_cuda_sum_to(gd_device *d, const void *from, int ndim, const int64_t shape[], gd_tensor *to,
                          bool add) GD_CHECKED;

/*
 * f(x...) has the shape of `full`; its gradient goes to `to`, which may have been broadcast: then it is
 * formed in scratch memory and summed over what was repeated.
 */
template <typename Y, typename F, typename... X>
static gd_status gdi_broadcast_gradient(gd_device *d, F f, const gd_tensor *full, gd_tensor *to, bool add,
                                        gdi_array<const X>... x) {
  if (gd_numel(to) == gd_numel(full))
    return gdi_walk(d, f, add, gdi_array<Y>{(Y *)to->data, full->ndim, full->shape}, x...);
  void *whole;
  const size_t mark = gd_arena_mark(d->scratch); /* a request that fails takes nothing */
  GD_TRY(gdi_cuda_scratch(d, gd_numel(full), sizeof(Y), &whole));
  gd_status st = gdi_walk(d, f, false, gdi_array<Y>{(Y *)whole, full->ndim, full->shape}, x...);
  if (st == GD_OK) st = gdi_cuda_sum_to(d, whole, full->ndim, full->shape, to, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

#endif
