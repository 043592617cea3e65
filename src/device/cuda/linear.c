/*
 * y = act(z),  z = x W^T + b.   dz = dy act'(z);  dx = dz W;  dW = dz^T x;  db = sum over rows of dz
 *
 * A bias alone is added by the product. An activation is one kernel after it: cuBLASLt's own relu makes 0 of
 * NaN, and its gelu is an approximation. Backward takes act' from y, except gelu's, which needs z: forward
 * keeps it. One kernel makes dz and db, rounded for the products where those take bf16.
 */
#include "device/cuda/activation.h"
#include "device/cuda/blas.h"

enum { ROUNDED_ALIGN = GD_ALIGN / 2 }; /* elements of bf16 */

/* W is [O,I]; x is B rows of I, whatever its leading dimensions. */
typedef struct extents {
  int64_t B, I, O;
} extents;

static extents extents_of(const gd_node *n) {
  const gd_tensor *x = n->in[0], *W = n->in[1];
  extents e = {.B = 1, .I = W->shape[1], .O = W->shape[0]};
  for (int i = 0; i < x->ndim - 1; i++) e.B *= x->shape[i];
  return e;
}

/*
 * x and W as products take them: their own values, or rounded to bf16. Where W has a rounded copy already and
 * the kernel that made x has written one too, nothing is left to do; else the two are rounded here, into one
 * piece of memory, W only where it has no copy yet.
 */
typedef struct operands {
  gd_dtype type;
  const void *x, *W;
} operands;

static int64_t rounded_W_at(extents e) {
  return (e.B * e.I + ROUNDED_ALIGN - 1) / ROUNDED_ALIGN * ROUNDED_ALIGN;
}

static gd_status round_operands(gd_device *d, gd_node *n, extents e, int64_t W_elements, void **out) {
  const int64_t elements = rounded_W_at(e) + W_elements;
  if (n->recorded) { /* backward multiplies with the same */
    GD_TRY(gdi_node_temporary(&n->saved[1], n, GD_BF16, 1, &elements));
    *out = n->saved[1]->data;
  } else {
    GD_TRY(gdi_cuda_scratch(d, elements, sizeof(uint16_t), out));
  }
  return gdi_cuda_round(d, (const void *[]){n->in[0]->data, n->in[1]->data},
                        (const int64_t[]){e.B * e.I, W_elements},
                        (void *[]){*out, (uint16_t *)*out + rounded_W_at(e)});
}

/* The copy that came with x: backward multiplies with the same. */
static gd_status keep_copy(gd_device *d, gd_node *n, extents e, uint16_t *copy) {
  const int64_t elements = e.B * e.I;
  return n->recorded ? gdi_tensor_make(&n->saved[1], n->arena, d, GD_BF16, 1, &elements, copy) : GD_OK;
}

static gd_status take_operands(gd_device *d, gd_node *n, extents e, operands *out) {
  *out = (operands){gdi_blas_type(d, n->in[0]->dtype), n->in[0]->data, n->in[1]->data};
  if (out->type == n->in[0]->dtype) return GD_OK;
  const uint16_t *copy_W = gdi_cuda_shadow_of(d, n->in[1]->data);
  uint16_t *copy_x = copy_W ? gdi_cuda_fresh_of(d, n->in[0]->data, e.B * e.I) : NULL;
  void *rounded = n->saved[1] ? n->saved[1]->data : copy_x;
  if (!rounded)
    GD_TRY(round_operands(d, n, e, copy_W ? 0 : e.O * e.I, &rounded));
  else if (!n->saved[1])
    GD_TRY(keep_copy(d, n, e, copy_x));
  out->x = rounded;
  out->W = copy_W ? copy_W : (const uint16_t *)rounded + rounded_W_at(e);
  return GD_OK;
}

/* y, and where products take bf16 its copy for the one that may come next. */
static gd_status activate(gd_device *d, gd_node *n, extents e, void *z, const void *b) {
  const int64_t elements = e.B * e.O;
  gd_tensor *copy = NULL, *y = n->out;
  if (gdi_blas_type(d, y->dtype) != y->dtype) GD_TRY(gdi_node_temporary(&copy, n, GD_BF16, 1, &elements));
  return gdi_cuda_activate(d, y->dtype, n->attr.act, z, b, y->data, copy ? copy->data : NULL, e.B, e.O);
}

static gd_status forward(gd_device *d, gd_node *n) {
  const extents e = extents_of(n);
  const gd_activation act = n->attr.act;
  const void *b = n->in[2] ? n->in[2]->data : NULL;
  void *z = n->out->data;
  operands o;
  GD_TRY(take_operands(d, n, e, &o));
  if (act == GD_ACT_GELU && n->recorded) {
    GD_TRY(gdi_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
    z = n->saved[0]->data;
  }
  GD_TRY(gdi_blas_multiply(d, &(gdi_blas_product){.m = e.B,
                                                  .n = e.O,
                                                  .k = e.I,
                                                  .transpose_b = true,
                                                  .type = o.type,
                                                  .a = o.x,
                                                  .b = o.W,
                                                  .c = z,
                                                  .bias = act == GD_ACT_NONE ? b : NULL,
                                                  .count = 1}));
  return act == GD_ACT_NONE ? GD_OK : activate(d, n, e, z, b);
}

gd_status gdi_cuda_linear_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* dz as products take it, and db on the way. Where there is no activation and no rounding, dz is dy. */
static gd_status backward_z(gd_device *d, const gd_node *n, extents e, const gd_tensor *dout, gd_tensor *db,
                            bool add, bool products, const void **dz) {
  const gd_dtype type = dout->dtype, dz_type = gdi_blas_type(d, type);
  gdi_activation_gradient g = {.type = type,
                               .dz_type = dz_type,
                               .act = n->attr.act,
                               .dy = dout->data,
                               .y = n->out->data,
                               .z = n->saved[0] ? n->saved[0]->data : n->out->data,
                               .db = db ? db->data : NULL,
                               .add = add,
                               .B = e.B,
                               .O = e.O};
  if (products && (g.act != GD_ACT_NONE || dz_type != type))
    GD_TRY(gdi_cuda_scratch(d, e.B * e.O, gd_dtype_bytes(dz_type), &g.dz));
  *dz = g.dz ? g.dz : dout->data;
  return gdi_cuda_activation_gradient(d, &g);
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  const extents e = extents_of(n);
  gd_tensor *dx = din[0], *dW = din[1], *db = n->in[2] ? din[2] : NULL;
  const void *dz;
  operands o;
  GD_TRY(backward_z(d, n, e, dout, db, db && add[2], dx || dW, &dz));
  if (!dx && !dW) return GD_OK;
  GD_TRY(take_operands(d, n, e, &o));
  gdi_blas_product p = {.type = o.type, .a = dz, .n = e.I, .count = 1};
  if (dW) {
    p.m = e.O, p.k = e.B, p.transpose_a = true, p.b = o.x, p.c = dW->data, p.add = add[1];
    GD_TRY(gdi_blas_multiply(d, &p));
  }
  if (!dx) return GD_OK;
  p.m = e.B, p.k = e.O, p.transpose_a = false, p.b = o.W, p.c = dx->data, p.add = add[0];
  return gdi_blas_multiply(d, &p);
}

gd_status gdi_cuda_linear_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = backward(d, n, dout, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}
