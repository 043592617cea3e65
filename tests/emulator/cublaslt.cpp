/*
 * cuBLASLt for the emulated GPU: products by plain loops, in the order of k, and strict about how it is
 * asked. What the library documents as a precondition is checked, and misuse is told on stderr and refused.
 * A workspace serves one stream, or products that run at the same time would share it.
 *
 *   GDTRAIN_EMULATED_NO_EPILOGUE=1      no product has an epilogue: callers must do without
 *   GDTRAIN_EMULATED_NO_EPILOGUE=relu   none has relu or its gradient
 *
 * An algorithm is offered for one form of product and refuses others. Where the preference allows sums that
 * are put together in place, the order of sums changes from call to call: as there, whoever comes first adds
 * first.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "cublaslt_product.h"

struct cublasLtContext {
  int device;
  std::map<const void *, cudaStream_t>
      workspace_of; /* products of two streams would write into each other's */
};

struct gdi_emulated_desc {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void *bias = nullptr;
  void *mask = nullptr;
  int64_t mask_ld = 0;
};

struct gdi_emulated_layout {
  cudaDataType_t type;
  int64_t rows, columns, ld;
  int32_t count = 1;
  int64_t stride = 0;
};

struct gdi_emulated_preference {
  uint64_t workspace = 0;
  uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_MASK, align[4] = {256, 256, 256, 256};
};

/* What an algorithm is for, in the library's opaque 64 bytes. */
struct Algo {
  uint64_t form;
  uint64_t workspace;
  uint32_t align[4];
  uint32_t in_place;
};
static_assert(sizeof(Algo) <= sizeof(cublasLtMatmulAlgo_t), "");

enum { WORKSPACE = 1 << 20, WORKSPACE_ALIGN = 256 };

#define REFUSE(...)                                                                                          \
  do {                                                                                                       \
    fprintf(stderr, "emulated cuBLASLt: ");                                                                  \
    fprintf(stderr, __VA_ARGS__);                                                                            \
    fprintf(stderr, "\n");                                                                                   \
    return CUBLAS_STATUS_INVALID_VALUE;                                                                      \
  } while (0)
#define CHECK(expression)                                                                                    \
  do {                                                                                                       \
    const cublasStatus_t status_ = (expression);                                                             \
    if (status_ != CUBLAS_STATUS_SUCCESS) return status_;                                                    \
  } while (0)

/* ---- handles and descriptors ---- */

size_t cublasLtGetVersion(void) {
  return 130000;
}

const char *cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
#define NAME(name)                                                                                           \
  case name: return #name;
    NAME(CUBLAS_STATUS_SUCCESS)
    NAME(CUBLAS_STATUS_NOT_INITIALIZED)
    NAME(CUBLAS_STATUS_ALLOC_FAILED)
    NAME(CUBLAS_STATUS_INVALID_VALUE)
    NAME(CUBLAS_STATUS_ARCH_MISMATCH)
    NAME(CUBLAS_STATUS_MAPPING_ERROR)
    NAME(CUBLAS_STATUS_EXECUTION_FAILED)
    NAME(CUBLAS_STATUS_INTERNAL_ERROR)
    NAME(CUBLAS_STATUS_NOT_SUPPORTED)
    NAME(CUBLAS_STATUS_LICENSE_ERROR)
