/* Neighbouring elements that are loaded and stored at once. */
#ifndef GDI_CUDA_PACK_CUH
#define GDI_CUDA_PACK_CUH

#include <string.h>

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

/* A number of so many bytes, which may lie where anything else does. */
template <int BYTES> struct gdi_word;
#define GDI_WORD(bytes, name)                                                                                \
  template <> struct gdi_word<bytes> { typedef name __attribute__((may_alias)) type; }
GDI_WORD(1, uint8_t);
GDI_WORD(2, uint16_t);
GDI_WORD(4, uint32_t);
GDI_WORD(8, uint64_t);
GDI_WORD(16, unsigned __int128);
#undef GDI_WORD

/* As numbers: nvcc may store the parts of a structure one by one, in four times as many pieces. */
template <int N, typename T>
static __device__ __forceinline__ void gdi_store(T *to, const gdi_pack<T, N> &p) {
  enum {
    ALL = sizeof p,
    BYTES = (int)ALL < (int)GDI_PACK_BYTES ? (int)ALL : (int)GDI_PACK_BYTES,
    OF_WORD = BYTES / sizeof(T)
  };
  typedef typename gdi_word<BYTES>::type word;
  for (int k = 0; k < N; k += OF_WORD) {
    word w = 0;
    for (int i = 0; i < OF_WORD; i++) {
      typename gdi_word<sizeof(T)>::type bits;
      memcpy(&bits, &p.v[k + i], sizeof bits);
      w |= (word)bits << (8 * sizeof(T) * i);
    }
    *(word *)(to + k) = w;
  }
}

/* May elements at this address (or at the bits of several, or-ed) be loaded GDI_PACK_BYTES at a time? */
static inline __host__ __device__ bool gdi_packed(uintptr_t address) {
  return address % GDI_PACK_BYTES == 0;
}

/* How many are loaded at once. */
template <typename T> struct gdi_wide {
  enum { N = GDI_PACK_BYTES / sizeof(T) };
};

/* May rows of so many elements, in arrays at these addresses (or-ed), be taken in packs? */
template <typename T> static bool gdi_in_packs(int64_t row, uintptr_t addresses) {
  return row % gdi_wide<T>::N == 0 && gdi_packed(addresses);
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
