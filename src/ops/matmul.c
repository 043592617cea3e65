/* Matrix product, batched over leading dimensions that broadcast. */
#include "ops/matmul.h"

#include "gd/ops.h"

/* Vectors stand for one row (a) or one column (b); that dimension does not appear in the result. */
static gd_status shape(gd_node *n, gd_op_result *out) {
  gd_tensor *a = n->in[0], *b = n->in[1];
  GD_TRY(gdi_check_float(n, a));
  GD_TRY(gdi_check_same_type(n, a, b));
  if (a->ndim == 0 || b->ndim == 0) return gdi_do_not_fit(n, a, b);
  int64_t inner = b->ndim == 1 ? b->shape[0] : b->shape[b->ndim - 2];
  if (a->shape[a->ndim - 1] != inner) return gdi_do_not_fit(n, a, b);

  gd_tensor batch = *b; /* only its leading dimensions count */
  batch.ndim = b->ndim > 2 ? b->ndim - 2 : 0;
  gdi_result_like(out, a);
  out->ndim = a->ndim > 2 ? a->ndim - 2 : 0;
  if (!gdi_result_widen(out, &batch)) return gdi_do_not_fit(n, a, b);
  if (a->ndim > 1) gdi_result_add_dim(out, a->shape[a->ndim - 2]);
  if (b->ndim > 1) gdi_result_add_dim(out, b->shape[b->ndim - 1]);
  return GD_OK;
}

static double flops(const gd_node *n) {
  const gd_tensor *a = n->in[0];
  return 2 * (double)gd_numel(n->out) * (double)a->shape[a->ndim - 1];
}

const gd_op gdi_op_matmul = {.name = "matmul",
                             .grad_fn = "MatmulBackward",
                             .min_in = 2,
                             .max_in = 2,
                             .shape = shape,
                             .kernel = GDI_KERNELS(matmul),
                             .flops = flops};

gd_tensor *gd_matmul(gd_tape *t, gd_tensor *a, gd_tensor *b) {
  gd_tensor *in[] = {a, b};
  return gd_apply(t, &gdi_op_matmul, NULL, 2, in);
}

/* ---- what kernels of all devices start from ---- */

/* Extent of batch dimension i, counted from the last one; 1 where there is none. */
static int64_t batch_extent(const gd_tensor *t, int i) {
  return i < t->ndim - 2 ? t->shape[t->ndim - 3 - i] : 1;
}

gdi_matmul_plan gdi_matmul_plan_of(const gd_tensor *a, const gd_tensor *b) {
  gdi_matmul_plan p = {.k = a->shape[a->ndim - 1],
                       .m = a->ndim < 2 ? 1 : a->shape[a->ndim - 2],
                       .n = b->ndim < 2 ? 1 : b->shape[b->ndim - 1]};
  const int dims = (a->ndim > b->ndim ? a->ndim : b->ndim) - 2;
  for (int i = 0; i < dims; i++) p.ndim += batch_extent(a, i) != 1 || batch_extent(b, i) != 1;
  int64_t size_a = p.m * p.k, size_b = p.k * p.n, size_y = p.m * p.n;
  bool only_b_repeats = true;
  for (int i = 0, slot = p.ndim; slot > 0; i++) {
    const int64_t in_a = batch_extent(a, i), in_b = batch_extent(b, i), extent = in_a == 1 ? in_b : in_a;
    if (in_a == 1 && in_b == 1) continue;
    slot--;
    p.shape[slot] = extent;
    p.a[slot] = in_a == 1 ? 0 : size_a;
    p.b[slot] = in_b == 1 ? 0 : size_b;
    p.y[slot] = size_y;
    size_a *= in_a, size_b *= in_b, size_y *= extent;
    only_b_repeats = only_b_repeats && in_b == 1 && in_a == extent;
  }
  if (only_b_repeats)
    for (; p.ndim > 0; p.ndim--) p.m *= p.shape[p.ndim - 1];
  return p;
}
