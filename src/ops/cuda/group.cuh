/* Groups of threads that work on a row each: part of a warp of 32, a power of two, or all of it, or a block. */
#ifndef GDI_CUDA_GROUP_CUH
#define GDI_CUDA_GROUP_CUH

#include "device/cuda/launch.cuh"

/*
 * for (int64_t row of this thread's group; row < rows; ...): all of a group turn alike. All of a warp of several
 * groups do so where rows are counted by gdi_whole_warps(): then some are beyond the last row.
 */
#define GDI_EACH_ROW(LANES, row, rows)                                                                       \
  for (int64_t row = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES; row < (rows);                 \
       row += (int64_t)gridDim.x * blockDim.x / LANES)

template <int LANES> static __device__ __forceinline__ int64_t gdi_whole_warps(int64_t rows) {
  enum { GROUPS = LANES < 32 ? 32 / LANES : 1 };
  return (rows + GROUPS - 1) / GROUPS * GROUPS;
}

typedef struct gdi_larger {
  template <typename T> __device__ __forceinline__ T operator()(T a, T b) const { return b > a ? b : a; }
} gdi_larger;

typedef struct gdi_adding {
  template <typename T> __device__ __forceinline__ T operator()(T a, T b) const { return a + b; }
} gdi_adding;

/* x of all lanes of a group, combined; every lane gets the same bits. To be called by whole warps. */
template <int LANES, typename T, typename OP> static __device__ __forceinline__ T gdi_group(T x, OP op) {
  for (int k = (LANES < 32 ? LANES : 32) / 2; k > 0; k /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, k));
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
