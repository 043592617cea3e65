/*
 * Running a part of the graph twice instead of keeping what it computes (Chen et al. 2016, "Training deep nets with sublinear
 * memory cost").
 *
 *   forward    f(x) runs in an arena of its own; y is copied out, and the rest is released
 *   backward   f(x) runs there again, with the same draws; the gradient of y is played back through it, into the gradients of
 *              x and of the leaves; then all is released
 *
 * Both runs are recorded and start from leaves that share x's values: they run the same kernels, so y and all gradients
 * have the bits that they have without this.
 */
#include <string.h>

#include "autograd/autograd.h"
#include "gd/ops.h"

typedef struct params {
  gd_tape *tape;
  gd_recompute_fn f;
  void *user;
  int n_x;
  gdi_draws draws; /* when forward began */
  double flops;    /* of what f applies */
  gd_op_result y;  /* with its values */
} params;

/* What of a tape is another while f runs inside. */
typedef struct outside {
  gd_arena *arena;
  gd_node *last;
  gdi_spare *spare;
  bool recording;
} outside;

static gd_status enter(gd_tape *t, outside *o) {
  if (t->depth == GDI_RECOMPUTE_DEPTH)
    return GD_FAIL(GD_ERR_USAGE, "recompute: more than %d inside each other", GDI_RECOMPUTE_DEPTH);
  gd_arena **inner = &t->inner[t->depth];
  if (!*inner) GD_TRY(gd_arena_new(inner, "recompute"));
  *o = (outside){t->arena, t->last, t->spare, t->recording};
  t->arena = *inner, t->last = NULL, t->spare = NULL, t->recording = true;
  t->depth++;
  return GD_OK;
}

static void leave(gd_tape *t, const outside *o) {
  gd_arena_reset(t->arena);
  t->arena = o->arena, t->last = o->last, t->spare = o->spare, t->recording = o->recording;
  t->depth--;
}

/* Leaves with the values of the inputs. `uses` 1: none is ever complete here, of which nobody is to be told. */
static gd_tensor **leaves_like(gd_tape *t, int n, gd_tensor *const in[]) {
  gd_tensor **x = gd_arena_alloc(t->arena, (size_t)n * sizeof(gd_tensor *));
  for (int i = 0; x && i < n; i++) {
    const gd_tensor *of = in[i];
    if (gdi_tensor_make(&x[i], t->arena, of->device, of->dtype, of->ndim, of->shape, of->data) != GD_OK)
      return NULL;
    x[i]->requires_grad = of->requires_grad;
    x[i]->uses = 1;
  }
  return x;
}

static gd_status run(gd_tape *t, const params *p, gd_tensor *const in[], gd_tensor ***x, gd_tensor **y) {
  *x = leaves_like(t, p->n_x, in);
  if (!*x) return GD_ERR_OOM;
  *y = p->f(t, *x, p->n_x, p->user);
  GD_TRY(gd_tape_status(t));
  return *y ? GD_OK : GD_FAIL(GD_ERR_USAGE, "recompute: the function returned no tensor");
}

/* ---- the operation: its result was made before ---- */

static gd_status shape(gd_node *n, gd_op_result *out) {
  *out = ((const params *)n->params)->y;
  return GD_OK;
}

static gd_status forward(gd_device *d, gd_node *n) {
  (void)d, (void)n;
  return GD_OK;
}

/* y is x itself, or made of nothing that requires a gradient. */
static gd_status without_records(gd_device *d, const gd_tensor *y, gd_tensor *const x[], int n,
                                 const gd_tensor *dout, gd_tensor *const din[], const bool add[]) {
  for (int i = 0; i < n; i++) {
    if (!din[i]) continue;
    const int64_t elements = gd_numel(din[i]);
    if (x[i] == y && add[i])
      GD_TRY(d->accumulate(d, dout->dtype, din[i]->data, dout->data, elements));
    else if (x[i] == y)
      GD_TRY(d->copy(d, din[i]->data, dout->data, gd_tensor_bytes(din[i])));
    else if (!add[i])
      GD_TRY(d->zero(d, din[i]->data, gd_tensor_bytes(din[i])));
  }
  return GD_OK;
}

