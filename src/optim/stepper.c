/* An optimizer over leaf tensors, for programs without ranks. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "device/cpu/threads.h"
#include "gd/optim.h"

/* One leaf: its own count of updates, because one without a gradient is left alone and starts later. */
typedef struct slot {
  gd_tensor *leaf;
  int64_t step;
  void *state[GD_OPTIM_MAX_STATES];
  gd_optim optim;  /* of its group */
  double rate;     /* factor of the learning rate */
  double momentum; /* of a statistic, above 0 */
} slot;

struct gd_stepper {
  gd_optim optim;
  gd_arena *arena;
  slot *slot;
  int n;
  gd_params *params; /* of a module; else NULL */
  int64_t samples;   /* of the next step; 0: not told */
};

static gd_status init_slot(gd_stepper *s, slot *k, gd_tensor *leaf) {
  const char *name = leaf->name ? leaf->name : "unnamed";
  if (leaf->dtype != GD_F32 && leaf->dtype != GD_F64)
    return GD_FAIL(GD_ERR_DTYPE, "parameter %s is %s: an optimizer updates f32 and f64", name,
                   gd_dtype_name(leaf->dtype));
  if (gd_device_kind_of(leaf->device) != GD_CPU)
    return GD_FAIL(GD_ERR_NO_KERNEL, "parameter %s is not on the CPU", name);
  k->leaf = leaf;
  k->optim = s->optim, k->rate = 1;
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

/* Groups and statistics of a module: a statistic moves as plain gradient descent does. */
static void set_up_slots(gd_stepper *s) {
  const gd_params *p = s->params;
  for (int i = 0; i < p->n; i++) {
    slot *k = &s->slot[i];
    k->momentum = p->item[i].momentum;
    if (k->momentum > 0) {
      k->optim = (gd_optim){.kind = GD_SGD};
      continue;
    }
    const gd_param_setting *own = &p->setting[p->setting_of[i]];
    k->rate = own->rate;
    if (!isnan(own->weight_decay)) k->optim.weight_decay = own->weight_decay;
  }
}

gd_status gd_stepper_new_module(gd_stepper **out, const gd_optim *o, gd_module *m,
                                const gd_params_options *how) {
  gd_params *p;
  *out = NULL;
  GD_TRY(gd_params_new_with(&p, m, how));
  gd_tensor **leaf = calloc((size_t)p->n, sizeof *leaf);
  gd_status st = leaf ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for an optimizer");
  for (int i = 0; st == GD_OK && i < p->n; i++) leaf[i] = p->item[i].tensor;
  if (st == GD_OK) st = gd_stepper_new(out, o, leaf, p->n);
  free(leaf);
  if (st != GD_OK) {
    gd_params_free(p);
    return st;
  }
  (*out)->params = p;
  set_up_slots(*out);
  return GD_OK;
}

void gd_stepper_samples(gd_stepper *s, int64_t samples) {
  s->samples = samples;
}

void gd_stepper_free(gd_stepper *s) {
  if (!s) return;
  gd_params_free(s->params);
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

/* An update of one leaf on its way to the threads; it is element-wise, so cuts change no bits. */
typedef struct job {
  const gd_optim *optim;
  const slot *slot;
  const gd_update *update;
  atomic_bool diverged;
} job;

static void update_range(void *context, int64_t lo, int64_t hi) {
  job *j = context;
  const gd_tensor *w = j->slot->leaf;
  const int64_t at = lo * (int64_t)gd_dtype_bytes(w->dtype);
  void *state[GD_OPTIM_MAX_STATES] = {NULL};
  for (int i = 0; i < gd_optim_states(j->optim); i++) state[i] = (char *)j->slot->state[i] + at;
  if (!gd_optim_update(j->optim, j->update, w->dtype, hi - lo, (char *)w->data + at,
                       (const char *)w->grad->data + at, state))
    j->diverged = true;
}

static gd_status diverged(const slot *k, int i, double lr) {
  return GD_FAIL(GD_ERR_NONFINITE,
                 "parameter %d%s%s or its gradient is not finite after %lld updates at rate %g: the rate may "
                 "be too large",
                 i, k->leaf->name ? ", " : "", k->leaf->name ? k->leaf->name : "", (long long)k->step, lr);
}

gd_status gd_stepper_step(gd_stepper *s, double lr) {
  gd_status st = GD_OK;
  const bool statistics = s->params && s->params->n > s->params->n_trained;
  if (statistics && s->samples < 1)
    return GD_FAIL(GD_ERR_USAGE, "the module has statistics: call gd_stepper_samples() before each step");
  for (int i = 0; i < s->n; i++) {
    slot *k = &s->slot[i];
    gd_tensor *w = k->leaf;
    if (!w->has_grad) continue;
    gd_update u = {.lr = lr * k->rate, .step = k->step++, .grad_scale = 1, .local_rate = 1};
    if (k->momentum > 0) u.lr = k->momentum, u.grad_scale = 1 / (double)s->samples;
    if (k->optim.kind == GD_LARS) u.local_rate = gd_lars_rate(&k->optim, norm(w), norm(w->grad));
    job j = {.optim = &k->optim, .slot = k, .update = &u};
    gdi_parallel(w->device, gd_numel(w), GDI_GRAIN, update_range, &j);
    if (j.diverged && st == GD_OK) st = diverged(k, i, lr);
  }
  s->samples = 0;
  return st;
}

void gd_stepper_zero_grad(gd_stepper *s) {
  for (int i = 0; i < s->n; i++) gd_zero_grad(s->slot[i].leaf);
}
