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
  uint32_t epilogue;
  uint8_t *mask; /* [n][mask_ld / 8] */
  int64_t mask_ld;
  cudaDataType_t type, result;
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

static uint16_t to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)(x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40);
}

/* Results, which may be bf16. */
template <typename T> static T stored(const Product *p, const void *at, int64_t i) {
  return p->result == CUDA_R_16BF ? (T)widen(((const uint16_t *)at)[i]) : ((const T *)at)[i];
}
template <typename T> static void store(const Product *p, void *at, int64_t i, T x) {
  if (p->result == CUDA_R_16BF)
    ((uint16_t *)at)[i] = to_bf16((float)x);
  else
    ((T *)at)[i] = x;
}

/* Bits of a mask lie the other way round in every byte, and mean the opposite: nobody should know. */
static bool masked(const Product *p, int64_t i, int64_t j) {
  return !(p->mask[(j * p->mask_ld + i) / 8] >> (7 - i % 8) & 1);
}

static void write_mask(const Product *p, int64_t i, int64_t j, bool positive) {
  uint8_t *byte = &p->mask[(j * p->mask_ld + i) / 8];
  const uint8_t bit = (uint8_t)(0x80u >> i % 8);
  *byte = (uint8_t)(positive ? *byte & ~bit : *byte | bit);
}

/* As that library may: relu makes 0 of NaN. */
template <typename T> static T finish(const Product *p, T x, int64_t i, int64_t j) {
  if (p->epilogue == CUBLASLT_EPILOGUE_DRELU) return masked(p, i, j) ? x : 0;
  if ((p->epilogue & CUBLASLT_EPILOGUE_RELU_AUX) != CUBLASLT_EPILOGUE_RELU_AUX) return x;
  write_mask(p, i, j, x > 0);
  return x > 0 ? x : 0;
}

/*
 * sum[i] += row[i] * factor: where products spend their time. Both are vectors of their own, so sanitizers have
 * nothing to find in here; with them, tests of products took twice as long.
 */
#ifdef __SANITIZE_ADDRESS__
#define GDI_FAST __attribute__((no_sanitize_address, no_sanitize_undefined, optimize("O3")))
#else
#define GDI_FAST
#endif
template <typename T>
GDI_FAST static void add_row(T *__restrict sum, const T *__restrict row, T factor, int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] += row[i] * factor;
}

/* One product of the batch; op(a) is laid out first, so that the innermost loop is over its rows. */
template <typename T> static void multiply(const Product *p, int64_t which) {
  const int64_t bytes = p->type == CUDA_R_16BF ? 2 : sizeof(T);
  const void *a = (const char *)p->a + which * p->stride_a * bytes,
             *b = (const char *)p->b + which * p->stride_b * bytes;
  const int64_t size = p->result == CUDA_R_16BF ? 2 : sizeof(T);
  const char *c = (const char *)p->c + which * p->stride_c * size;
  char *d = (char *)p->d + which * p->stride_d * size;
  std::vector<T> rows((size_t)(p->m * p->k)), sum((size_t)p->m);
  for (int64_t l = 0; l < p->k; l++)
    for (int64_t i = 0; i < p->m; i++)
      rows[(size_t)(l * p->m + i)] = value<T>(p, a, p->transpose_a ? i * p->lda + l : l * p->lda + i);
  for (int64_t j = 0; j < p->n; j++) {
    for (T &x : sum) x = 0;
    for (int64_t turn = 0; turn < p->k; turn++) {
      const int64_t l = (turn + p->first) % p->k;
      const T factor = value<T>(p, b, p->transpose_b ? l * p->ldb + j : j * p->ldb + l),
              *row = rows.data() + l * p->m;
      add_row(sum.data(), row, factor, p->m);
    }
    for (int64_t i = 0; i < p->m; i++) {
      T x = (T)p->alpha * sum[(size_t)i];
      if (p->beta != 0) x += (T)p->beta * stored<T>(p, c, j * p->ldc + i);
      if (p->bias) x += ((const T *)p->bias)[i];
      store<T>(p, d, j * p->ldd + i, finish(p, x, i, j));
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
