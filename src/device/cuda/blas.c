/*
 * Rows and columns. cuBLASLt's matrices are column-major: what is [r,c] here is [c,r] there, in the same
 * memory. So c = op(a) op(b) is asked for as its transpose, c' = op(b)' op(a)':
 *
 *   here   c [m,n]   op(a) [m,k]   op(b) [k,n]     bias [n], added to every row
 *   there  C [n,m]   B = a         A = b           bias [n], added to every column
 *
 * and an operand that is transposed here is so there: b is stored [k,n] (there [n,k], as A is wanted), or
 * [n,k] when transpose_b (there [k,n], to be transposed). Leading dimensions are lengths of rows here.
 */
#include "device/cuda/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cuda/plans.h"

enum {
  WORKSPACE = 8 << 20,        /* bytes; on GPUs of compute capability 9 and up: */
  LARGE_WORKSPACE = 32 << 20, /* what NVIDIA advises for Hopper */
  ALIGN = 16,                 /* bytes, the widest load: a better alignment must not choose another plan */
  MASK_BITS = 128             /* rows of a mask begin at multiples of so many */
};

struct gdi_blas {
  const gdi_cublaslt *lt;
  gd_device *d;
  cublasLtHandle_t handle;
  void *workspace, *side_workspace; /* of the compute stream, and of the gradients' */
  size_t workspace_bytes;
  gdi_plans plans;
  char description[32];
};

static gd_status check(const gdi_blas *b, cublasStatus_t s, const char *what) {
  if (s == CUBLAS_STATUS_SUCCESS) return GD_OK;
  return GD_FAIL(GD_ERR_GPU, "GPU %d: cublasLt%s: %s", b->d->index, what, b->lt->GetStatusName(s));
}
#define LT(b, name, ...) check(b, (b)->lt->name(__VA_ARGS__), #name)
/* One attribute of a descriptor; the library checks the size of the value. */
#define SET(b, kind, of, attribute, value) LT(b, kind##SetAttribute, of, attribute, &(value), sizeof(value))

/* ---- life ---- */

static gd_status start(gdi_blas *b) {
  int major;
  GD_TRY(gdi_cublaslt_load(b->d, &b->lt));
  GD_TRY(LT(b, Create, &b->handle));
  GD_TRY(GDI_CUDA(b->d, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, b->d->index)));
  b->workspace_bytes = major >= 9 ? LARGE_WORKSPACE : WORKSPACE;
  GD_TRY(GDI_CUDA(b->d, cudaMalloc(&b->workspace, b->workspace_bytes)));
  GD_TRY(GDI_CUDA(b->d, cudaMalloc(&b->side_workspace, b->workspace_bytes)));
  const size_t v = b->lt->GetVersion();
  snprintf(b->description, sizeof b->description, "cuBLASLt %zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
  return GD_OK;
}

gd_status gdi_blas_new(gdi_blas **out, gd_device *d) {
  gdi_blas *b = *out = calloc(1, sizeof *b);
  if (!b) return GD_FAIL(GD_ERR_OOM, "no memory for matrix products");
  b->d = d;
  gd_status st = start(b);
  if (st == GD_OK) return GD_OK;
  gdi_blas_free(b);
  *out = NULL;
  return st;
}

static void plan_free(const gdi_blas *b, gdi_plan *p) {
  if (!p) return;
  if (p->what) (void)b->lt->MatmulDescDestroy(p->what);
  if (p->a) (void)b->lt->MatrixLayoutDestroy(p->a);
  if (p->b) (void)b->lt->MatrixLayoutDestroy(p->b);
  if (p->c) (void)b->lt->MatrixLayoutDestroy(p->c);
  free(p);
}

void gdi_blas_free(gdi_blas *b) {
  if (!b) return;
  for (int64_t i = 0; i < b->plans.slots; i++) plan_free(b, b->plans.slot[i]);
  free(b->plans.slot);
  if (b->workspace) (void)cudaFree(b->workspace);
  if (b->side_workspace) (void)cudaFree(b->side_workspace);
  if (b->handle) (void)b->lt->Destroy(b->handle);
  free(b);
}

const char *gdi_blas_describe(const gdi_blas *b) {
  return b->description;
}

/* ---- plans ---- */

static int64_t alignment(const void *p) {
  const uintptr_t at = (uintptr_t)p | ALIGN;
  return (int64_t)(at & -at);
}

/* Of the product, or of what is left of it without an epilogue. */
static gdi_product_form form_of(const gdi_blas_product *p, bool whole) {
  const bool bias = whole && p->bias;
  return (gdi_product_form){.m = p->m,
                            .n = p->n,
                            .k = p->k,
                            .lda = p->lda           ? p->lda
                                   : p->transpose_a ? p->m
                                                    : p->k,
                            .ldb = p->ldb           ? p->ldb
                                   : p->transpose_b ? p->k
                                                    : p->n,
                            .ldc = p->ldc ? p->ldc : p->n,
                            .count = p->count,
                            .stride_a = p->stride_a,
                            .stride_b = p->stride_b,
                            .stride_c = p->stride_c,
                            .type = p->type,
                            .transpose_a = p->transpose_a,
                            .transpose_b = p->transpose_b,
                            .add = p->add,
                            .rounded = p->rounded,
                            .bias = bias,
                            .after = whole ? p->after : GDI_AFTER_NOTHING,
                            .align_a = alignment(p->a),
                            .align_b = alignment(p->b),
                            .align_c = alignment(p->c),
                            .align_bias = bias ? alignment(p->bias) : 0};
}

