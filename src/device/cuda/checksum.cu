/* Checksums by which ranks tell whether their copies are equal, a block of threads per piece. */
#include "device/cuda/launch.cuh"

/* An odd number for each place in a piece, so that no changed bit is multiplied away, and words that changed
 * places are not the same. */
static __device__ __forceinline__ uint64_t weight_of(int64_t place) {
  uint64_t x = ((uint64_t)place + 1) * 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
  return (x ^ x >> 32) | 1;
}

/* Integers are added, whose sum no order changes. */
static __global__ void checksum(const uint32_t *data, int64_t words_each, const int64_t *piece,
                                int64_t pieces, uint64_t *sum) {
  __shared__ uint64_t part[GDI_THREADS];
  const int t = (int)threadIdx.x;
  for (int64_t p = blockIdx.x; p < pieces; p += gridDim.x) {
    const uint32_t *word = data + piece[p] * words_each;
    const int64_t n = (piece[p + 1] - piece[p]) * words_each;
    part[t] = 0;
    for (int64_t i = t; i < n; i += GDI_THREADS) part[t] += word[i] * weight_of(i);
    __syncthreads();
    for (int k = GDI_THREADS / 2; k > 0; k /= 2) {
      if (t < k) part[t] += part[t + k];
      __syncthreads();
    }
    if (t == 0) sum[p] = part[0];
    __syncthreads();
  }
}

extern "C" gd_status gdi_cuda_checksum(gd_device *d, const void *data, size_t element_bytes,
                                       const int64_t *piece, int64_t pieces, uint64_t *sum) {
  const int64_t full = 8 * (int64_t)gdi_cuda_of(d)->processors;
  return gdi_launch(d, "check copies", checksum, pieces < full ? pieces : full, GDI_THREADS,
                    (const uint32_t *)data, (int64_t)(element_bytes / sizeof(uint32_t)), piece, pieces, sum);
}
