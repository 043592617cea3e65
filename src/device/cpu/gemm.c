/* Which library computes a product, and OpenBLAS's part. */
#include "device/cpu/gemm.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "device/cpu/onednn.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void one_thread(void) {
  openblas_set_num_threads(1);
}

static gd_status by_blas(const gdi_product *p) {
  const CBLAS_TRANSPOSE a = p->transpose_a ? CblasTrans : CblasNoTrans,
                        b = p->transpose_b ? CblasTrans : CblasNoTrans;
  const int m = (int)p->m, n = (int)p->n, k = (int)p->k, lda = (int)p->lda, ldb = (int)p->ldb,
            ldc = (int)p->ldc;
  pthread_once(&once, one_thread);
  if (p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->lda > INT_MAX || p->ldb > INT_MAX ||
      p->ldc > INT_MAX)
    return GD_FAIL(GD_ERR_SHAPE, "OpenBLAS counts in 32 bits: a matrix product has an extent above %d",
                   INT_MAX);
  if (p->type == GD_F64)
    cblas_dgemm(CblasRowMajor, a, b, m, n, k, 1, p->a, lda, p->b, ldb, p->add, p->c, ldc);
  else
    cblas_sgemm(CblasRowMajor, a, b, m, n, k, 1, p->a, lda, p->b, ldb, p->add, p->c, ldc);
  return GD_OK;
}

/*
 * OpenBLAS has kernels for small products that pack nothing and are the fastest there are where one extent is
 * short. They end at 10^6 multiplications, and with b transposed they suit few rows. Returns how many rows of
 * c to compute at a time; 0 when the product is not for them.
 */
static int64_t thin_rows(const gdi_product *p) {
  bool thin = p->n <= 16 || p->k <= 16 || p->m <= (p->transpose_a ? 16 : 4);
  int64_t rows = 1000000 / p->n / p->k;
  if (p->transpose_b && rows > 64) rows = 64;
  return thin && (rows >= 16 || rows >= p->m) ? rows : 0;
}

static gd_status by_thin_blas(const gdi_product *p, int64_t rows) {
  gdi_product q = *p;
  for (int64_t i = 0; i < p->m; i += rows) {
    q.m = p->m - i < rows ? p->m - i : rows;
    q.a = (const float *)p->a + i * (p->transpose_a ? 1 : p->lda);
    q.c = (float *)p->c + i * p->ldc;
    GD_TRY(by_blas(&q));
  }
  return GD_OK;
}

gd_status gdi_gemm(const gdi_product *p) {
  if (p->m == 0 || p->n == 0) return GD_OK;
  if (p->k == 0) { /* an empty sum */
    size_t bytes = (size_t)p->n * (p->type == GD_F64 ? sizeof(double) : sizeof(float));
    for (int64_t i = 0; !p->add && i < p->m; i++)
      memset((char *)p->c + (size_t)(i * p->ldc) * (bytes / (size_t)p->n), 0, bytes);
    return GD_OK;
  }
  if (p->type == GD_F64) return by_blas(p);
  if (p->type == GD_BF16) return gdi_onednn_matmul(p);
  int64_t rows = thin_rows(p);
  if (rows) return by_thin_blas(p, rows);
  return p->transpose_b ? gdi_onednn_matmul(p) : gdi_onednn_sgemm(p);
}

const char *gdi_gemm_describe(void) {
  static char text[96];
  char onednn[48];
  gdi_onednn_describe(onednn, sizeof onednn);
  const char *blas = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE ..." */
  size_t name = strcspn(blas, " ");
  if (blas[name]) name += 1 + strcspn(blas + name + 1, " ");
  snprintf(text, sizeof text, "%s, %.*s (%s)", onednn, (int)name, blas, openblas_get_corename());
  return text;
}
