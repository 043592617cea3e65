/*
 * Which kernel runs: constants in f64, kernels in the type of the parameters. The kernels are
 * update_kernels.h, once for f32 and once for f64, of the rules of device/update.def.
 */
#include "optim/update.h"

#include <float.h>
#include <math.h>

#define REAL      float
#define KERNEL(x) x##_f32
#define SQRT      sqrtf
#define ABS       fabsf
#define REAL_MAX  FLT_MAX
#include "optim/update_kernels.h"

#define REAL      double
#define KERNEL(x) x##_f64
#define SQRT      sqrt
#define ABS       fabs
#define REAL_MAX  DBL_MAX
#include "optim/update_kernels.h"

gdi_rule gdi_optim_rule(const gd_optim *o) {
  const bool m = o->momentum != 0;
  switch (o->kind) {
  case GD_SGD: return !m ? GDI_RULE_plain : o->nesterov ? GDI_RULE_nesterov : GDI_RULE_momentum;
  case GD_LARS: return GDI_RULE_momentum;
  case GD_ADAM:
  case GD_ADAMW: return o->amsgrad ? GDI_RULE_amsgrad : GDI_RULE_adam;
  case GD_RMSPROP:
    if (o->centered) return m ? GDI_RULE_rmsprop_centered_momentum : GDI_RULE_rmsprop_centered;
    return m ? GDI_RULE_rmsprop_momentum : GDI_RULE_rmsprop;
  }
  return GDI_RULES;
}

gdi_constants gdi_optim_constants(const gd_optim *o, const gd_update *u) {
  const double momentum = u->cycles ? u->momentum : o->momentum, beta1 = u->cycles ? u->momentum : o->beta1;
  gdi_constants c = {.scale = u->grad_scale,
                     .limit = u->clip_value > 0 ? u->clip_value : INFINITY,
                     .rate = u->lr,
                     .l2 = o->weight_decay,
                     .shrink = 1,
                     .keep = {momentum, o->alpha},
                     .take = {1, 1 - o->alpha},
                     .eps = o->eps,
                     .root = 1,
                     .average = gd_optim_average(o, u->step)};
  switch (o->kind) {
  case GD_SGD: /* the first velocity is the gradient itself, undampened */
    c.look_ahead = momentum;
    c.take[0] = u->step == 0 ? 1 : 1 - o->dampening;
    break;
  case GD_ADAMW: c.l2 = 0, c.shrink = 1 - u->lr * o->weight_decay; /* fall through */
  case GD_ADAM:
    c.keep[0] = beta1, c.take[0] = 1 - beta1;
    c.keep[1] = o->beta2, c.take[1] = 1 - o->beta2;
    c.rate = u->lr / (1 - pow(beta1, (double)u->step + 1));
    c.root = sqrt(1 - pow(o->beta2, (double)u->step + 1));
    break;
  case GD_RMSPROP: break;
  case GD_LARS: /* the rate is inside the velocity */
    c.take[0] = u->lr * u->local_rate;
    c.rate = 1;
    break;
  }
  return c;
}

bool gd_optim_update(const gd_optim *o, const gd_update *u, gd_dtype dtype, int64_t n, void *w,
                     const void *grad, void *const state[]) {
  const gdi_constants c = gdi_optim_constants(o, u);
  const gdi_rule rule = gdi_optim_rule(o);
  const bool finite =
      dtype == GD_F64 ? rules_f64[rule](&c, n, w, grad, state) : rules_f32[rule](&c, n, w, grad, state);
  if (gd_optim_average_state(o) >= 0)
    (dtype == GD_F64 ? average_f64 : average_f32)(&c, n, w, state[gdi_rule_states(rule)]);
  return finite;
}
