/*
 * y = act(z),  z = x W^T + b.   dz = dy act'(z);  dx = dz W;  dW = dz^T x;  db = sum over rows of dz
 *
 * A bias alone is added by the product. An activation is one kernel after it. Backward takes act' from y, except of
 * those that need z: forward keeps it. One kernel makes dz and db, rounded for the products where those take
 * bf16. dW, and db where dz is there without it, are made in side streams while dx goes on to the layer before.
 *
 * The product can do relu too, where cuBLASLt has that:
 *
 *   forward    z = x W^T + b   ->  y = relu(z), and a mask of where z > 0
 *   backward   dx = dz W of the layer after, whose x is y  ->  dz of this one, if nothing else adds to dx
 *
 * Its relu may make 0 of NaN, so it is left to it only where the NaN shows all the same: of x in dW, which then
 * is NaN, of W and b in themselves, which every update looks at. Not done by the product: gelu, which cuBLASLt
 * approximates, and sums for db, whose order it does not tell.
 */
#include "ops/cuda/activation.h"
#include "device/cuda/side_stream.h"
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
    GD_TRY(gd_node_temporary(&n->saved[1], n, GD_BF16, 1, &elements));
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
  const uint16_t *copy_W = gdi_cuda_weight_copy_of(d, n->in[1]->data);
  uint16_t *copy_x = copy_W ? gdi_cuda_cached_copy_of(d, n->in[0]->data, e.B * e.I) : NULL;
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
  if (gdi_blas_type(d, y->dtype) != y->dtype) GD_TRY(gd_node_temporary(&copy, n, GD_BF16, 1, &elements));
  return gdi_cuda_activate(d, y->dtype, gdi_linear_of(n)->act, z, b, y->data, copy ? copy->data : NULL, e.B,
                           e.O);
}

/* relu as part of the product, whose bias is given: saved[0] is the mask, or NULL where it is not to be had. */
static gd_status relu_by_product(gd_device *d, gd_node *n, gdi_blas_product *p) {
  const int64_t bytes = gdi_blas_mask_bytes(p->m, p->n);
  bool offered;
  if (gdi_linear_of(n)->act != GD_ACT_RELU || !n->recorded || !n->in[1]->requires_grad || p->type == GD_F64 ||
      !gdi_cuda_of(d)->tuning.relu_by_product)
    return GD_OK;
  GD_TRY(gd_node_temporary(&n->saved[0], n, GD_U8, 1, &bytes));
  p->after = GDI_AFTER_RELU, p->mask = n->saved[0]->data;
  GD_TRY(gdi_blas_offers(d, p, &offered));
  if (!offered) p->after = GDI_AFTER_NOTHING, n->saved[0] = NULL;
  return GD_OK;
}

