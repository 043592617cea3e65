/*
 * y = act(z),  z = x W^T + b.   dz = dy act'(z);  dx = dz W;  dW = dz^T x;  db = sum over rows of dz
 *
 * A bias alone is added by the product. An activation is one kernel after it: cuBLASLt's own relu makes 0 of
 * NaN, and its gelu is an approximation. Backward takes act' from y, except gelu's, which needs z: forward
 * keeps it. One kernel makes dz and db, rounded for the products where those take bf16.
 * dW, and db where dz is dy, are made aside while dx goes on to the layer before.
 */
#include "device/cuda/activation.h"
#include "device/cuda/aside.h"
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

/* A backward at work. */
typedef struct pass {
  gd_node *n;
  extents e;
  const gd_tensor *dy;
  gd_tensor *dx, *dW, *db; /* NULL: not wanted */
  bool add[3];
  bool aside;     /* dW and what db there is to make after dz */
  const void *dz; /* as products take it */
} pass;

/* db, and dz where there is memory for it. */
static gd_status activation_gradient(gd_device *d, const pass *p, void *dz) {
  const gd_node *n = p->n;
  return gdi_cuda_activation_gradient(
      d, &(gdi_activation_gradient){.type = p->dy->dtype,
                                    .dz_type = gdi_blas_type(d, p->dy->dtype),
                                    .act = n->attr.act,
                                    .dy = p->dy->data,
                                    .y = n->out->data,
                                    .z = n->saved[0] ? n->saved[0]->data : n->out->data,
                                    .dz = dz,
                                    .db = p->db ? p->db->data : NULL,
                                    .add = p->add[2],
                                    .B = p->e.B,
                                    .O = p->e.O});
}

/* Memory for dz that lives until the products have read it. */
static gd_status dz_memory(gd_device *d, const pass *p, gd_dtype type, void **out) {
  gd_tensor *t;
  if (!p->aside) return gdi_cuda_scratch(d, p->e.B * p->e.O, gd_dtype_bytes(type), out);
  GD_TRY(gdi_node_temporary(&t, p->n, type, 2, (const int64_t[]){p->e.B, p->e.O}));
  *out = t->data;
  return GD_OK;
}

/* And db on the way. Not made: products take dy as it is, and db is left to do. */
static gd_status make_dz(gd_device *d, pass *p, bool *made) {
  const gd_dtype type = gdi_blas_type(d, p->dy->dtype);
  void *dz;
  p->dz = p->dy->data;
  *made = (p->dx || p->dW) && (p->n->attr.act != GD_ACT_NONE || type != p->dy->dtype);
  if (!*made) return GD_OK;
  if (p->dx && p->dx == p->db) p->add[2] = p->add[0], p->add[0] = true; /* db is the first of the two */
  GD_TRY(dz_memory(d, p, type, &dz));
  p->dz = dz;
  return activation_gradient(d, p, dz);
}

static gd_status make_dx(gd_device *d, const pass *p, const operands *o) {
  if (!p->dx) return GD_OK;
  return gdi_blas_multiply(d, &(gdi_blas_product){.m = p->e.B,
                                                  .n = p->e.I,
                                                  .k = p->e.O,
                                                  .type = o->type,
                                                  .a = p->dz,
                                                  .b = o->W,
                                                  .c = p->dx->data,
                                                  .add = p->add[0],
                                                  .count = 1});
}

static gd_status make_dW(gd_device *d, const pass *p, const operands *o) {
  if (!p->dW) return GD_OK;
  return gdi_blas_multiply(d, &(gdi_blas_product){.m = p->e.O,
                                                  .n = p->e.I,
                                                  .k = p->e.B,
                                                  .transpose_a = true,
                                                  .type = o->type,
                                                  .a = p->dz,
                                                  .b = o->x,
                                                  .c = p->dW->data,
                                                  .add = p->add[1],
                                                  .count = 1});
}

/* dx first: others wait for it. */
static gd_status backward(gd_device *d, pass *p) {
  operands o = {.type = p->dy->dtype};
  bool made;
  GD_TRY(make_dz(d, p, &made));
  if (p->dx || p->dW) GD_TRY(take_operands(d, p->n, p->e, &o));
  if (p->aside) GD_TRY(gdi_aside_fork(d));
  GD_TRY(make_dx(d, p, &o));
  if (p->aside) gdi_aside_enter(d);
  gd_status st = make_dW(d, p, &o);
  if (st == GD_OK && !made) st = activation_gradient(d, p, NULL);
  if (p->aside) gdi_aside_leave(d);
  return st;
}

gd_status gdi_cuda_linear_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  pass p = {.n = n,
            .e = extents_of(n),
            .dy = dout,
            .dx = din[0],
            .dW = din[1],
            .db = n->in[2] ? din[2] : NULL,
            .add = {add[0], add[1], n->in[2] && add[2]}};
  p.aside = p.dx && p.dW && gdi_aside_may(n, 1) && (!p.db || gdi_aside_may(n, 2));
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = backward(d, &p);
  gd_arena_release(d->scratch, mark);
  return st;
}
