/*
 * y = act(z),  z = x * W + b, or the transpose of that.   dz = dy act'(y);  dx, dW from dz;  db = sum over pixels of dz
 *
 * A bias is added by the convolution, and relu taken, where it can; else they are one kernel after it. dW, and db
 * where dz is there without it, are made in side streams while dx goes on to the layer before.
 */
#include "device/cuda/conv.h"
#include "device/cuda/side_stream.h"
#include "ops/conv2d.h"
#include "ops/cuda/activation.h"

/*
 * The bias, and relu where that may make 0 of NaN: as with products (linear.c), where the NaN shows all the same. True: they
 * are part of v.
 */
static gd_status fuse(gd_device *d, const gd_node *n, gdi_conv_call *v, bool *fused) {
  const gdi_conv2d *p = n->params;
  *fused = false;
  if (!n->in[2] || p->transposed) return GD_OK;
  v->bias = n->in[2]->data, v->relu = p->act == GD_ACT_RELU;
  if (!v->relu || (n->recorded && n->in[1]->requires_grad)) GD_TRY(gdi_cuda_conv_offers(d, v, fused));
  if (!*fused) v->bias = NULL, v->relu = false;
  return GD_OK;
}

/* Pixels of all images of t, [...,C]. */
static int64_t pixels(const gd_tensor *t) {
  return t->shape[0] * t->shape[1] * t->shape[2];
}

static gd_status forward(gd_device *d, gd_node *n) {
  const gdi_conv2d *p = n->params;
  const gd_tensor *y = n->out;
  const void *b = n->in[2] ? n->in[2]->data : NULL;
  gdi_conv_call v = {.conv = gdi_conv_of(n), .pass = GDI_CONV_FORWARD, .w = n->in[1]->data};
  v.x = n->in[0]->data, v.y = y->data;
  if (p->transposed) v.pass = GDI_CONV_DATA, v.x = y->data, v.y = n->in[0]->data;
  bool fused;
  GD_TRY(fuse(d, n, &v, &fused));
  GD_TRY(gdi_cuda_conv(d, &v));
  if (fused || (p->act == GD_ACT_NONE && !b)) return GD_OK;
  return gdi_cuda_activate(d, y->dtype, p->act, y->data, b, y->data, NULL, pixels(y), y->shape[3]);
}

gd_status gdi_cuda_conv2d_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* A backward at work. */
typedef struct work {
  gd_node *n;
  gdi_conv conv;
  gd_dtype type; /* of dz where it is made: that of operands */
  const gd_tensor *dy;
  gd_tensor *dx, *dW, *db; /* NULL: not wanted */
  const bool *add;
  bool beside; /* gradients of leaves may be made in side streams */
  bool made;   /* dz is, and db with it; else it is dy */
  void *dz;
} work;

/* db, and dz where there is memory for it. */
static gd_status activation_gradient(gd_device *d, const work *p, void *dz) {
  const gd_tensor *y = p->n->out;
  return gdi_cuda_activation_gradient(
      d, &(gdi_activation_gradient){.type = y->dtype,
                                    .dy_type = y->dtype,
                                    .dz_type = p->type,
                                    .act = ((const gdi_conv2d *)p->n->params)->act,
                                    .dy = p->dy->data,
                                    .y = y->data,
                                    .z = y->data,
                                    .dz = dz,
                                    .db = p->db ? p->db->data : NULL,
                                    .add = p->db && p->add[2],
                                    .B = pixels(y),
                                    .O = y->shape[3]});
}

static gd_status make_dz(gd_device *d, work *p) {
  const gd_tensor *dy = p->dy;
  gd_tensor *t;
  p->dz = dy->data;
  p->made =
      (p->dx || p->dW) && (((const gdi_conv2d *)p->n->params)->act != GD_ACT_NONE || p->type != dy->dtype);
  if (!p->made) return GD_OK;
  if (p->beside && p->dx) { /* it lives until both have read it */
    GD_TRY(gd_node_temporary(&t, p->n, p->type, dy->ndim, dy->shape));
    p->dz = t->data;
  } else {
    GD_TRY(gdi_cuda_scratch(d, gd_numel(dy), gd_dtype_bytes(p->type), &p->dz));
  }
  return activation_gradient(d, p, p->dz);
}

static gd_status make_dx(gd_device *d, const work *p) {
  const bool transposed = ((const gdi_conv2d *)p->n->params)->transposed, rounded = p->type == GD_BF16;
  gdi_conv_call v = {.conv = p->conv, .w = p->n->in[1]->data, .add = p->add[0]};
  if (transposed)
    v.pass = GDI_CONV_FORWARD, v.x = p->dz, v.x_rounded = rounded, v.y = p->dx->data;
  else
    v.pass = GDI_CONV_DATA, v.y = p->dz, v.y_rounded = rounded, v.x = p->dx->data;
  return gdi_cuda_conv(d, &v);
}

static gd_status make_dW(gd_device *d, const work *p) {
  const bool transposed = ((const gdi_conv2d *)p->n->params)->transposed, rounded = p->type == GD_BF16;
  gdi_conv_call v = {.conv = p->conv, .pass = GDI_CONV_WEIGHTS, .w = p->dW->data, .add = p->add[1]};
  if (transposed)
    v.x = p->dz, v.x_rounded = rounded, v.y = p->n->in[0]->data;
  else
    v.y = p->dz, v.y_rounded = rounded, v.x = p->n->in[0]->data;
  return gdi_cuda_conv(d, &v);
}

static gd_status make_db(gd_device *d, const work *p) {
  return activation_gradient(d, p, NULL);
}

static gd_status in_stream(gd_device *d, bool beside, gdi_stream stream,
                           gd_status (*make)(gd_device *d, const work *p), const work *p) {
  if (!beside) return make(d, p);
  GD_TRY(gdi_side_stream_enter(d, stream));
  gd_status st = make(d, p);
  gdi_side_stream_leave(d);
  return st;
}

static gd_status backward(gd_device *d, work *p) {
  GD_TRY(make_dz(d, p));
  if (p->beside) GD_TRY(gdi_side_stream_fork(d));
  if (p->dx) GD_TRY(make_dx(d, p)); /* first: others wait for it */
  if (p->dW) GD_TRY(in_stream(d, p->beside && p->dx, GDI_STREAM_GRADIENTS, make_dW, p));
  return p->db && !p->made ? in_stream(d, p->beside, GDI_STREAM_SUMS, make_db, p) : GD_OK;
}

gd_status gdi_cuda_conv2d_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  work p = {.n = n,
            .conv = gdi_conv_of(n),
            .dy = dout,
            .dx = din[0],
            .dW = din[1],
            .db = n->in[2] ? din[2] : NULL,
            .add = add};
  p.type = gdi_cuda_conv_operand(d, &p.conv);
  p.beside = p.dW && n->recorded && gdi_side_stream_may(n->in[1]) && (!p.db || gdi_side_stream_may(n->in[2]));
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = backward(d, &p);
  gd_arena_release(d->scratch, mark);
  return st;
}
