/* What the kernels of cross entropy share: rows, and what is summed over them. */
#ifndef GDI_CUDA_CROSS_ENTROPY_CUH
#define GDI_CUDA_CROSS_ENTROPY_CUH

#include "device/cuda/math.cuh"
#include "device/cuda/pack.cuh"
#include "device/cuda/tree.cuh"
#include "ops/cross_entropy.h"
#include "ops/cuda/group.cuh"

typedef struct kept {
  double shift;  /* of labels: the largest of x_i; soft: L_i */
  double all;    /* of labels: sum of e^(x_ic - shift); soft: r_i A_i */
  double weight; /* of the row; 0 where the label is ignored, NaN where it is no class */
} kept;

template <typename T> struct rows_of {
  const T *x, *p, *w,
      *r; /* logits [B,C], probabilities or NULL, weights of classes [C] and of rows [B] or NULL */
  const int64_t *label; /* [B] where p is NULL */
  int64_t B, C, ignore, rows_a_weight;
  double own, each; /* 1 - e, e / C */
  bool soft;
  kept *row;    /* [B] */
  double *loss; /* [B] of rows */
  T *dx;        /* [B,C] or NULL: by forward, for dloss = 1 */
};

template <typename T> static __device__ __forceinline__ bool counts(const rows_of<T> &j, int64_t i) {
  return !j.label || j.label[i] != j.ignore;
}

template <typename T> static __device__ __forceinline__ double row_weight(const rows_of<T> &j, int64_t i) {
  return j.r ? (double)j.r[i / j.rows_a_weight] : 1;
}

/* q_ic */
template <typename T>
static __device__ __forceinline__ double part(const rows_of<T> &j, int64_t i, int64_t c) {
  const double p = j.p ? (double)j.p[i * j.C + c] : j.label[i] == c ? 1 : 0;
  return j.each + j.own * p;
}

template <typename T> static __device__ __forceinline__ double class_weight(const rows_of<T> &j, int64_t c) {
  return j.w ? (double)j.w[c] : 1;
}

/* Large blocks, so that one of them does for a small batch. */
enum { MOST_THREADS = 1024, ROWS_OF_ONE_BLOCK = 256 };

template <typename T>
static __device__ void write_sums(const rows_of<T> &j, int which, T *loss, double *weights) {
  const double *numbers = which ? &j.row->weight : j.loss;
  const double sum = gdi_tree<MOST_THREADS>((int)threadIdx.x, numbers, j.B,
                                            which ? (int64_t)(sizeof(kept) / sizeof(double)) : 1);
  if (threadIdx.x > 0) return;
  if (which)
    *weights = sum;
  else
    *loss = (T)sum;
}

/* A block for each of the two sums. */
template <typename T>
static __global__ void __launch_bounds__(MOST_THREADS) forward_sums(rows_of<T> j, T *loss, double *weights) {
  write_sums(j, (int)blockIdx.x, loss, weights);
}

/* A thread per class looks through all rows: their order is that of the sum. */
template <typename T> static __global__ void backward_weights(rows_of<T> j, const T *dloss, T *dw, bool add) {
  const double d = (double)*dloss;
  GDI_EACH(c, j.C) {
    double sum = add ? (double)dw[c] : 0;
    for (int64_t i = 0; i < j.B; i++) {
      const double q = part(j, i, c), x = (double)j.x[i * j.C + c];
      if (!counts(j, i) || q == 0) continue;
      const kept k = j.row[i];
      sum += d * row_weight(j, i) * q * (j.soft ? k.shift - x : log(k.all) + (k.shift - x));
    }
    dw[c] = (T)sum;
  }
}

#endif
