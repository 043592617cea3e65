/* Applying an operation: check, ask the shape rule, make the result, run the kernel, record. */
#include "autograd/autograd.h"

#include <string.h>

#include "device/cpu/threads.h"
#include "device/gpu.h"

static gd_status check_input(const gd_tape *t, const gd_op *op, const gd_tensor *x) {
  if (x->device != t->device)
    return GD_FAIL(GD_ERR_USAGE, "%s: an input is on another device than the tape", op->name);
  if (x->node && x->arena != t->arena)
    return GD_FAIL(GD_ERR_USAGE, "%s: an input was recorded %s", op->name,
                   t->depth > 0 ? "outside of what is recomputed: give it to gd_recompute() as an input"
                                : "on another tape; detach it first");
  return GD_OK;
}

static gd_status check_inputs(const gd_tape *t, const gd_op *op, int n, gd_tensor *const in[]) {
  if (n < op->min_in || n > op->max_in)
    return GD_FAIL(GD_ERR_USAGE, "%s of %d tensors: it takes %d to %d", op->name, n, op->min_in, op->max_in);
  for (int i = 0; i < n; i++) {
    if (in[i])
      GD_TRY(check_input(t, op, in[i]));
    else if (i < op->min_in)
      return GD_FAIL(GD_ERR_USAGE, "%s: operand %d is NULL", op->name, i + 1);
  }
  return GD_OK;
}

/* A NULL that an earlier failure of the tape explains is no error of its own. */
static bool explained(const gd_tape *t, const gd_op *op, int n, gd_tensor *const in[]) {
  bool missing = false;
  for (int i = 0; i < n && i < op->min_in; i++) missing |= !in[i];
  return missing && t->status != GD_OK;
}

static size_t aligned(size_t bytes) {
  return (bytes + 15) / 16 * 16;
}

/* The record, its arguments and its list of inputs, in one piece of the step arena. */
static gd_node *node_new(gd_tape *t, const gd_op *op, const void *params, int n_in, gd_tensor *const in[]) {
  const size_t at_params = aligned(sizeof(gd_node)), at_in = at_params + aligned(op->params_bytes);
  gd_node *n = gd_arena_alloc(t->arena, at_in + (size_t)n_in * sizeof *in);
  if (!n) return NULL;
  *n = (gd_node){
      .op = op, .n_in = n_in, .in = (gd_tensor **)((char *)n + at_in), .arena = t->arena, .scope = t->scope};
  if (op->params_bytes) n->params = memcpy((char *)n + at_params, params, op->params_bytes);
  if (n_in > 0) memcpy(n->in, in, (size_t)n_in * sizeof *in);
  return n;
}

static void record(gd_tape *t, gd_node *n) {
  n->previous = t->last;
  n->out->node = n;
  n->out->requires_grad = true;
  t->last = n;
}

static bool differentiable(const gd_op *op) {
  for (int kind = 0; kind < GD_DEVICE_KINDS; kind++)
    if (op->kernel[kind].backward) return true;
  return false;
}

/*
 * Whether a backward will come: an input wants a gradient, recording is on, and the operation has one;
 * results of other types than f32 and f64 have none.
 */
static gd_origin origin_of(const gd_tape *t, const gd_node *n) {
  bool wanted = false;
  for (int i = 0; i < n->n_in; i++) wanted |= n->in[i] && n->in[i]->requires_grad;
  if (!wanted || !differentiable(n->op)) return GD_ORIGIN_CONSTANT;
  if (n->out->dtype != GD_F32 && n->out->dtype != GD_F64) return GD_ORIGIN_CONSTANT;
  return t->recording ? GD_ORIGIN_RECORDED : GD_ORIGIN_UNRECORDED;
}

/* Never another device in its place. */
static gd_status check_kernel(const gd_tape *t, const gd_node *n) {
  const gd_device_kind kind = t->device->kind;
  const gd_kernel *k = &n->op->kernel[kind];
  if (k->forward && (k->backward || !n->recorded)) return GD_OK;
  return GD_FAIL(GD_ERR_NO_KERNEL, "%s has no %skernel for %s", n->op->name, k->forward ? "backward " : "",
                 kind == GD_CPU ? "the CPU" : "GPUs (cuda): give its gd_op one, or choose --device cpu");
}

static gd_status ask_shape(gd_node *n, gd_op_result *out) {
  *out = (gd_op_result){0};
  if (n->op->shape) return n->op->shape(n, out);
  if (n->n_in < 1)
    return GD_FAIL(GD_ERR_USAGE, "%s: an operation without inputs needs a shape rule", n->op->name);
  out->dtype = n->in[0]->dtype, out->ndim = n->in[0]->ndim;
  memcpy(out->shape, n->in[0]->shape, sizeof out->shape);
  return GD_OK;
}

static gd_status apply(gd_tape *t, gd_node *n) {
  gd_op_result r;
  GD_TRY(ask_shape(n, &r));
  GD_TRY(gd_tensor_over(&n->out, t->arena, t->device, r.dtype, r.ndim, r.shape, r.view));
  n->out->origin = origin_of(t, n);
  n->recorded = n->out->origin == GD_ORIGIN_RECORDED;
  GD_TRY(check_kernel(t, n));
  if (!r.view) GD_TRY(n->op->kernel[t->device->kind].forward(t->device, n));
  if (n->recorded) record(t, n);
  return GD_OK;
}

gd_node *gd_apply_node(gd_tape *t, const gd_op *op, const void *params, int n, gd_tensor *const in[]) {
  gd_node *node = NULL;
  if (explained(t, op, n, in)) return NULL;
  gd_status st = check_inputs(t, op, n, in);
  if (st == GD_OK)
    st = (node = node_new(t, op, params, n, in)) ? gdi_profiled(t, node, 0, apply) : GD_ERR_OOM;
  if (st == GD_OK) return node;
  gd_tape_fail(t, st);
  return NULL;
}

gd_tensor *gd_apply(gd_tape *t, const gd_op *op, const void *params, int n, gd_tensor *const in[]) {
  gd_node *node = gd_apply_node(t, op, params, n, in);
  return node ? node->out : NULL;
}

/* ---- for kernels ---- */

gd_status gd_node_temporary(gd_tensor **out, gd_node *n, gd_dtype type, int ndim, const int64_t shape[]) {
  return gdi_tensor_make(out, n->arena, n->out->device, type, ndim, shape, NULL);
}

const char *gd_node_describe(const gd_node *n, char *buf, size_t bytes) {
  char more[64] = "";
  if (n->op->describe) n->op->describe(n, more, sizeof more);
  snprintf(buf, bytes, "%s%s", n->op->name, more);
  return buf;
}

double gd_node_flops(const gd_node *n) {
  return n->op->flops ? n->op->flops(n) : 0;
}

void gd_parallel(gd_device *d, int64_t n, int64_t grain, gd_parallel_body body, void *user) {
  if (d->kind == GD_CPU)
    gdi_parallel(d, n, grain, body, user);
  else if (n > 0)
    body(user, 0, n);
}

void *gd_device_stream(gd_device *d) {
  return d->gpu ? d->gpu->stream_handle(d, GDI_STREAM_COMPUTE) : NULL;
}
