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

typedef struct gdi_sum_of {
  template <typename T> __device__ __forceinline__ T operator()(T a, T b) const { return a + b; }
} gdi_sum_of;

/* x of all lanes of a group, combined; every lane gets the same bits. */
template <int LANES, typename T, typename OP> static __device__ __forceinline__ T gdi_group(T x, OP op) {
  if (LANES == 1) return x;
  for (int k = 16; k > 0; k /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, k));
  if (LANES == 32) return x;
  enum { WARPS = LANES < 32 ? 1 : LANES / 32 };
  __shared__ T warp[WARPS];
  if (threadIdx.x % 32 == 0) warp[threadIdx.x / 32] = x;
  __syncthreads();
  x = warp[0];
  for (int k = 1; k < WARPS; k++) x = op(x, warp[k]);
  __syncthreads(); /* before `warp` is written again */
  return x;
}

static __device__ __forceinline__ float gdi_exp(float x) {
  return expf(x);
}
static __device__ __forceinline__ double gdi_exp(double x) {
  return exp(x);
}
static __device__ __forceinline__ float gdi_log(float x) {
  return logf(x);
}
static __device__ __forceinline__ double gdi_log(double x) {
  return log(x);
}

#endif
