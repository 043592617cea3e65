/*
 * Backward: the records that lead to the root, newest first, each handing gradients to its inputs.
 *
 * A record takes part when its number is this backward's; a result's gradient, made in the step
 * arena, counts only then. A first contribution overwrites, later ones add, so nothing is ever zeroed.
 */
#include "device/gpu.h"
#include "autograd/autograd.h"

#include "base/fault.h"

static const char *why_not(const gd_tensor *root) {
  switch (root->origin) {
  case GD_ORIGIN_DETACHED: return "it was detached";
  case GD_ORIGIN_UNRECORDED: return "it was computed while recording was off";
  case GD_ORIGIN_CONSTANT:
    return "it was computed from tensors that do not require a gradient, or is of another type than f32 and "
           "f64";
  default: return "it is a leaf that does not require a gradient";
  }
}

static gd_status check(const gd_tape *t, const gd_tensor *root, const gd_tensor *seed) {
  char shape[GDI_SHAPE_TEXT], seed_shape[GDI_SHAPE_TEXT];
  GD_TRY(gd_tape_status(t));
  if (!root) return GD_FAIL(GD_ERR_USAGE, "backward of NULL");
  if (!root->requires_grad)
    return GD_FAIL(GD_ERR_NO_GRAD, "backward: the root has no gradient: %s", why_not(root));
  if (root->node && root->arena != t->arena)
    return GD_FAIL(GD_ERR_USAGE, "backward: the root was recorded on another tape");
  if (!seed && gd_numel(root) != 1)
    return GD_FAIL(GD_ERR_SHAPE, "backward: a root of shape %s needs a seed gradient of that shape",
                   gdi_shape_text(root, shape, sizeof shape));
  if (!seed) return GD_OK;
  bool fits = seed->ndim == root->ndim && seed->dtype == root->dtype;
  for (int i = 0; fits && i < root->ndim; i++) fits = seed->shape[i] == root->shape[i];
  if (fits) return GD_OK;
  return GD_FAIL(seed->dtype == root->dtype ? GD_ERR_SHAPE : GD_ERR_DTYPE,
                 "backward: the root is %s %s, its seed gradient %s %s", gd_dtype_name(root->dtype),
                 gdi_shape_text(root, shape, sizeof shape), gd_dtype_name(seed->dtype),
                 gdi_shape_text(seed, seed_shape, sizeof seed_shape));
}

/*
 * On a CPU the memory of a result's gradient serves again once its record has been visited: a fraction of the memory, and
 * what is written next is still in the cache. On a GPU other streams may still read it.
 */
static void spare_gradient(gd_tape *t, gd_tensor *x) {
  const size_t bytes = x->grad ? gd_tensor_bytes(x->grad) : 0;
  if (t->device->kind != GD_CPU || bytes < sizeof(gdi_spare) || gdi_is_one(t->device, x->grad)) return;
  gdi_spare *s = x->grad->data;
  *s = (gdi_spare){t->spare, bytes};
  t->spare = s;
  x->grad = NULL;
}

/* The smallest that is large enough, and not more than twice that; of equal ones the last. */
static void *take_spare(gd_tape *t, size_t bytes) {
  gdi_spare **best = NULL;
  for (gdi_spare **s = &t->spare; *s; s = &(*s)->next)
    if ((*s)->bytes >= bytes && (*s)->bytes / 2 <= bytes && (!best || (*s)->bytes < (*best)->bytes)) best = s;
  if (!best) return NULL;
  void *memory = *best;
  *best = (*best)->next;
  return memory;
}

static gd_status make_gradient(gd_tape *t, gd_tensor *x) {
  if (x->grad) return GD_OK;
  void *spare = x->node ? take_spare(t, gd_tensor_bytes(x)) : NULL;
  return gdi_tensor_make(&x->grad, x->arena, x->device, x->dtype, x->ndim, x->shape, spare);
}

uint64_t gdi_tape_mark_path(gd_tape *t, const gd_tensor *root) {
  root->node->backward_id = t->backward_id = ++t->last_backward_id;
  for (gd_node *n = root->node; n; n = n->previous)
    for (int i = 0; n->backward_id == t->backward_id && i < n->n_in; i++)
      if (n->in[i] && n->in[i]->node) n->in[i]->node->backward_id = t->backward_id;
  return t->backward_id;
}

/* No result has a gradient of this backward yet, and each gradient waits for as many records as use its tensor. */
static void prepare(gd_tape *t, gd_tensor *root) {
  gdi_tape_mark_path(t, root);
  for (gd_node *n = root->node; n; n = n->previous) {
    if (n->backward_id != t->backward_id) continue;
    n->out->has_grad = false;
    for (int i = 0; i < n->n_in; i++)
      if (n->in[i] && n->in[i]->requires_grad) n->in[i]->uses++;
  }
}

static void forget_uses(gd_tape *t, gd_tensor *root) {
  for (gd_node *n = root->node; n; n = n->previous)
    for (int i = 0; n->backward_id == t->backward_id && i < n->n_in; i++)
      if (n->in[i]) n->in[i]->uses = 0;
}

