/* Neighbouring elements that are loaded and stored at once. */
#ifndef GDI_CUDA_PACK_CUH
#define GDI_CUDA_PACK_CUH

#include "device/cuda/launch.cuh"

enum { GDI_PACK_BYTES = 16 }; /* the widest load */

/* Aligned so that it moves in one piece, or in pieces of GDI_PACK_BYTES. */
template <typename T, int N>
struct alignas((int)sizeof(T) * N < GDI_PACK_BYTES ? (int)sizeof(T) * N : (int)GDI_PACK_BYTES) gdi_pack {
  T v[N];
};

template <int N, typename T> static __device__ __forceinline__ gdi_pack<T, N> gdi_load(const T *from) {
  return *(const gdi_pack<T, N> *)from;
}

template <int N, typename T>
static __device__ __forceinline__ void gdi_store(T *to, const gdi_pack<T, N> &p) {
  *(gdi_pack<T, N> *)to = p;
}

/* May elements at this address (or at the bits of several, or-ed) be loaded GDI_PACK_BYTES at a time? */
static inline __host__ __device__ bool gdi_packed(uintptr_t address) {
  return address % GDI_PACK_BYTES == 0;
}

/*
 * body.at<N>(i) for the part of the elements i .. i + N - 1 that lies in r: all at once where they may be
 * packed and all do, else one by one. i is a multiple of N. Returns the bodies' results or-ed.
 */
template <int N, typename BODY>
static __device__ __forceinline__ int gdi_some(const BODY &body, int64_t i, gd_range r, bool packed) {
  if (packed && i >= r.lo && i + N <= r.hi) return body.template at<N>(i);
  int found = 0;
  for (int64_t k = i < r.lo ? r.lo : i; k < i + N && k < r.hi; k++) found |= body.template at<1>(k);
  return found;
}

#endif
