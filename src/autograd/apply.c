/* Applying an operation: check, ask the shape rule, make the result, run the kernel, record. */
#include "autograd/autograd.h"

#include <string.h>

static gd_status check_input(const gd_tape *t, gdi_op op, const gd_tensor *x) {
  if (x->device != t->device)
    return GD_FAIL(GD_ERR_USAGE, "%s: an input is on another device than the tape", gdi_op_name(op));
  if (x->node && x->arena != t->arena)
    return GD_FAIL(GD_ERR_USAGE, "%s: an input was recorded on another tape; detach it first",
                   gdi_op_name(op));
  return GD_OK;
}

/* The record and its list of inputs, in one piece of the step arena. */
static gd_node *node_new(gd_tape *t, gdi_op op, const gdi_attr *attr, int n_in, gd_tensor *const in[]) {
  gd_node *n = gd_arena_alloc(t->arena, sizeof *n + (size_t)n_in * sizeof *in);
  if (!n) return NULL;
  *n = (gd_node){.op = op, .n_in = n_in, .in = (gd_tensor **)(n + 1), .arena = t->arena};
  if (attr) n->attr = *attr;
  memcpy(n->in, in, (size_t)n_in * sizeof *in);
  return n;
}

static void record(gd_tape *t, gd_node *n) {
  n->previous = t->last;
  n->out->node = n;
  n->out->requires_grad = true;
  t->last = n;
}

/*
 * Whether a backward will come: an input wants a gradient, recording is on, and the operation has one;
 * results of other types than f32 and f64 have none.
 */
static gd_origin origin_of(const gd_tape *t, const gd_node *n) {
  bool wanted = false;
  for (int i = 0; i < n->n_in; i++) wanted |= n->in[i] && n->in[i]->requires_grad;
  if (!wanted || !t->device->kernel[n->op]->backward) return GD_ORIGIN_CONSTANT;
  if (n->out->dtype != GD_F32 && n->out->dtype != GD_F64) return GD_ORIGIN_CONSTANT;
  return t->recording ? GD_ORIGIN_RECORDED : GD_ORIGIN_UNRECORDED;
}

static gd_status apply(gd_tape *t, gd_node *n, const gdi_result *form, void *view) {
  static const gdi_shape_rule rules[GDI_OPS] = {
#define GDI_OP(name, prints, shape, family) [GDI_OP_##name] = gdi_shape_##shape,
#include "device/ops.def"
  };
  gdi_result asked;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i]) GD_TRY(check_input(t, n->op, n->in[i]));
  if (!form) {
    GD_TRY(rules[n->op](n, &asked));
    form = &asked;
  }
  GD_TRY(gdi_tensor_make(&n->out, t->arena, t->device, form->type, form->ndim, form->shape, view));
  n->out->origin = origin_of(t, n);
  n->recorded = n->out->origin == GD_ORIGIN_RECORDED;
  if (!view) GD_TRY(t->device->kernel[n->op]->forward(t->device, n));
  if (n->recorded) record(t, n);
  return GD_OK;
}

static gd_node *run(gd_tape *t, gdi_op op, const gdi_attr *attr, int n_in, gd_tensor *const in[],
                    const gdi_result *form, void *view) {
  gd_node *n = node_new(t, op, attr, n_in, in);
  gd_status st = n ? apply(t, n, form, view) : GD_ERR_OOM;
  if (st == GD_OK) return n;
  gd_tape_fail(t, st);
  return NULL;
}

gd_node *gdi_apply_node(gd_tape *t, gdi_op op, const gdi_attr *attr, int n_in, gd_tensor *const in[]) {
  return run(t, op, attr, n_in, in, NULL, NULL);
}

gd_tensor *gdi_apply(gd_tape *t, gdi_op op, const gdi_attr *attr, int n_in, gd_tensor *const in[]) {
  gd_node *n = run(t, op, attr, n_in, in, NULL, NULL);
  return n ? n->out : NULL;
}

gd_tensor *gdi_apply_view(gd_tape *t, gdi_op op, const gdi_attr *attr, gd_tensor *in, const gdi_result *form,
                          void *view) {
  gd_node *n = run(t, op, attr, 1, &in, form, view);
  return n ? n->out : NULL;
}

bool gdi_check_operands(gd_tape *t, gdi_op op, int n, gd_tensor *const in[]) {
  for (int i = 0; i < n; i++)
    if (!in[i]) {
      if (t->status == GD_OK)
        gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "%s: operand %d is NULL", gdi_op_name(op), i + 1));
      return false;
    }
  return true;
}
