/* A rate that falls when the loss does not: the one schedule with a state. */
#include <math.h>

#include "gd/optim.h"

gd_plateau gd_plateau_new(const gd_schedule *s) {
  return (gd_plateau){.lr = s->lr, .best = INFINITY};
}

/* PyTorch leaves a rate alone that would fall by less. */
static const double least_fall = 1e-8;

bool gd_plateau_step(gd_plateau *p, const gd_schedule *s, double loss) {
  const bool better = loss < p->best * (1 - s->threshold);
  if (better) p->best = loss;
  p->bad = better ? 0 : p->bad + 1;
  if (p->cooling > 0) p->cooling--, p->bad = 0;
  if (p->bad <= s->patience) return false;
  p->bad = 0, p->cooling = s->cooldown;
  const double lr = fmax(p->lr * s->factor, s->min_lr);
  if (!(p->lr - lr > least_fall)) return false;
  p->lr = lr;
  return true;
}
