/* Groups of threads that work on a row each: one thread, a warp of 32, or a block of GDI_THREADS. */
#ifndef GDI_CUDA_GROUP_CUH
#define GDI_CUDA_GROUP_CUH

#include "device/cuda/launch.cuh"

/* for (int64_t row of this thread's group; row < rows; ...): all of a group, and of a warp, turn alike. */
#define GDI_EACH_ROW(LANES, row, rows)                                                                       \
  for (int64_t row = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES; row < (rows);                 \
       row += (int64_t)gridDim.x * blockDim.x / LANES)

typedef struct gdi_larger {
  template <typename T> __device__ __forceinline__ T operator()(T a, T b) const { return b > a ? b : a; }
} gdi_larger;

typedef struct gdi_adding {
  template <typename T> __device__ __forceinline__ T operator()(T a, T b) const { return a + b; }
} gdi_adding;

/* x of all lanes of a group, combined; every lane gets the same bits. */
template <int LANES, typename T, typename OP> static __device__ __forceinline__ T gdi_group(T x, OP op) {
  if constexpr (LANES >= 32)
    for (int k = 16; k > 0; k /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, k));
  if constexpr (LANES > 32) {
    __shared__ T warp[LANES / 32];
    if (threadIdx.x % 32 == 0) warp[threadIdx.x / 32] = x;
    __syncthreads();
    x = warp[0];
    for (int k = 1; k < LANES / 32; k++) x = op(x, warp[k]);
    __syncthreads(); /* before `warp` is written again */
  }
  return x;
}

#endif
