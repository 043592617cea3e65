/* The plans of matrix products by the form of the product: what blas.c keeps. */
#ifndef GDI_CUDA_PLANS_H
#define GDI_CUDA_PLANS_H

#include "device/cuda/cublaslt.h"

/* Everything that a plan follows from. Numbers of one size: compared as memory. */
typedef struct gdi_product_form {
  int64_t m, n, k, lda, ldb, ldc, count, stride_a, stride_b, stride_c;
  int64_t type, transpose_a, transpose_b, add, rounded, bias, after;
  int64_t align_a, align_b, align_c, align_bias; /* bytes */
} gdi_product_form;

typedef struct gdi_plan {
  gdi_product_form form;
  bool offered; /* false: cuBLASLt does not have this form, and nothing below is there */
  cublasLtMatmulDesc_t what;
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatmulAlgo_t how;
} gdi_plan;

typedef struct gdi_plans {
  gdi_plan **slot; /* [slots], a power of two, less than half of them in use */
  int64_t slots, used;
} gdi_plans;

/* The plan of a form, or NULL. */
gdi_plan *gdi_plans_find(const gdi_plans *t, const gdi_product_form *f);
/* Owner: the table, from now on. Errors: GD_ERR_OOM */
gd_status gdi_plans_add(gdi_plans *t, gdi_plan *p) GD_CHECKED;

#endif