/* [rows, columns] here, [columns, rows] there */
static gd_status layout(const gdi_blas *b, cublasLtMatrixLayout_t *out, cudaDataType_t type, int64_t rows,
                        int64_t columns, int64_t ld, int64_t count, int64_t stride) {
  const int32_t batch = (int32_t)count;
  if (batch != count) return GD_FAIL(GD_ERR_SHAPE, "matmul: %lld products at once", (long long)count);
  GD_TRY(LT(b, MatrixLayoutCreate, out, type, (uint64_t)columns, (uint64_t)rows, ld));
  if (count == 1) return GD_OK;
  GD_TRY(SET(b, MatrixLayout, *out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, batch));
  return SET(b, MatrixLayout, *out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride);
}

static int64_t mask_row(int64_t n) {
  return (n + MASK_BITS - 1) / MASK_BITS * MASK_BITS;
}

int64_t gdi_blas_mask_bytes(int64_t m, int64_t n) {
  return m * mask_row(n) / 8;
}

static gd_status point_epilogue(const gdi_blas *b, const gdi_plan *q, const void *bias, const void *mask) {
  if (q->form.bias) GD_TRY(SET(b, MatmulDesc, q->what, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias));
  if (!q->form.after) return GD_OK;
  return SET(b, MatmulDesc, q->what, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, mask);
}

/* The heuristic looks how the pointers are aligned, and at nothing else: so it is shown no real ones. */
static gd_status describe_epilogue(const gdi_blas *b, const gdi_plan *q) {
  static const uint32_t epilogues[3][2] = {
      [GDI_AFTER_NOTHING] = {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_BIAS},
      [GDI_AFTER_RELU] = {CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_RELU_AUX_BIAS},
      [GDI_AFTER_RELU_GRADIENT] = {CUBLASLT_EPILOGUE_DRELU}};
  const int64_t row = mask_row(q->form.n);
  GD_TRY(SET(b, MatmulDesc, q->what, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogues[q->form.after][q->form.bias]));
  if (q->form.after) GD_TRY(SET(b, MatmulDesc, q->what, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, row));
  return point_epilogue(b, q, (const void *)(uintptr_t)q->form.align_bias, (const void *)(uintptr_t)ALIGN);
}

static gd_status describe(const gdi_blas *b, gdi_plan *q) {
  const gdi_product_form *f = &q->form;
  const bool f64 = f->type == GD_F64, tf32 = b->d->matmul == GD_MATMUL_TF32;
  const cudaDataType_t sums = f64 ? CUDA_R_64F : CUDA_R_32F,
                       operand = f->type == GD_BF16 ? CUDA_R_16BF : sums;
  const cublasComputeType_t compute = f64                         ? CUBLAS_COMPUTE_64F
                                      : tf32 && f->type == GD_F32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                  : CUBLAS_COMPUTE_32F;
  const int32_t transpose_a = f->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                transpose_b = f->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  GD_TRY(LT(b, MatmulDescCreate, &q->what, compute, sums));
  GD_TRY(SET(b, MatmulDesc, q->what, CUBLASLT_MATMUL_DESC_TRANSA, transpose_a));
  GD_TRY(SET(b, MatmulDesc, q->what, CUBLASLT_MATMUL_DESC_TRANSB, transpose_b));
  GD_TRY(describe_epilogue(b, q));
  GD_TRY(layout(b, &q->a, operand, f->transpose_b ? f->n : f->k, f->transpose_b ? f->k : f->n, f->ldb,
                f->count, f->stride_b));
  GD_TRY(layout(b, &q->b, operand, f->transpose_a ? f->k : f->m, f->transpose_a ? f->m : f->k, f->lda,
                f->count, f->stride_a));
  return layout(b, &q->c, f->rounded ? operand : sums, f->m, f->n, f->ldc, f->count, f->stride_c);
}

/*
 * Sums over k that are cut are put together in a step of their own, never by whoever comes first; where they
 * are not cut, the mask excludes nothing.
 */
static gd_status prefer(const gdi_blas *b, const gdi_product_form *f, cublasLtMatmulPreference_t p) {
  const uint64_t bytes = b->workspace_bytes;
  const uint32_t in_order = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE,
                 align_a = (uint32_t)f->align_b, align_b = (uint32_t)f->align_a,
                 align_c = (uint32_t)f->align_c;
  GD_TRY(SET(b, MatmulPreference, p, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, bytes));
  GD_TRY(SET(b, MatmulPreference, p, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, in_order));
  GD_TRY(SET(b, MatmulPreference, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, align_a));
  GD_TRY(SET(b, MatmulPreference, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, align_b));
  GD_TRY(SET(b, MatmulPreference, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, align_c));
  return SET(b, MatmulPreference, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, align_c);
}

