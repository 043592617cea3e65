/* What an optimizer is: its names, defaults, limits and state. */
#include <math.h>

#include "base/words.h"
#include "device/norms.h"
#include "gd/optim.h"

static const char *const names[] = {[GD_SGD] = "sgd",         [GD_ADAM] = "adam", [GD_ADAMW] = "adamw",
                                    [GD_RMSPROP] = "rmsprop", [GD_LARS] = "lars", NULL};

gd_status gd_optim_parse(gd_optimizer *out, const char *name) {
  int i;
  GD_TRY(gdi_word_index(&i, "optimizer", name, names));
  *out = (gd_optimizer)i;
  return GD_OK;
}

gd_optim gd_optim_defaults(gd_optimizer kind) {
  return (gd_optim){.kind = kind,
                    .momentum = kind == GD_LARS ? 0.9 : 0,
                    .weight_decay = kind == GD_ADAMW ? 0.01 : 0,
                    .beta1 = 0.9,
                    .beta2 = 0.999,
                    .eps = 1e-8,
                    .alpha = 0.99,
                    .trust = 0.001};
}

static bool is_adam(const gd_optim *o) {
  return o->kind == GD_ADAM || o->kind == GD_ADAMW;
}

gd_status gd_optim_check(const gd_optim *o) {
  const char *name = names[o->kind];
  const struct {
    const char *setting;
    double value, lo, below;
  } range[] = {{"momentum", o->momentum, 0, INFINITY},
               {"dampening", o->dampening, -INFINITY, INFINITY},
               {"weight_decay", o->weight_decay, 0, INFINITY},
               {"beta1", o->beta1, 0, 1},
               {"beta2", o->beta2, 0, 1},
               {"eps", o->eps, 0, INFINITY},
               {"alpha", o->alpha, 0, INFINITY},
               {"trust", o->trust, 0, INFINITY}};
  for (size_t i = 0; i < sizeof range / sizeof *range; i++)
    if (!(range[i].lo <= range[i].value && range[i].value < range[i].below))
      return GD_FAIL(GD_ERR_USAGE, "%s: %s = %g is not in [%g, %g)", name, range[i].setting, range[i].value,
                     range[i].lo, range[i].below);
  if (is_adam(o) && o->momentum != 0)
    return GD_FAIL(GD_ERR_USAGE, "%s has no momentum setting: its moments are beta1 and beta2", name);
  if ((o->nesterov || o->dampening != 0) && o->kind != GD_SGD)
    return GD_FAIL(GD_ERR_USAGE, "nesterov and dampening are settings of sgd, not of %s", name);
  if (o->nesterov && (o->momentum == 0 || o->dampening != 0))
    return GD_FAIL(GD_ERR_USAGE, "nesterov needs a momentum above 0 and no dampening");
  if (o->amsgrad && !is_adam(o))
    return GD_FAIL(GD_ERR_USAGE, "amsgrad is a setting of adam and adamw, not of %s", name);
  if (!(o->ema >= 0 && o->ema < 1))
    return GD_FAIL(GD_ERR_USAGE, "ema: the decay %g is not in [0, 1)", o->ema);
  if (o->swa_every < 0 || o->swa_start < 0) return GD_FAIL(GD_ERR_USAGE, "swa: a negative number of steps");
  if (o->ema > 0 && o->swa_every > 0)
    return GD_FAIL(GD_ERR_USAGE, "ema and swa are two averages of the parameters: choose one");
  if (o->centered && o->kind != GD_RMSPROP)
    return GD_FAIL(GD_ERR_USAGE, "centered is a setting of rmsprop, not of %s", name);
  return GD_OK;
}

/* PyTorch's names in PyTorch's order; how many apply is the return value. */
static int state_names(const gd_optim *o, const char *name[GD_OPTIM_MAX_STATES]) {
  int n = 0;
  if (is_adam(o)) name[n++] = "exp_avg", name[n++] = "exp_avg_sq";
  if (is_adam(o) && o->amsgrad) name[n++] = "max_exp_avg_sq";
  if (o->kind == GD_RMSPROP) name[n++] = "square_avg";
  if (o->kind == GD_LARS || (!is_adam(o) && o->momentum != 0)) name[n++] = "momentum_buffer";
  if (o->kind == GD_RMSPROP && o->centered) name[n++] = "grad_avg";
  if (o->ema > 0 || o->swa_every > 0) name[n++] = o->ema > 0 ? "ema" : "swa";
  return n;
}

int gd_optim_states(const gd_optim *o) {
  const char *name[GD_OPTIM_MAX_STATES];
  return state_names(o, name);
}

const char *gd_optim_state_name(const gd_optim *o, int i) {
  const char *name[GD_OPTIM_MAX_STATES];
  return i >= 0 && i < state_names(o, name) ? name[i] : NULL;
}

int gd_optim_average_state(const gd_optim *o) {
  return o->ema > 0 || o->swa_every > 0 ? gd_optim_states(o) - 1 : -1;
}

double gd_optim_average(const gd_optim *o, int64_t step) {
  if (o->ema > 0) return step == 0 ? 1 : 1 - o->ema;
  const int64_t since = step + 1 - o->swa_start;
  if (since < 0) return 1;
  return o->swa_every > 0 && since % o->swa_every == 0 ? 1 / (double)(since / o->swa_every + 1) : 0;
}

double gd_lars_rate(const gd_optim *o, double norm_w, double norm_g) {
  return gdi_local_rate(o->trust, o->weight_decay, norm_w, norm_g);
}
