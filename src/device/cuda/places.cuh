/* From the number of an element to where it lies: mixed-radix places, without a division instruction. */
#ifndef GDI_CUDA_PLACES_CUH
#define GDI_CUDA_PLACES_CUH

#include <stdint.h>

#include "device/cuda/launch.cuh"

/*
 * n / by for 0 <= n < 2^63 as a product: with the least 2^s >= by and factor = floor(2^64 (2^s - by) / by) +
 * 1, the quotient is (floor(n factor / 2^64) + n) / 2^s. On a GPU a division takes ten times as long.
 */
typedef struct gdi_divisor {
  uint64_t factor;
  int shift;
} gdi_divisor;

static inline gdi_divisor gdi_divisor_of(int64_t by) {
  gdi_divisor d = {0, 0};
  if (by < 1) return d; /* of nothing */
  while ((int64_t)1 << d.shift < by) d.shift++;
  d.factor = (uint64_t)(((unsigned __int128)(((int64_t)1 << d.shift) - by) << 64) / (uint64_t)by + 1);
  return d;
}

GDI_BOTH int64_t gdi_quotient(gdi_divisor d, int64_t n) {
  return (int64_t)(((uint64_t)((unsigned __int128)(uint64_t)n * d.factor >> 64) + (uint64_t)n) >> d.shift);
}

/* Dimensions, innermost first. Those that lie one after the other have been merged, those of 1 dropped. */
typedef struct gdi_places {
  int ndim;      /* >= 1 */
  int64_t count; /* elements */
  int64_t extent[GD_MAX_DIMS];
  gdi_divisor divisor[GD_MAX_DIMS];
} gdi_places;

/* Where an operand lies: its strides in elements, innermost first; 0 repeats it. */
template <typename T> struct gdi_operand {
  T *data;
  int64_t stride[GD_MAX_DIMS];
};

/* Merge dimensions that are one for every operand. */
template <typename... O> static gdi_places gdi_merge(int ndim, const int64_t extent[], O &...o) {
  gdi_places p = {};
  p.count = 1;
  for (int i = 0; i < ndim; i++) {
    p.count *= extent[i];
    if (extent[i] == 1) continue;
    const int last = p.ndim - 1;
    if (p.ndim > 0 && (... && (o.stride[i] == o.stride[last] * p.extent[last]))) {
      p.extent[last] *= extent[i];
    } else {
      ((o.stride[p.ndim] = o.stride[i]), ...);
      p.extent[p.ndim++] = extent[i];
    }
  }
  if (p.ndim == 0) { /* one element */
    p.extent[p.ndim++] = 1;
    ((o.stride[0] = 0), ...);
  }
  for (int i = 0; i < p.ndim; i++) p.divisor[i] = gdi_divisor_of(p.extent[i]);
  return p;
}

/* The indices of place n in dimensions `from` and above. */
static inline __device__ void gdi_locate(const gdi_places &p, int from, int64_t n,
                                         int64_t index[GD_MAX_DIMS]) {
  for (int i = 0; i < GD_MAX_DIMS; i++) {
    if (i < from || i >= p.ndim) continue;
    const int64_t next = i + 1 < p.ndim ? gdi_quotient(p.divisor[i], n) : 0;
    index[i] = n - next * p.extent[i];
    n = next;
  }
}

template <typename T>
static inline __device__ T *gdi_at(const gdi_places &p, const gdi_operand<T> &o,
                                   const int64_t index[GD_MAX_DIMS]) {
  int64_t at = 0;
  for (int i = 0; i < GD_MAX_DIMS; i++)
    if (i < p.ndim) at += index[i] * o.stride[i];
  return o.data + at;
}

#endif