static gd_status forward(gd_device *d, gd_node *n) {
  const extents e = extents_of(n);
  const gd_activation act = gdi_linear_of(n)->act;
  const void *b = n->in[2] ? n->in[2]->data : NULL;
  operands o;
  GD_TRY(take_operands(d, n, e, &o));
  gdi_blas_product z = {.m = e.B,
                        .n = e.O,
                        .k = e.I,
                        .transpose_b = true,
                        .type = o.type,
                        .a = o.x,
                        .b = o.W,
                        .c = n->out->data,
                        .bias = b,
                        .count = 1};
  GD_TRY(relu_by_product(d, n, &z));
  if (act == GD_ACT_NONE || z.after) return gdi_blas_multiply(d, &z);
  if (gdi_activation_keeps_z(act) && n->recorded) {
    GD_TRY(gd_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
    z.c = n->saved[0]->data;
  }
  z.bias = NULL;
  GD_TRY(gdi_blas_multiply(d, &z));
  return activate(d, n, e, z.c, b);
}

gd_status gdi_cuda_linear_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* A backward at work. */
typedef struct work {
  gd_node *n;
  extents e;
  gd_dtype type; /* of the products' operands */
  const gd_tensor *dy;
  gd_tensor *dx, *dW, *db; /* NULL: not wanted */
  bool add[3];
  bool dy_is_dz;  /* dy is dz, as products take it: the product that made it has seen to relu */
  bool beside;    /* gradients of leaves may be made in side streams */
  const void *dz; /* as products take it */
} work;

/* db, and dz where there is memory for it. */
static gd_status activation_gradient(gd_device *d, const work *p, void *dz) {
  const gd_node *n = p->n;
  return gdi_cuda_activation_gradient(
      d, &(gdi_activation_gradient){.type = p->dy->dtype,
                                    .dy_type = p->dy_is_dz ? p->type : p->dy->dtype,
                                    .dz_type = p->type,
                                    .act = p->dy_is_dz ? GD_ACT_NONE : gdi_linear_of(n)->act,
                                    .dy = p->dy->data,
                                    .y = n->out->data,
                                    .z = gdi_activation_keeps_z(gdi_linear_of(n)->act) ? n->saved[0]->data
                                                                                       : n->out->data,
                                    .dz = dz,
                                    .db = p->db ? p->db->data : NULL,
                                    .add = p->add[2],
                                    .B = p->e.B,
                                    .O = p->e.O});
}

/* Memory for dz that lives until the products have read it. */
static gd_status dz_memory(gd_device *d, const work *p, void **out) {
  gd_tensor *t;
  if (!p->beside || !p->dx) return gdi_cuda_scratch(d, p->e.B * p->e.O, gd_dtype_bytes(p->type), out);
  GD_TRY(gd_node_temporary(&t, p->n, p->type, 2, (const int64_t[]){p->e.B, p->e.O}));
  *out = t->data;
  return GD_OK;
}

/* And db on the way. Not made: products take dy as it is, and db is left to do. */
static gd_status make_dz(gd_device *d, work *p, bool *made) {
  void *dz;
  p->dz = p->dy->data;
  *made = !p->dy_is_dz && (p->dx || p->dW) &&
          (gdi_linear_of(p->n)->act != GD_ACT_NONE || p->type != p->dy->dtype);
  if (!*made) return GD_OK;
  if (p->dx && p->dx == p->db) p->add[2] = p->add[0], p->add[0] = true; /* db is the first of the two */
  GD_TRY(dz_memory(d, p, &dz));
  p->dz = dz;
  return activation_gradient(d, p, dz);
}

/* The record that made x, if the product that makes dx may see to its relu. */
static gd_node *relu_before(const work *p) {
  const gd_tensor *x = p->n->in[0];
  gd_node *before = x->node;
  const bool masked =
      before && before->op == &gdi_op_linear && gdi_linear_of(before)->act == GD_ACT_RELU && before->saved[0];
  return masked && x->uses == 1 && !p->add[0] ? before : NULL;
}

static gd_status make_dx(gd_device *d, const work *p, const operands *o) {
  gdi_blas_product dx = {.m = p->e.B,
                         .n = p->e.I,
                         .k = p->e.O,
                         .type = o->type,
                         .a = p->dz,
                         .b = o->W,
                         .c = p->dx->data,
                         .add = p->add[0],
                         .count = 1};
  gd_node *before = relu_before(p);
  bool offered = false;
  if (before) {
    gdi_blas_product dz = dx; /* of the layer before */
    dz.after = GDI_AFTER_RELU_GRADIENT, dz.mask = before->saved[0]->data;
    dz.rounded = dz.type == GD_BF16; /* fits where f32 does */
    GD_TRY(gdi_blas_offers(d, &dz, &offered));
    if (offered) dx = dz, gdi_linear_of(before)->dz_backward_id = before->backward_id;
  }
  return gdi_blas_multiply(d, &dx);
}

static gd_status make_dW(gd_device *d, const work *p, const operands *o) {
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

static gd_status make_db(gd_device *d, const work *p, const operands *o) {
  (void)o;
  return activation_gradient(d, p, NULL);
}

typedef gd_status (*part)(gd_device *d, const work *p, const operands *o);

static gd_status in_stream(gd_device *d, bool beside, gdi_stream stream, part make, const work *p,
                           const operands *o) {
  if (!beside) return make(d, p, o);
  GD_TRY(gdi_side_stream_enter(d, stream));
  gd_status st = make(d, p, o);
  gdi_side_stream_leave(d);
  return st;
}

/* What a layer without dx leaves to be done is dW, beside which db is made. */
static gd_status backward(gd_device *d, work *p) {
  operands o = {.type = p->dy->dtype};
  bool made;
  GD_TRY(make_dz(d, p, &made));
  const bool sums = p->db && !made;
  if (p->dx || p->dW) GD_TRY(take_operands(d, p->n, p->e, &o));
  if (p->beside) GD_TRY(gdi_side_stream_fork(d));
  if (p->dx) GD_TRY(make_dx(d, p, &o)); /* first: others wait for it */
  if (p->dW) GD_TRY(in_stream(d, p->beside && p->dx, GDI_STREAM_GRADIENTS, make_dW, p, &o));
  return sums ? in_stream(d, p->beside, GDI_STREAM_SUMS, make_db, p, &o) : GD_OK;
}

gd_status gdi_cuda_linear_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  const gdi_linear_params *of = gdi_linear_of(n);
  work p = {.n = n,
            .e = extents_of(n),
            .type = gdi_blas_type(d, dout->dtype),
            .dy = dout,
            .dx = din[0],
            .dW = din[1],
            .db = n->in[2] ? din[2] : NULL,
            .add = {add[0], add[1], n->in[2] && add[2]},
            .dy_is_dz = of->dz_backward_id && of->dz_backward_id == n->backward_id};
  p.beside = p.dW && n->recorded && gdi_side_stream_may(n->in[1]) && (!p.db || gdi_side_stream_may(n->in[2]));
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = backward(d, &p);
  gd_arena_release(d->scratch, mark);
  return st;
}