static gd_status choose(const gdi_blas *b, gdi_plan *q) {
  cublasLtMatmulPreference_t p;
  cublasLtMatmulHeuristicResult_t best = {.state = CUBLAS_STATUS_NOT_SUPPORTED};
  int found = 0;
  GD_TRY(LT(b, MatmulPreferenceCreate, &p));
  gd_status st = prefer(b, &q->form, p);
  if (st == GD_OK) {
    const cublasStatus_t s =
        b->lt->MatmulAlgoGetHeuristic(b->handle, q->what, q->a, q->b, q->c, q->c, p, 1, &best, &found);
    if (s == CUBLAS_STATUS_SUCCESS && found == 1 && best.state == CUBLAS_STATUS_SUCCESS) {
      q->how = best.algo;
      q->offered = true;
    } else if (!q->form.bias && !q->form.after) { /* without those the product is there: that is no failure */
      st = GD_FAIL(GD_ERR_GPU, "GPU %d: cuBLASLt has no matrix product [%lld,%lld] x [%lld,%lld] of %s: %s",
                   b->d->index, (long long)q->form.m, (long long)q->form.k, (long long)q->form.k,
                   (long long)q->form.n, gd_dtype_name((gd_dtype)q->form.type),
                   b->lt->GetStatusName(s == CUBLAS_STATUS_SUCCESS ? best.state : s));
    }
  }
  (void)b->lt->MatmulPreferenceDestroy(p);
  return st;
}

static gd_status plan_for(gdi_blas *b, const gdi_blas_product *p, bool whole, gdi_plan **out) {
  const gdi_product_form f = form_of(p, whole);
  *out = gdi_plans_find(&b->plans, &f);
  if (*out) return GD_OK;
  gdi_plan *q = calloc(1, sizeof *q);
  if (!q) return GD_FAIL(GD_ERR_OOM, "no memory for the plan of a matrix product");
  q->form = f;
  gd_status st = describe(b, q);
  if (st == GD_OK) st = choose(b, q);
  if (st == GD_OK) st = gdi_plans_add(&b->plans, q);
  if (st == GD_OK)
    *out = q;
  else
    plan_free(b, q);
  return st;
}

/* ---- products ---- */

static gd_status run(gdi_blas *b, const gdi_blas_product *p, const gdi_plan *q) {
  const double alpha64 = 1, beta64 = p->add;
  const float alpha32 = 1, beta32 = p->add;
  const bool f64 = p->type == GD_F64, beside = gdi_cuda_of(b->d)->stream_in_use == GDI_STREAM_GRADIENTS;
  GD_TRY(point_epilogue(b, q, p->bias, p->mask));
  return LT(b, Matmul, b->handle, q->what, f64 ? (const void *)&alpha64 : &alpha32, p->b, q->a, p->a, q->b,
            f64 ? (const void *)&beta64 : &beta32, p->c, q->c, p->c, q->c, &q->how,
            beside ? b->side_workspace : b->workspace, b->workspace_bytes, gdi_cuda_stream(b->d));
}

/* A sum of no products: nothing, or what was there. */
static gd_status empty_sums(gd_device *d, const gdi_blas_product *p) {
  const size_t bytes = gd_dtype_bytes(p->type == GD_F64 ? GD_F64 : GD_F32);
  if (p->add) return GD_OK;
  for (int64_t i = 0; i < p->count; i++)
    GD_TRY(GDI_CUDA(d, cudaMemsetAsync((char *)p->c + (size_t)(i * p->stride_c) * bytes, 0,
                                       (size_t)(p->m * p->n) * bytes, gdi_cuda_stream(d))));
  return GD_OK;
}

gd_status gdi_blas_offers(gd_device *d, const gdi_blas_product *p, bool *yes) {
  gdi_plan *q;
  *yes = p->k > 0 && p->m > 0 && p->n > 0;
  if (!*yes) return GD_OK;
  GD_TRY(plan_for(gdi_cuda_of(d)->blas, p, true, &q));
  *yes = q->offered;
  return GD_OK;
}

gd_status gdi_blas_multiply(gd_device *d, const gdi_blas_product *p) {
  gdi_blas *b = gdi_cuda_of(d)->blas;
  gdi_plan *q = NULL;
  if (p->m == 0 || p->n == 0 || p->count == 0) return GD_OK;
  if ((p->bias || p->after) && p->k > 0) GD_TRY(plan_for(b, p, true, &q));
  if (q && q->offered) return run(b, p, q);
  if (p->after) return GD_FAIL(GD_ERR_INTERNAL, "a product that cuBLASLt does not offer");
  if (p->k == 0) {
    GD_TRY(empty_sums(d, p));
  } else {
    GD_TRY(plan_for(b, p, false, &q));
    GD_TRY(run(b, p, q));
  }
  if (!p->bias) return GD_OK;
  const gd_dtype type = p->type == GD_F64 ? GD_F64 : GD_F32;
  return gdi_cuda_add_row(d, type, p->c, p->bias, p->m, p->n);
}
