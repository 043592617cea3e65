/* y = a b, batched over leading dimensions that broadcast.  da = dy b^T;  db = a^T dy */
#include "device/cuda/activation.h"
#include "device/cuda/blas.h"

/* A batch of products: its leading dimensions without those of extent 1, and how the operands advance. */
typedef struct batch {
  int ndim;
  int64_t shape[GD_MAX_DIMS], a[GD_MAX_DIMS], b[GD_MAX_DIMS], c[GD_MAX_DIMS]; /* strides; 0: broadcast */
} batch;

/* The extents of y = a b, and its batch. */
typedef struct plan {
  int64_t m, n, k;
  batch y;
} plan;

/* Extent of batch dimension i, counted from the last one of n; 1 where there is none. */
static int64_t batch_extent(const gd_tensor *t, int i) {
  return i < t->ndim - 2 ? t->shape[t->ndim - 3 - i] : 1;
}

static plan plan_of(const gd_tensor *a, const gd_tensor *b) {
  plan p = {.k = a->shape[a->ndim - 1],
            .m = a->ndim < 2 ? 1 : a->shape[a->ndim - 2],
            .n = b->ndim < 2 ? 1 : b->shape[b->ndim - 1]};
  const int dims_a = a->ndim < 2 ? 0 : a->ndim - 2, dims_b = b->ndim < 2 ? 0 : b->ndim - 2;
  const int dims = dims_a > dims_b ? dims_a : dims_b;
  int64_t size_a = p.m * p.k, size_b = p.k * p.n, size_y = p.m * p.n;
  bool one_tall = true; /* a is whole and b repeats: the rows of the batch are rows of one product */
  batch last_first = {.ndim = 0};
  for (int i = 0; i < dims; i++) {
    const int64_t in_a = batch_extent(a, i), in_b = batch_extent(b, i), extent = in_a == 1 ? in_b : in_a;
    if (extent == 1) continue;
    const int k = last_first.ndim++;
    last_first.shape[k] = extent;
    last_first.a[k] = in_a == 1 ? 0 : size_a;
    last_first.b[k] = in_b == 1 ? 0 : size_b;
    last_first.c[k] = size_y;
    size_a *= in_a, size_b *= in_b, size_y *= extent;
    one_tall = one_tall && in_b == 1 && in_a == extent;
  }
  if (one_tall)
    for (; last_first.ndim > 0; last_first.ndim--) p.m *= last_first.shape[last_first.ndim - 1];
  p.y.ndim = last_first.ndim;
  for (int i = 0, k = p.y.ndim - 1; k >= 0; i++, k--) {
    p.y.shape[i] = last_first.shape[k];
    p.y.a[i] = last_first.a[k], p.y.b[i] = last_first.b[k], p.y.c[i] = last_first.c[k];
  }
  return p;
}

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
  *out = gdi_cuda_fresh_of(d, x->data, n);
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

/* The batch of a gradient: its operands and its result among those of y. */
static batch batch_with(const plan *p, const int64_t a[], const int64_t b[], const int64_t c[]) {
  batch t = {.ndim = p->y.ndim};
  for (int i = 0; i < t.ndim; i++) t.shape[i] = p->y.shape[i], t.a[i] = a[i], t.b[i] = b[i], t.c[i] = c[i];
  return t;
}

static gd_status forward(gd_device *d, gd_node *n) {
  const plan p = plan_of(n->in[0], n->in[1]);
  gdi_blas_product y = {
      .m = p.m, .n = p.n, .k = p.k, .type = gdi_blas_type(d, n->out->dtype), .c = n->out->data};
  GD_TRY(operand(d, n->in[0], &y.a));
  GD_TRY(operand(d, n->in[1], &y.b));
  return multiply(d, p.y, y);
}

gd_status gdi_cuda_matmul_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dy, gd_tensor *da, bool add_a,
                          gd_tensor *db, bool add_b) {
  const plan p = plan_of(n->in[0], n->in[1]);
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
    GD_TRY(multiply(d, batch_with(&p, p.y.c, p.y.b, p.y.a), x));
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
  return multiply(d, batch_with(&p, p.y.a, p.y.c, p.y.b), x);
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
