/* y = a b, batched over leading dimensions that broadcast.  da = dy b^T;  db = a^T dy */
#include "ops/cpu/cpu.h"
#include "device/cpu/panels.h"
#include "ops/matmul.h"

static void copy_dims(gdi_products *to, const gdi_matmul_plan *p, const int64_t a[], const int64_t b[],
                      const int64_t c[]) {
  to->ndim = p->ndim;
  for (int i = 0; i < p->ndim; i++) {
    to->shape[i] = p->shape[i];
    to->stride_a[i] = a[i], to->stride_b[i] = b[i], to->stride_c[i] = c[i];
  }
}

static gd_status operands(gd_device *d, gdi_product *p, const gd_tensor *a, const gd_tensor *b) {
  p->type = gdi_product_type(d, a->dtype);
  GD_TRY(gdi_product_operand(d, a, &p->a));
  return gdi_product_operand(d, b, &p->b);
}

gd_status gdi_cpu_matmul_forward(gd_device *d, gd_node *node) {
  const gd_tensor *a = node->in[0], *b = node->in[1];
  const gdi_matmul_plan p = gdi_matmul_plan_of(a, b);
  gdi_products y = {
      .product = {.m = p.m, .n = p.n, .k = p.k, .c = node->out->data, .lda = p.k, .ldb = p.n, .ldc = p.n}};
  copy_dims(&y, &p, p.a, p.b, p.y);
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = operands(d, &y.product, a, b);
  if (st == GD_OK) st = gdi_multiply(d, &y);
  gd_arena_release(d->scratch, mark);
  return st;
}

static gd_status backward_a(gd_device *d, const gdi_matmul_plan *p, const gd_tensor *dy, const gd_tensor *b,
                            gd_tensor *da, bool add) {
  gdi_products x = {.product = {.m = p->m,
                                .n = p->k,
                                .k = p->n,
                                .transpose_b = true,
                                .add = add,
                                .c = da->data,
                                .lda = p->n,
                                .ldb = p->n,
                                .ldc = p->k}};
  copy_dims(&x, p, p->y, p->b, p->a);
  GD_TRY(operands(d, &x.product, dy, b));
  return gdi_multiply(d, &x);
}

static gd_status backward_b(gd_device *d, const gdi_matmul_plan *p, const gd_tensor *dy, const gd_tensor *a,
                            gd_tensor *db, bool add) {
  gdi_products x = {.product = {.m = p->k,
                                .n = p->n,
                                .k = p->m,
                                .transpose_a = true,
                                .add = add,
                                .c = db->data,
                                .lda = p->k,
                                .ldb = p->n,
                                .ldc = p->n}};
  copy_dims(&x, p, p->a, p->y, p->b);
  GD_TRY(operands(d, &x.product, a, dy));
  return gdi_multiply(d, &x);
}

gd_status gdi_cpu_matmul_backward(gd_device *d, gd_node *node, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  const gdi_matmul_plan p = gdi_matmul_plan_of(node->in[0], node->in[1]);
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = GD_OK;
  if (din[0]) st = backward_a(d, &p, dout, node->in[1], din[0], add[0]);
  if (din[1] && st == GD_OK) st = backward_b(d, &p, dout, node->in[0], din[1], add[1]);
  gd_arena_release(d->scratch, mark);
  return st;
}