#undef NAME
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
  int device;
  if (cudaGetDevice(&device) != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasLtContext{device, {}};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T> static cublasStatus_t set(T *to, const void *value, size_t bytes) {
  if (!value || bytes != sizeof *to) REFUSE("an attribute of %zu bytes is set by %zu", sizeof *to, bytes);
  memcpy(to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  const bool f64 = compute == CUBLAS_COMPUTE_64F;
  if (scale != (f64 ? CUDA_R_64F : CUDA_R_32F)) REFUSE("compute type %d with scale type %d", compute, scale);
  *desc = new gdi_emulated_desc{};
  (*desc)->compute = compute;
  (*desc)->scale = scale;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t attribute, const void *value,
                                              size_t bytes) {
  switch (attribute) {
  case CUBLASLT_MATMUL_DESC_TRANSA: return set(&desc->transpose_a, value, bytes);
  case CUBLASLT_MATMUL_DESC_TRANSB: return set(&desc->transpose_b, value, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE: return set(&desc->epilogue, value, bytes);
  case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return set(&desc->bias, value, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return set(&desc->mask, value, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return set(&desc->mask_ld, value, bytes);
  }
  REFUSE("attribute %d of a product", attribute);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete desc;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  if (rows == 0 || columns == 0 || rows > INT32_MAX || columns > INT32_MAX)
    REFUSE("a matrix of %llu rows and %llu columns", (unsigned long long)rows, (unsigned long long)columns);
  if (ld < (int64_t)rows)
    REFUSE("leading dimension %lld below %llu rows", (long long)ld, (unsigned long long)rows);
  *layout = new gdi_emulated_layout{};
  (*layout)->type = type;
  (*layout)->rows = (int64_t)rows, (*layout)->columns = (int64_t)columns, (*layout)->ld = ld;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void *value,
                                                size_t bytes) {
  switch (attribute) {
  case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return set(&layout->count, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return set(&layout->stride, value, bytes);
  }
  REFUSE("attribute %d of a matrix", attribute);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
  *preference = new gdi_emulated_preference{};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes) {
  switch (attribute) {
  case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return set(&preference->workspace, value, bytes);
  case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return set(&preference->schemes, value, bytes);
  default: break;
  }
  const int matrix = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  if (matrix < 0 || matrix > 3) REFUSE("attribute %d of a preference", attribute);
  CHECK(set(&preference->align[matrix], value, bytes));
  const uint32_t bytes_aligned = preference->align[matrix];
  if (bytes_aligned == 0 || (bytes_aligned & (bytes_aligned - 1))) REFUSE("alignment %u", bytes_aligned);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

/* ---- forms of products ---- */

static bool known(cudaDataType_t operand, cudaDataType_t result, cublasComputeType_t compute) {
  if (compute == CUBLAS_COMPUTE_64F) return operand == CUDA_R_64F && result == CUDA_R_64F;
  if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) return operand == CUDA_R_32F && result == CUDA_R_32F;
  if (operand == CUDA_R_16BF && result == CUDA_R_16BF) return true;
  return (operand == CUDA_R_32F || operand == CUDA_R_16BF) && result == CUDA_R_32F;
}

static bool is_one_of(const char *variable, const char *value) {
  const char *is = getenv(variable);
  return is && strcmp(is, value) == 0;
}

static cublasStatus_t check_epilogue(const gdi_emulated_desc *q, const gdi_emulated_layout *d) {
  const bool bias = q->epilogue & CUBLASLT_EPILOGUE_BIAS, aux = q->epilogue & 128;
  if (q->epilogue == CUBLASLT_EPILOGUE_DEFAULT) return CUBLAS_STATUS_SUCCESS;
  if (is_one_of("GDTRAIN_EMULATED_NO_EPILOGUE", "1")) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (bias && !q->bias) REFUSE("no bias");
  if (!aux)
    return q->epilogue == CUBLASLT_EPILOGUE_BIAS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
  if (is_one_of("GDTRAIN_EMULATED_NO_EPILOGUE", "relu") || q->compute == CUBLAS_COMPUTE_64F || d->count != 1)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (!q->mask || (uintptr_t)q->mask % 16) REFUSE("a mask at %p", q->mask);
  if (q->mask_ld < d->rows || q->mask_ld % 128)
    REFUSE("rows of a mask of %lld bits for %lld", (long long)q->mask_ld, (long long)d->rows);
  return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t form_of(const gdi_emulated_desc *q, const gdi_emulated_layout *a,
                              const gdi_emulated_layout *b, const gdi_emulated_layout *c,
                              const gdi_emulated_layout *d, Product *p) {
  p->transpose_a = q->transpose_a != CUBLAS_OP_N, p->transpose_b = q->transpose_b != CUBLAS_OP_N;
  p->m = d->rows, p->n = d->columns, p->k = p->transpose_a ? a->rows : a->columns;
  p->lda = a->ld, p->ldb = b->ld, p->ldc = c->ld, p->ldd = d->ld;
  p->stride_a = a->stride, p->stride_b = b->stride, p->stride_c = c->stride, p->stride_d = d->stride;
  p->count = d->count, p->type = a->type, p->compute = q->compute;
  if ((p->transpose_a ? a->columns : a->rows) != p->m || (p->transpose_b ? b->columns : b->rows) != p->k ||
      (p->transpose_b ? b->rows : b->columns) != p->n || c->rows != p->m || c->columns != p->n)
    REFUSE("extents of A %lldx%lld, B %lldx%lld, D %lldx%lld do not fit", (long long)a->rows,
           (long long)a->columns, (long long)b->rows, (long long)b->columns, (long long)d->rows,
           (long long)d->columns);
  if (a->count != d->count || b->count != d->count || c->count != d->count || d->count < 1)
    REFUSE("batches of %d, %d, %d, %d", a->count, b->count, c->count, d->count);
  /* They lie one after the other, or side by side in each column. */
  if (d->count > 1 && d->stride < d->ld * (d->columns - 1) + d->rows &&
      (d->stride < d->rows || d->stride * (d->count - 1) + d->rows > d->ld))
    REFUSE("results of a batch overlap");
  if (a->type != b->type || c->type != d->type || !known(a->type, d->type, q->compute))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  p->epilogue = q->epilogue, p->result = d->type;
  p->mask = (uint8_t *)q->mask, p->mask_ld = q->mask_ld;
  return check_epilogue(q, d);
}

static uint64_t signature(const gdi_emulated_desc *q, const Product *p) {
  const int64_t number[] = {p->m,           p->n,        p->k,      p->count,    p->lda,
                            p->ldb,         p->ldc,      p->ldd,    p->stride_a, p->stride_b,
                            p->stride_c,    p->stride_d, p->type,   p->compute,  p->transpose_a,
                            p->transpose_b, q->epilogue, p->result, p->mask_ld};
  uint64_t h = 0xcbf29ce484222325u;
  for (int64_t x : number) h = (h ^ (uint64_t)x) * 0x100000001b3u;
  return h;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int *returned) {
  Product p{};
  *returned = 0;
  if (!handle || requested < 1) return CUBLAS_STATUS_INVALID_VALUE;
  CHECK(form_of(desc, a, b, c, d, &p));
  if (preference->workspace < WORKSPACE) return CUBLAS_STATUS_NOT_SUPPORTED;
  Algo algo{
      signature(desc, &p), WORKSPACE, {}, (preference->schemes & CUBLASLT_REDUCTION_SCHEME_INPLACE) != 0};
  memcpy(algo.align, preference->align, sizeof algo.align);
  results[0] = {};
  memcpy(&results[0].algo, &algo, sizeof algo);
  results[0].workspaceSize = WORKSPACE;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1;
  *returned = 1;
  return CUBLAS_STATUS_SUCCESS;
}

/* ---- products ---- */

static cublasStatus_t check_alignment(const char *name, const void *at, uint32_t bytes) {
  if (!at) REFUSE("%s is NULL", name);
  if ((uintptr_t)at % bytes)
    REFUSE("%s at %p is not aligned to the %u bytes its algorithm needs", name, at, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha,
                              const void *a_values, cublasLtMatrixLayout_t a, const void *b_values,
                              cublasLtMatrixLayout_t b, const void *beta, const void *c_values,
                              cublasLtMatrixLayout_t c, void *d_values, cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspace_bytes,
                              cudaStream_t stream) {
  static int64_t calls;
  Product p{};
  Algo how;
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!algo) REFUSE("no algorithm: one would be looked for at every call");
  memcpy(&how, algo, sizeof how);
  CHECK(form_of(desc, a, b, c, d, &p));
  if (how.form != signature(desc, &p)) REFUSE("the algorithm is for another form of product");
  CHECK(check_alignment("A", a_values, how.align[0]));
  CHECK(check_alignment("B", b_values, how.align[1]));
  CHECK(check_alignment("C", c_values, how.align[2]));
  CHECK(check_alignment("D", d_values, how.align[3]));
  CHECK(check_alignment("the workspace", workspace, WORKSPACE_ALIGN));
  if (workspace_bytes < how.workspace) REFUSE("a workspace of %zu bytes is too small", workspace_bytes);
  if (handle->workspace_of.emplace(workspace, stream).first->second != stream)
    REFUSE("the workspace is in use in another stream");
  if (c_values == d_values && (c->ld != d->ld || c->stride != d->stride))
    REFUSE("C in place of D differs from it");
  p.a = a_values, p.b = b_values, p.c = c_values, p.d = d_values;
  p.bias = desc->epilogue & CUBLASLT_EPILOGUE_BIAS ? desc->bias : nullptr;
  p.alpha = desc->scale == CUDA_R_64F ? *(const double *)alpha : *(const float *)alpha;
  p.beta = desc->scale == CUDA_R_64F ? *(const double *)beta : *(const float *)beta;
  p.first = how.in_place ? calls++ % p.k : 0;
  return gdi_emulated_enqueue(stream, "cublasLtMatmul", run, &p, sizeof p) == cudaSuccess
             ? CUBLAS_STATUS_SUCCESS
             : CUBLAS_STATUS_EXECUTION_FAILED;
}
