/*
 * Matrix products on a GPU: cuBLASLt, with a plan for each form of product that is kept. A plan is what the
 * library's heuristic offers first; it follows from the form alone, never from timing or from addresses, so
 * equal products have equal bits.
 */
#ifndef GDI_CUDA_BLAS_H
#define GDI_CUDA_BLAS_H

#include "device/cuda/cuda.h"

/* What a product does to its results, z, before it stores them. `mask` has a bit for each of them, z > 0, in an
 * order of the library's own. */
typedef enum gdi_blas_after {
  GDI_AFTER_NOTHING,
  GDI_AFTER_RELU,         /* c = max(z, 0), or 0 for NaN; writes the mask */
  GDI_AFTER_RELU_GRADIENT /* c = z where the mask of another product of this shape has a 1, else 0 */
} gdi_blas_after;

/*
 * c [m,n] = op(a) [m,k] op(b) [k,n], or += when `add`; op transposes or not. Row-major; a row as stored begins so many
 * elements after the one before.
 */
typedef struct gdi_blas_product {
  int64_t m, n, k;
  bool transpose_a, transpose_b, add;
  gd_dtype type; /* of a and b: f32, f64 (c as well), or bf16 (c is f32 and so are the sums) */
  const void *a, *b;
  void *c;
  bool rounded;     /* c is bf16, as a and b are */
  const void *bias; /* [n] of c's type, added to every row; or NULL */
  gdi_blas_after after;
  void *mask;            /* [gdi_blas_mask_bytes(m, n)] where `after` has one */
  int64_t lda, ldb, ldc; /* of rows as stored; 0: they are without gaps, as c is with a bias */
  int64_t count, stride_a, stride_b, stride_c; /* so many products, so many elements apart; 0: the same */
} gdi_blas_product;

/* Loads cuBLASLt and takes its workspace. Errors: GD_ERR_GPU, GD_ERR_OOM */
gd_status gdi_blas_new(gdi_blas **out, gd_device *d) GD_CHECKED;
void gdi_blas_free(gdi_blas *b); /* NULL is fine */

/* "cuBLASLt 13.0.2": what decides the bits of products. */
const char *gdi_blas_describe(const gdi_blas *b);

/*
 * Queues the product in the stream in use, the compute stream or that of gradients: each has a workspace of its
 * own, of one size, so that the stream decides nothing. A form that was there before takes no memory.
 */
gd_status gdi_blas_multiply(gd_device *d, const gdi_blas_product *p) GD_CHECKED;

/* Is the product to be had as it is? Only with `after` it may not: cuBLASLt has that for some forms. */
gd_status gdi_blas_offers(gd_device *d, const gdi_blas_product *p, bool *yes) GD_CHECKED;
int64_t gdi_blas_mask_bytes(int64_t m, int64_t n);

/* The type in which products on d take operands of `type`: bf16 for f32 where the device was opened
 * for that. */
static inline gd_dtype gdi_blas_type(const gd_device *d, gd_dtype type) {
  return d->matmul == GD_MATMUL_BF16 && type == GD_F32 ? GD_BF16 : type;
}

#endif