static gd_status play_back(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                           const bool add[]) {
  const params *p = n->params;
  gd_tape *t = p->tape;
  gd_tensor **x, *y, *const *leaf = n->in + p->n_x;
  const int n_leaves = n->n_in - p->n_x;
  GD_TRY(run(t, p, n->in, &x, &y));
  for (int i = 0; i < p->n_x; i++) x[i]->grad = din[i], x[i]->has_grad = add[i];
  for (int k = 0; k < n_leaves; k++) /* nothing was added to it yet */
    if (din[p->n_x + k]) leaf[k]->has_grad = add[p->n_x + k];
  if (!y->node) return without_records(d, y, x, p->n_x, dout, din, add);
  int *used = gd_arena_alloc(t->arena, (size_t)n_leaves * sizeof *used);
  if (!used) return GD_ERR_OOM;
  gd_status st = gdi_backward_inside(t, y, (gd_tensor *)dout, n_leaves, leaf, used);
  for (int k = 0; k < n_leaves; k++) t->completed[p->n_x + k] = used[k];
  for (int i = 0; st == GD_OK && i < p->n_x; i++) /* an input that f does not use */
    if (din[i] && !x[i]->has_grad) st = d->zero(d, din[i]->data, gd_tensor_bytes(din[i]));
  return st;
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  const params *p = n->params;
  gd_tape *t = p->tape;
  const gdi_draws draws = t->draws;
  outside o = {0};
  GD_TRY(enter(t, &o));
  t->draws = p->draws;
  gd_status st = play_back(d, n, dout, din, add);
  t->draws = draws;
  leave(t, &o);
  return st;
}

static double flops(const gd_node *n) {
  return ((const params *)n->params)->flops;
}

static const gd_op op_recompute = {
    .name = "recompute",
    .grad_fn = "RecomputeBackward",
    .min_in = 1,
    .max_in = 1 << 20,
    .params_bytes = sizeof(params),
    .shape = shape,
    .kernel = {[GD_CPU] = {forward, backward}, [GD_CUDA] = {forward, backward}},
    .flops = flops};

/* ---- the first run ---- */

/* y's values, moved to the arena outside. */
static gd_status keep_result(const gd_tape *t, const outside *o, const gd_tensor *y, params *p) {
  gd_device *d = t->device;
  gd_tensor *kept;
  GD_TRY(gdi_tensor_make(&kept, o->arena, d, y->dtype, y->ndim, y->shape, NULL));
  p->y = (gd_op_result){.dtype = y->dtype, .ndim = y->ndim, .view = kept->data};
  memcpy(p->y.shape, y->shape, sizeof p->y.shape);
  return d->copy(d, kept->data, y->data, gd_tensor_bytes(y));
}

static gd_status first_run(gd_tape *t, params *p, gd_tensor *const in[], bool *differentiable) {
  gd_tensor **x, *y;
  outside o = {0};
  GD_TRY(enter(t, &o));
  gd_status st = run(t, p, in, &x, &y);
  if (st == GD_OK) st = keep_result(t, &o, y, p);
  for (const gd_node *n = t->last; n; n = n->previous) p->flops += gd_node_flops(n);
  *differentiable = st == GD_OK && y->requires_grad;
  leave(t, &o);
  return st;
}

static bool any_requires_grad(int n, gd_tensor *const in[]) {
  for (int i = 0; i < n; i++)
    if (in[i]->requires_grad) return true;
  return false;
}

gd_tensor *gd_recompute(gd_tape *t, gd_recompute_fn f, void *user, int n, gd_tensor *const x[], int n_leaves,
                        gd_tensor *const leaves[]) {
  bool differentiable;
  for (int i = 0; i < n + n_leaves; i++)
    if (!(i < n ? x[i] : leaves[i - n]))
      return t->status != GD_OK
                 ? NULL
                 : gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "recompute: operand %d is NULL", i + 1));
  if (!t->recording || !(any_requires_grad(n, x) || any_requires_grad(n_leaves, leaves)))
    return f(t, x, n, user);
  params *p = gd_arena_alloc(t->arena, sizeof *p);
  gd_tensor **in = gd_arena_alloc(t->arena, (size_t)(n + n_leaves) * sizeof(gd_tensor *));
  if (!p || !in) return gd_tape_fail(t, GD_ERR_OOM);
  if (n > 0) memcpy(in, x, (size_t)n * sizeof *x);
  if (n_leaves > 0) memcpy(in + n, leaves, (size_t)n_leaves * sizeof *leaves);
  *p = (params){.tape = t, .f = f, .user = user, .n_x = n, .draws = t->draws};
  gd_status st = first_run(t, p, x, &differentiable);
  if (st != GD_OK) return gd_tape_fail(t, st);
  gd_tensor *y = gd_apply(t, &op_recompute, p, n + n_leaves, in);
  return y && !differentiable ? gd_detach(t, y) : y;
}