/* A record is done with the gradient of an input; a leaf's is complete with the last record that uses it. */
static void contributed(gd_tape *t, gd_node *n, int i) {
  gd_tensor *x = n->in[i];
  if (--x->uses == 0 && !x->node && t->ready) t->ready(t->ready_user, x);
}

static void on_completed(void *tape, gd_node *n, int i) {
  gd_tape *t = tape;
  t->completed[i] = true;
  contributed(t, n, i);
}

/* A GPU may make gradients of leaves in another stream: what is queued from now on finds them there. */
static gd_status wait_for_leaves(const gd_tape *t) {
  const gdi_gpu *gpu = t->device->gpu;
  return gpu ? gpu->gradients(t->device, GDI_STREAM_COMPUTE) : GD_OK;
}

enum { FEW = 8 }; /* inputs whose lists fit on the stack */

static gd_status visit(gd_tape *t, gd_node *n) {
  gd_tensor *few[FEW], **din = few;
  bool few_flags[2 * FEW], *add = few_flags;
  if (n->n_in > FEW) {
    din = gd_arena_alloc(t->arena, (size_t)n->n_in * sizeof *din);
    add = gd_arena_alloc(t->arena, 2 * (size_t)n->n_in * sizeof *add);
    if (!din || !add) return GD_ERR_OOM;
  }
  bool *completed = add + n->n_in;
  for (int i = 0; i < n->n_in; i++) {
    gd_tensor *x = n->in[i];
    din[i] = NULL, add[i] = completed[i] = false;
    if (!x || !x->requires_grad) continue;
    GD_TRY(make_gradient(t, x));
    din[i] = x->grad;
    add[i] = x->has_grad;
    x->has_grad = true; /* an input that appears twice adds its second share */
  }
  t->completed = completed;
  GD_TRY(n->op->kernel[t->device->kind].backward(t->device, n, n->out->grad, din, add));
  if (t->ready && !t->ready_waits) GD_TRY(wait_for_leaves(t));
  for (int i = 0; i < n->n_in; i++)
    if (din[i] && !completed[i]) contributed(t, n, i);
  return GD_OK;
}

/* The seed becomes the root's gradient, or is added to it. A result gets a new one: what it had may be the
 * device's constant 1. */
static gd_status seed_root(gd_tape *t, gd_tensor *root, const gd_tensor *seed) {
  gd_tensor *given = (gd_tensor *)seed;
  bool add = root->has_grad;
  root->has_grad = true;
  if (root->node) root->grad = NULL;
  if (root->node && !seed && !GDI_FAULT("doubled_gradient"))
    return gdi_tensor_make(&root->grad, t->arena, t->device, root->dtype, root->ndim, root->shape,
                           gdi_one(t->device, root->dtype));
  GD_TRY(make_gradient(t, root));
  if (!seed && !add) return gd_tensor_fill(root->grad, GDI_FAULT("doubled_gradient") ? 2 : 1);
  if (!given) {
    GD_TRY(gdi_tensor_make(&given, t->arena, t->device, root->dtype, root->ndim, root->shape, NULL));
    GD_TRY(gd_tensor_fill(given, 1));
  }
  gd_device *d = t->device;
  return add ? d->accumulate(d, root->dtype, root->grad->data, given->data, gd_numel(root))
             : d->copy(d, root->grad->data, given->data, gd_tensor_bytes(root));
}

static gd_status visit_all(gd_tape *t, gd_tensor *root) {
  for (gd_node *n = root->node; n; n = n->previous)
    if (n->backward_id == t->backward_id) {
      GD_TRY(gdi_profiled(t, n, 1, visit));
      if (n->out != root) spare_gradient(t, n->out);
    }
  return wait_for_leaves(t);
}

static gd_status play(gd_tape *t, gd_tensor *root, const gd_tensor *seed) {
  GD_TRY(seed_root(t, root, seed));
  return visit_all(t, root);
}

gd_status gd_backward(gd_tape *t, gd_tensor *root, const gd_tensor *seed) {
  GD_TRY(check(t, root, seed));
  if (!root->node) { /* a leaf is its own gradient */
    GD_TRY(seed_root(t, root, seed));
    if (t->ready) t->ready(t->ready_user, root);
    return GD_OK;
  }
  GD_TRY(wait_for_leaves(t)); /* of a backward that failed half-way */
  prepare(t, root);
  gdi_listener *l = &t->device->listener;
  l->completed = on_completed, l->completed_user = t;
  gd_status st = play(t, root, seed);
  l->completed = NULL;
  if (st != GD_OK) forget_uses(t, root);
  return st;
}

gd_status gdi_backward_inside(gd_tape *t, gd_tensor *root, gd_tensor *dout, int n, gd_tensor *const leaf[],
                              int used[]) {
  const uint64_t outer_id = t->backward_id;
  bool *const outer_completed = t->completed;
  for (int k = 0; k < n; k++) used[k] = leaf[k]->uses;
  prepare(t, root);
  for (int k = 0; k < n; k++) used[k] = leaf[k]->uses > used[k];
  for (int k = 0; k < n; k++) leaf[k]->uses -= used[k];
  root->grad = dout, root->has_grad = true;
  gd_status st = visit_all(t, root);
  if (st != GD_OK) forget_uses(t, root);
  t->backward_id = outer_id;
  t->completed = outer_completed;
  return st;
}
