/* y = a b, batched over leading dimensions that broadcast.  da = dy b^T;  db = a^T dy */
#include "device/cuda/blas.h"
#include "ops/matmul.h"

/* A batch of products: its leading dimensions, and how the operands advance. */
typedef struct batch {
  int ndim;
  int64_t shape[GD_MAX_DIMS], a[GD_MAX_DIMS], b[GD_MAX_DIMS], c[GD_MAX_DIMS]; /* strides; 0: broadcast */
} batch;

/* As many of the last dimensions as advance evenly become one strided product of the library. */
static void fold(batch *t, gdi_blas_product *p) {
  p->count = 1;
  const int last = t->ndim - 1;
  for (int i = last; i >= 0 && t->c[i] != 0; i--) { /* results that meet are added up in order */
    if (i == last) {
      p->stride_a = t->a[i], p->stride_b = t->b[i], p->stride_c = t->c[i];
    } else if (t->a[i] != p->stride_a * p->count || t->b[i] != p->stride_b * p->count ||
               t->c[i] != p->stride_c * p->count) {
      return;
    }
    p->count *= t->shape[i];
    t->ndim--;
  }
}

static gd_status operand(gd_device *d, const gd_tensor *x, const void **out) {
  *out = x->data;
  if (gdi_blas_type(d, x->dtype) == x->dtype) return GD_OK;
  void *to;
  const int64_t n = gd_numel(x);
  *out = gdi_cuda_cached_copy_of(d, x->data, n);
  if (*out) return GD_OK;
  GD_TRY(gdi_cuda_scratch(d, n, sizeof(uint16_t), &to));
  *out = to;
  return gdi_cuda_round(d, (const void *[]){x->data, x->data}, (const int64_t[]){n, 0}, (void *[]){to, to});
}

/* Offset of product number i by a stride. */
static int64_t offset(const batch *t, int64_t i, const int64_t stride[]) {
  int64_t sum = 0;
  for (int k = t->ndim - 1; k >= 0; k--) {
    sum += i % t->shape[k] * stride[k];
    i /= t->shape[k];
  }
  return sum;
}

/* Is product i one that adds to an earlier product's result? */
static bool meets_earlier(const batch *t, int64_t i) {
  for (int k = t->ndim - 1; k >= 0; k--) {
    if (t->c[k] == 0 && i % t->shape[k] > 0) return true;
    i /= t->shape[k];
  }
  return false;
}

/* The products of a batch; p has the first one. */
static gd_status multiply(gd_device *d, batch t, gdi_blas_product p) {
  fold(&t, &p);
  const int64_t bytes = (int64_t)gd_dtype_bytes(p.type), bytes_c = p.type == GD_F64 ? 8 : 4;
  int64_t n = 1;
  for (int i = 0; i < t.ndim; i++) n *= t.shape[i];
  for (int64_t i = 0; i < n; i++) {
    gdi_blas_product q = p;
    q.a = (const char *)p.a + offset(&t, i, t.a) * bytes;
    q.b = (const char *)p.b + offset(&t, i, t.b) * bytes;
    q.c = (char *)p.c + offset(&t, i, t.c) * bytes_c;
    q.add = p.add || meets_earlier(&t, i);
    GD_TRY(gdi_blas_multiply(d, &q));
  }
  return GD_OK;
}

/* A batch whose operands and result advance as these do in the plan. */
static batch batch_with(const gdi_matmul_plan *p, const int64_t a[], const int64_t b[], const int64_t c[]) {
  batch t = {.ndim = p->ndim};
  for (int i = 0; i < t.ndim; i++) t.shape[i] = p->shape[i], t.a[i] = a[i], t.b[i] = b[i], t.c[i] = c[i];
  return t;
}

static gd_status forward(gd_device *d, gd_node *n) {
  const gdi_matmul_plan p = gdi_matmul_plan_of(n->in[0], n->in[1]);
  gdi_blas_product y = {
      .m = p.m, .n = p.n, .k = p.k, .type = gdi_blas_type(d, n->out->dtype), .c = n->out->data};
  GD_TRY(operand(d, n->in[0], &y.a));
  GD_TRY(operand(d, n->in[1], &y.b));
  return multiply(d, batch_with(&p, p.a, p.b, p.y), y);
}

gd_status gdi_cuda_matmul_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dy, gd_tensor *da, bool add_a,
                          gd_tensor *db, bool add_b) {
  const gdi_matmul_plan p = gdi_matmul_plan_of(n->in[0], n->in[1]);
  const gd_dtype type = gdi_blas_type(d, dy->dtype);
  const void *rounded, *a, *b;
  GD_TRY(operand(d, dy, &rounded));
  if (da) {
    GD_TRY(operand(d, n->in[1], &b));
    const gdi_blas_product x = {.m = p.m,
                                .n = p.k,
                                .k = p.n,
                                .transpose_b = true,
                                .add = add_a,
                                .type = type,
                                .a = rounded,
                                .b = b,
                                .c = da->data};
    GD_TRY(multiply(d, batch_with(&p, p.y, p.b, p.a), x));
  }
  if (!db) return GD_OK;
  GD_TRY(operand(d, n->in[0], &a));
  const gdi_blas_product x = {.m = p.k,
                              .n = p.n,
                              .k = p.m,
                              .transpose_a = true,
                              .add = add_b,
                              .type = type,
                              .a = a,
                              .b = rounded,
                              .c = db->data};
  return multiply(d, batch_with(&p, p.a, p.y, p.b), x);
}

/* The gradient of an empty result is a sum of nothing. */
static gd_status zero(gd_device *d, gd_tensor *dx, bool add) {
  if (!dx || add || gd_numel(dx) == 0) return GD_OK;
  return GDI_CUDA(d, cudaMemsetAsync(dx->data, 0, gd_tensor_bytes(dx), gdi_cuda_stream(d)));
}

gd_status gdi_cuda_matmul_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  if (gd_numel(dout) == 0) {
    GD_TRY(zero(d, din[0], add[0]));
    return zero(d, din[1], add[1]);
  }
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = backward(d, n, dout, din[0], add[0], din[1], add[1]);
  gd_arena_release(d->scratch, mark);
  return st;
}
