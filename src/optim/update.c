/*
 * Which kernel runs: constants in f64, kernels in the type of the parameters. The kernels are
 * update_kernels.h, once for f32 and once for f64.
 */
#include <float.h>
#include <math.h>

#include "gd/optim.h"

/*
 * What the loops need, computed in f64 and rounded once, as PyTorch does. Settings that are off are neutral
 * numbers (a decay of 0, a limit of infinity), so that one loop serves with and without them: they are bound
 * by memory.
 */
typedef struct gdi_constants {
  double scale, limit; /* of gradients */
  double rate;         /* w -= rate * direction */
  double l2;           /* g += l2 w */
  double shrink;       /* w *= shrink */
  double keep[2];      /* what stays of the first and second state */
  double take[2];      /* what is added to them */
  double look_ahead;   /* nesterov: g + look_ahead v */
  double root, eps;    /* sqrt(state) / root + eps */
} gdi_constants;

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

static gdi_constants constants(const gd_optim *o, const gd_update *u) {
  gdi_constants c = {.scale = u->grad_scale,
                     .limit = u->clip_value > 0 ? u->clip_value : INFINITY,
                     .rate = u->lr,
                     .l2 = o->weight_decay,
                     .shrink = 1,
                     .keep = {o->momentum, o->alpha},
                     .take = {1, 1 - o->alpha},
                     .eps = o->eps,
                     .root = 1};
  switch (o->kind) {
  case GD_SGD: /* the first velocity is the gradient itself, undampened */
    c.look_ahead = o->momentum;
    c.take[0] = u->step == 0 ? 1 : 1 - o->dampening;
    break;
  case GD_ADAMW: c.l2 = 0, c.shrink = 1 - u->lr * o->weight_decay; /* fall through */
  case GD_ADAM:
    c.keep[0] = o->beta1, c.take[0] = 1 - o->beta1;
    c.keep[1] = o->beta2, c.take[1] = 1 - o->beta2;
    c.rate = u->lr / (1 - pow(o->beta1, (double)u->step + 1));
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
  const gdi_constants c = constants(o, u);
  return dtype == GD_F64 ? update_f64(o, &c, n, w, grad, state) : update_f32(o, &c, n, w, grad, state);
}
