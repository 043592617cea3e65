/* Sums in the order of the tree over operands in device memory, a pack of elements at a time. */
#ifndef GDI_CUDA_OPERANDS_CUH
#define GDI_CUDA_OPERANDS_CUH

#include "device/cuda/pack.cuh"

enum {
  GDI_OPERANDS_FEW = 4,    /* sums of so many are formed in registers */
  GDI_OPERANDS_DEPTH = 32, /* GDI_SUM_DEPTH of sync/sum.h */
};

/* gdi_gpu_sum as kernels get it. */
typedef struct gdi_operands_of {
  int n_operands, n_ops;
  char *const *operand;
  const uint8_t *add;
  const char *only; /* the operand when there is but one; a kernel looks it up once */
} gdi_operands_of;

static inline gdi_operands_of gdi_operands_from(const gdi_gpu_sum *s, const char *only) {
  gdi_operands_of t = {1, 1, NULL, NULL, only};
  if (s) t.n_operands = s->n_operands, t.n_ops = s->n_ops, t.operand = s->operand, t.add = s->add;
  return t;
}

/* To be called once at the start of a kernel. Returns the bits of all addresses, for gdi_packed(). */
static __device__ __forceinline__ uintptr_t gdi_operands_look_up(gdi_operands_of *t) {
  if (t->operand) t->only = t->operand[0];
  uintptr_t bits = (uintptr_t)t->only;
  for (int k = 1; k < t->n_operands; k++) bits |= (uintptr_t)t->operand[k];
  return bits;
}

template <typename T, int N>
static __device__ __forceinline__ gdi_pack<T, N> gdi_plus(const gdi_pack<T, N> &a, const gdi_pack<T, N> &b) {
  gdi_pack<T, N> sum;
  for (int k = 0; k < N; k++) sum.v[k] = a.v[k] + b.v[k];
  return sum;
}

/* All operands are asked for before the first is needed. Then they wait in a queue x and are added on a stack s;
 * both are shifted, not indexed, so that they stay in registers. */
template <typename T, int N>
static __device__ __forceinline__ gdi_pack<T, N> gdi_sum_of_few(const gdi_operands_of &t, int64_t i) {
  gdi_pack<T, N> x[GDI_OPERANDS_FEW + 1] = {}, s[GDI_OPERANDS_FEW + 1] = {};
  for (int k = 0; k < GDI_OPERANDS_FEW; k++)
    if (k < t.n_operands) x[k] = gdi_load<N>((const T *)t.operand[k] + i);
  for (int op = 0; op < t.n_ops; op++) {
    if (t.add[op]) {
      s[0] = gdi_plus(s[1], s[0]);
      for (int k = 1; k < GDI_OPERANDS_FEW; k++) s[k] = s[k + 1];
    } else {
      for (int k = GDI_OPERANDS_FEW - 1; k > 0; k--) s[k] = s[k - 1];
      s[0] = x[0];
      for (int k = 0; k < GDI_OPERANDS_FEW; k++) x[k] = x[k + 1];
    }
  }
  return s[0];
}

template <typename T, int N>
static __device__ __forceinline__ gdi_pack<T, N> gdi_sum_of_many(const gdi_operands_of &t, int64_t i) {
  gdi_pack<T, N> stack[GDI_OPERANDS_DEPTH];
  int top = 0;
  char *const *next = t.operand;
  for (int op = 0; op < t.n_ops; op++) {
    if (t.add[op]) {
      top--;
      stack[top - 1] = gdi_plus(stack[top - 1], stack[top]);
    } else {
      stack[top++] = gdi_load<N>((const T *)*next++ + i);
    }
  }
  return stack[0];
}

/* The sums of the elements i .. i + N - 1 of the run. ONE: there is one operand, and its reading is all there is
 * to a kernel. */
template <typename T, int N, bool ONE>
static __device__ __forceinline__ gdi_pack<T, N> gdi_sum_at(const gdi_operands_of &t, int64_t i) {
  if (ONE) return gdi_load<N>((const T *)t.only + i);
  return t.n_operands <= GDI_OPERANDS_FEW ? gdi_sum_of_few<T, N>(t, i) : gdi_sum_of_many<T, N>(t, i);
}

#endif
