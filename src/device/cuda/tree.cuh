/* Tree sums of numbers in device memory, with the bits of gd_tree_sum(), by one block of threads. */
#ifndef GDI_CUDA_TREE_CUH
#define GDI_CUDA_TREE_CUH

#include "device/cuda/launch.cuh"

/*
 * The tree adds neighbours, then neighbouring pairs, and so on; what has no neighbour waits. So a run of a
 * power of two is a node (or what there is of one), and the runs can be summed by one thread each.
 */

/* One run by one thread: a node of every size that a bit of the count so far stands for is kept. */
static __device__ double gdi_tree_run(const double *leaf, int64_t n, int64_t stride) {
  double node[64];
  int top = 0;
  for (int64_t i = 0; i < n; i++) {
    double sum = leaf[i * stride];
    for (int64_t bit = 1; i & bit; bit *= 2) sum = node[--top] + sum;
    node[top++] = sum;
  }
  while (top > 1) top--, node[top - 1] = node[top - 1] + node[top];
  return node[0];
}

/* Of the first n lanes' numbers by a warp; lane 0 gets the sum. */
static __device__ __forceinline__ double gdi_tree_warp(double x, int lane, int64_t n) {
  for (int k = 1; k < 32; k *= 2) {
    const double y = __shfl_down_sync(0xffffffffu, x, k);
    if (lane + k < n) x = x + y;
  }
  return x;
}

/* By a block, or warp, of THREADS threads; the first gets the sum: 0 when there are no leaves. */
template <int THREADS>
static __device__ double gdi_tree(int thread, const double *leaf, int64_t K, int64_t stride) {
  enum { WARPS = THREADS / 32 };
  int64_t each = 1;
  while (each * THREADS < K) each *= 2;
  const int64_t lo = thread * each, left = K - lo, runs = (K + each - 1) / each;
  double x = 0;
  if (left > 0)
    x = each == 1 ? leaf[lo * stride] : gdi_tree_run(leaf + lo * stride, left < each ? left : each, stride);
  x = gdi_tree_warp(x, thread % 32, runs - thread / 32 * 32);
  if constexpr (WARPS > 1) {
    __shared__ double warp[WARPS];
    if (thread % 32 == 0) warp[thread / 32] = x;
    __syncthreads();
    if (thread < 32) x = gdi_tree_warp(thread < WARPS ? warp[thread] : 0, thread, (runs + 31) / 32);
    __syncthreads(); /* before `warp` is written again */
  }
  return x;
}

#endif
