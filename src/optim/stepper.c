/* An optimizer over leaf tensors, for programs without ranks. */
#include <math.h>
#include <stdlib.h>

#include "gd/optim.h"

/* One leaf: its own count of updates, because one without a gradient is left alone and starts later. */
typedef struct slot {
  gd_tensor *leaf;
  int64_t step;
  void *state[GD_OPTIM_MAX_STATES];
} slot;

struct gd_stepper {
  gd_optim optim;
  gd_arena *arena;
  slot *slot;
  int n;
};

static gd_status init_slot(gd_stepper *s, slot *k, gd_tensor *leaf) {
  const char *name = leaf->name ? leaf->name : "unnamed";
  if (leaf->dtype != GD_F32 && leaf->dtype != GD_F64)
    return GD_FAIL(GD_ERR_DTYPE, "parameter %s is %s: an optimizer updates f32 and f64", name,
                   gd_dtype_name(leaf->dtype));
  if (gd_device_kind_of(leaf->device) != GD_CPU)
    return GD_FAIL(GD_ERR_NO_KERNEL, "parameter %s is not on the CPU", name);
  k->leaf = leaf;
  for (int i = 0; i < gd_optim_states(&s->optim); i++) {
    k->state[i] = gd_arena_zalloc(s->arena, gd_tensor_bytes(leaf));
    if (!k->state[i]) return GD_ERR_OOM;
  }
  return GD_OK;
}

gd_status gd_stepper_new(gd_stepper **out, const gd_optim *o, gd_tensor *const leaves[], int n) {
  *out = NULL;
  GD_TRY(gd_optim_check(o));
  gd_stepper *s = calloc(1, sizeof *s);
  if (!s) return GD_FAIL(GD_ERR_OOM, "no memory for an optimizer");
  s->optim = *o;
  s->n = n;
  gd_status st;
  GD_GOTO(st, gd_arena_new(&s->arena, "optimizer"), fail);
  s->slot = gd_arena_zalloc(s->arena, (size_t)n * sizeof *s->slot);
  if (!s->slot) {
    st = GD_ERR_OOM;
    goto fail;
  }
  for (int i = 0; i < n; i++) GD_GOTO(st, init_slot(s, &s->slot[i], leaves[i]), fail);
  *out = s;
  return GD_OK;
fail:
  gd_stepper_free(s);
  return st;
}

void gd_stepper_free(gd_stepper *s) {
  if (!s) return;
  gd_arena_free(s->arena);
  free(s);
}

static double norm(const gd_tensor *t) {
  const int64_t n = gd_numel(t);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double x = t->dtype == GD_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
    sum += x * x;
  }
  return sqrt(sum);
}

/* Threads share whole blocks: an update is element-wise, so that changes no bits. */
static bool update_slot(const gd_stepper *s, const slot *k, const gd_update *u) {
  gd_tensor *w = k->leaf;
  const int64_t n = gd_numel(w), bytes = (int64_t)gd_dtype_bytes(w->dtype);
  const int64_t parts = n / GD_BLOCK < 16 ? 1 : gd_device_threads(w->device);
  const int states = gd_optim_states(&s->optim);
  bool finite = true;
#pragma omp parallel for num_threads((int)parts) if (parts > 1) reduction(&& : finite)
  for (int64_t part = 0; part < parts; part++) {
    const gd_range r = gd_share_blocks(n, parts, part);
    void *state[GD_OPTIM_MAX_STATES];
    for (int i = 0; i < states; i++) state[i] = (char *)k->state[i] + r.lo * bytes;
    finite = gd_optim_update(&s->optim, u, w->dtype, r.hi - r.lo, (char *)w->data + r.lo * bytes,
                             (const char *)w->grad->data + r.lo * bytes, state) &&
             finite;
  }
  return finite;
}

gd_status gd_stepper_step(gd_stepper *s, double lr) {
  gd_status st = GD_OK;
  for (int i = 0; i < s->n; i++) {
    slot *k = &s->slot[i];
    gd_tensor *w = k->leaf;
    if (!w->has_grad) continue;
    gd_update u = {.lr = lr, .step = k->step++, .grad_scale = 1, .local_rate = 1};
    if (s->optim.kind == GD_LARS) u.local_rate = gd_lars_rate(&s->optim, norm(w), norm(w->grad));
    if (!update_slot(s, k, &u) && st == GD_OK)
      st = GD_FAIL(GD_ERR_NONFINITE,
                   "parameter %d (%s) or its gradient is not finite after %lld updates at rate %g: "
                   "the rate may be too large",
                   i, w->name ? w->name : "unnamed", (long long)k->step, lr);
  }
  return st;
}

void gd_stepper_zero_grad(gd_stepper *s) {
  for (int i = 0; i < s->n; i++) gd_zero_grad(s->slot[i].leaf);
}
