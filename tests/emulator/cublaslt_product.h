/* What the emulated cuBLASLt computes: column-major matrix products, by plain loops in the order of k. */
#ifndef GDI_EMULATED_CUBLASLT_PRODUCT_H
#define GDI_EMULATED_CUBLASLT_PRODUCT_H

#include <cstring>
#include <vector>

#include <cublasLt.h>

/* A product as it will be computed: copied into the queue. */
struct Product {
  int64_t m, n, k, count, lda, ldb, ldc, ldd, stride_a, stride_b, stride_c, stride_d;
  const void *a, *b, *c, *bias;
  void *d;
  double alpha, beta;
  int64_t first; /* of the sums over k */
  cudaDataType_t type;
  cublasComputeType_t compute;
  bool transpose_a, transpose_b;
};

/* Operands as the units take them: f32 and f64 as they are, bf16 widened, f32 rounded to tf32. */
static float widen(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static float to_tf32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x == x && (bits & 0x7f800000) != 0x7f800000) bits = (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000;
  memcpy(&x, &bits, sizeof x);
  return x;
}

template <typename T> static T value(const Product *p, const void *at, int64_t i) {
  if (p->type == CUDA_R_16BF) return (T)widen(((const uint16_t *)at)[i]);
  const T x = ((const T *)at)[i];
  return p->compute == CUBLAS_COMPUTE_32F_FAST_TF32 ? (T)to_tf32((float)x) : x;
}

/* One product of the batch; op(a) is laid out first, so that the innermost loop is over its rows. */
template <typename T> static void multiply(const Product *p, int64_t which) {
  const int64_t bytes = p->type == CUDA_R_16BF ? 2 : sizeof(T);
  const void *a = (const char *)p->a + which * p->stride_a * bytes,
             *b = (const char *)p->b + which * p->stride_b * bytes;
  const T *c = (const T *)p->c + which * p->stride_c;
  T *d = (T *)p->d + which * p->stride_d;
  std::vector<T> rows((size_t)(p->m * p->k)), sum((size_t)p->m);
  for (int64_t l = 0; l < p->k; l++)
    for (int64_t i = 0; i < p->m; i++)
      rows[(size_t)(l * p->m + i)] = value<T>(p, a, p->transpose_a ? i * p->lda + l : l * p->lda + i);
  for (int64_t j = 0; j < p->n; j++) {
    for (T &x : sum) x = 0;
    for (int64_t turn = 0; turn < p->k; turn++) {
      const int64_t l = (turn + p->first) % p->k;
      const T factor = value<T>(p, b, p->transpose_b ? l * p->ldb + j : j * p->ldb + l),
              *row = &rows[(size_t)(l * p->m)];
      T *to = sum.data();
      for (int64_t i = 0; i < p->m; i++) to[i] += row[i] * factor;
    }
    for (int64_t i = 0; i < p->m; i++) {
      T x = (T)p->alpha * sum[(size_t)i];
      if (p->beta != 0) x += (T)p->beta * c[j * p->ldc + i];
      if (p->bias) x += ((const T *)p->bias)[i];
      d[j * p->ldd + i] = x;
    }
  }
}

static cudaError_t run(void *arguments) {
  const Product *p = (const Product *)arguments;
  for (int64_t i = 0; i < p->count; i++)
    if (p->compute == CUBLAS_COMPUTE_64F)
      multiply<double>(p, i);
    else
      multiply<float>(p, i);
  return cudaSuccess;
}

#endif
