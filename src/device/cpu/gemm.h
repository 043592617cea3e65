/* One matrix product on the calling thread. Only gemm.c and onednn.c call the libraries. */
#ifndef GDI_CPU_GEMM_H
#define GDI_CPU_GEMM_H

#include "device/device.h"

/* c [m,n] = op(a) [m,k] op(b) [k,n], or += when `add`; op transposes or not. Row-major with leading
 * dimensions. */
typedef struct gdi_product {
  int64_t m, n, k;
  bool transpose_a, transpose_b, add;
  gd_dtype type; /* of a and b: f32, f64 (c as well), or bf16 (c is f32 and so are the sums) */
  const void *a, *b;
  void *c;
  int64_t lda, ldb, ldc;
} gdi_product;

/*
 * Which library computes a product, and how, follows from its shape and type alone, so equal products have
 * equal bits. On the first call a thread is told to be the only one (omp_set_num_threads(1), OpenBLAS
 * likewise).
 */
gd_status gdi_gemm(const gdi_product *p) GD_CHECKED;

/* "oneDNN 2.6.3 (avx512_core_bf16), OpenBLAS 0.3.21 Cooperlake": what decides the bits of products. */
const char *gdi_gemm_describe(void);

#endif
