#include "device/cpu/panels.h"

#include <stdatomic.h>
#include <string.h>

#include "device/cpu/threads.h"

enum {
  PANEL_COLUMNS = 256,
  PANEL_ROWS = 1024,
  MULTIPLE = 16,           /* floats in the widest vector */
  WORTH_A_THREAD = 1 << 18 /* multiplications: some 5 us */
};

typedef struct job {
  const gdi_products *p;
  int64_t rows, columns; /* of a tile */
  int64_t down, across;  /* tiles of one product */
  int64_t only;          /* compute this one product; -1: all of them */
  atomic_flag failed;
  gd_error error; /* the first, whichever thread had it */
} job;

/* Extent of a panel when n is cut into the fewest of at most `most`, nearly equal, multiples of a vector. */
static int64_t panel(int64_t n, int64_t most) {
  int64_t panels = (n - 1) / most + 1, even = (n - 1) / panels + 1;
  return (even + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
}

/* Index along each leading dimension of product number `i`; returns the offset by `stride`. */
static int64_t offset(const gdi_products *p, int64_t i, const int64_t stride[]) {
  int64_t sum = 0;
  for (int k = p->ndim - 1; k >= 0; k--) {
    sum += i % p->shape[k] * stride[k];
    i /= p->shape[k];
  }
  return sum;
}

static const void *at(const void *base, int64_t elements, gd_dtype type) {
  return (const char *)base + elements * (int64_t)gd_dtype_bytes(type);
}

static void tiles(void *context, int64_t lo, int64_t hi) {
  job *j = context;
  const gdi_products *p = j->p;
  const gdi_product *whole = &p->product;
  const gd_dtype type_c = whole->type == GD_F64 ? GD_F64 : GD_F32;
  for (int64_t i = lo; i < hi; i++) {
    int64_t which = j->only >= 0 ? j->only : i / (j->down * j->across), tile = i % (j->down * j->across);
    int64_t row = tile / j->across * j->rows, column = tile % j->across * j->columns;
    gdi_product q = *whole;
    q.m = whole->m - row < j->rows ? whole->m - row : j->rows;
    q.n = whole->n - column < j->columns ? whole->n - column : j->columns;
    q.a = at(q.a, offset(p, which, p->stride_a) + row * (q.transpose_a ? 1 : q.lda), q.type);
    q.b = at(q.b, offset(p, which, p->stride_b) + column * (q.transpose_b ? q.ldb : 1), q.type);
    q.c = (void *)(uintptr_t)at(q.c, offset(p, which, p->stride_c) + row * q.ldc + column, type_c);
    if (gdi_gemm(&q) != GD_OK) {
      if (!atomic_flag_test_and_set(&j->failed)) j->error = *gd_error_last();
      return;
    }
    if (p->done) p->done(p->context, &q, row, column);
  }
}

/* Do several products meet in the same part of c? */
static bool c_broadcasts(const gdi_products *p) {
  for (int k = 0; k < p->ndim; k++)
    if (p->stride_c[k] == 0 && p->shape[k] > 1) return true;
  return false;
}

/* Is product i one that adds to an earlier product's result? */
static bool meets_earlier(const gdi_products *p, int64_t i) {
  for (int k = p->ndim - 1; k >= 0; k--) {
    if (p->stride_c[k] == 0 && i % p->shape[k] > 0) return true;
    i /= p->shape[k];
  }
  return false;
}

static gd_status run(gd_device *d, job *j, int64_t n) {
  double work = (double)j->rows * (double)j->columns * (double)j->p->product.k;
  int64_t grain = work < WORTH_A_THREAD ? (int64_t)(WORTH_A_THREAD / (work + 1)) + 1 : 1;
  atomic_flag_clear(&j->failed);
  j->error.status = GD_OK;
  gdi_parallel(d, n, grain, tiles, j);
  return j->error.status == GD_OK ? GD_OK : gd_error_adopt(&j->error);
}

gd_status gdi_multiply(gd_device *d, const gdi_products *p) {
  const gdi_product *q = &p->product;
  if (q->m == 0 || q->n == 0) return GD_OK;
  int64_t batch = 1;
  for (int k = 0; k < p->ndim; k++) batch *= p->shape[k];
  job j = {.p = p, .rows = panel(q->m, PANEL_ROWS), .columns = panel(q->n, PANEL_COLUMNS), .only = -1};
  j.down = (q->m - 1) / j.rows + 1;
  j.across = (q->n - 1) / j.columns + 1;
  if (!c_broadcasts(p)) return run(d, &j, batch * j.down * j.across);
  gdi_products one = *p;
  j.p = &one;
  for (j.only = 0; j.only < batch; j.only++) {
    one.product.add = q->add || meets_earlier(p, j.only);
    GD_TRY(run(d, &j, j.down * j.across));
  }
  return GD_OK;
}

typedef struct rounding {
  const float *from;
  uint16_t *to;
} rounding;

void gdi_round_to_bf16(const float *restrict from, uint16_t *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &from[i], sizeof bits);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet_nan = bits >> 16 | 0x40;
    to[i] = (uint16_t)(from[i] == from[i] ? rounded : quiet_nan);
  }
}

static void round_chunk(void *context, int64_t lo, int64_t hi) {
  const rounding *r = context;
  gdi_round_to_bf16(r->from + lo, r->to + lo, hi - lo);
}

gd_dtype gdi_product_type(const gd_device *d, gd_dtype type) {
  return d->matmul == GD_MATMUL_BF16 && type == GD_F32 ? GD_BF16 : type;
}

gd_status gdi_product_operand(gd_device *d, const gd_tensor *x, const void **out) {
  *out = x->data;
  if (gdi_product_type(d, x->dtype) == x->dtype) return GD_OK;
  int64_t n = gd_numel(x);
  uint16_t *to = gd_arena_alloc(d->scratch, (size_t)n * sizeof *to);
  if (!to) return GD_ERR_OOM;
  gdi_parallel(d, n, GDI_GRAIN, round_chunk, &(rounding){x->data, to});
  *out = to;
  return GD_OK;
}
