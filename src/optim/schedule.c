/* Learning rates as pure functions of the step. Periods are counted in steps, not found by logarithms. */
#include <math.h>

#include "base/words.h"
#include "gd/optim.h"

static const char *const names[] = {[GD_CONSTANT] = "constant",
                                    [GD_STEP] = "step",
                                    [GD_EXPONENTIAL] = "exponential",
                                    [GD_COSINE] = "cosine",
                                    [GD_ONE_CYCLE] = "one_cycle",
                                    [GD_SGDR] = "sgdr",
                                    [GD_MULTISTEP] = "multistep",
                                    [GD_REDUCE_ON_PLATEAU] = "reduce_on_plateau",
                                    NULL};

gd_status gd_schedule_parse(gd_schedule_kind *out, const char *name) {
  int i;
  GD_TRY(gdi_word_index(&i, "schedule", name, names));
  *out = (gd_schedule_kind)i;
  return GD_OK;
}

gd_schedule gd_schedule_defaults(gd_schedule_kind kind, double lr) {
  return (gd_schedule){.kind = kind,
                       .lr = lr,
                       .t0 = 10,
                       .t_mult = 2,
                       .every = 30,
                       .gamma = kind == GD_EXPONENTIAL ? 0.95 : 0.1,
                       .pct_start = 0.3,
                       .div_factor = 25,
                       .final_div_factor = 1e4,
                       .base_momentum = 0.85,
                       .max_momentum = 0.95,
                       .factor = 0.1,
                       .threshold = 1e-4,
                       .patience = 10};
}

/* One setting that must lie in lo <= value <= hi, or above lo when `open`. */
static gd_status in_range(const gd_schedule *s, const char *setting, double value, double lo, bool open,
                          double hi) {
  if ((open ? value > lo : value >= lo) && value <= hi) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "schedule %s: %s = %g must be %s %g and at most %g", names[s->kind], setting,
                 value, open ? "above" : "at least", lo, hi);
}

static gd_status check_milestones(const gd_schedule *s, double longest) {
  if (s->milestones < 1 || s->milestones > GD_MAX_MILESTONES)
    return GD_FAIL(GD_ERR_USAGE,
                   "schedule multistep: %d milestones; there must be 1 to %d, as in [30, 60 epochs]",
                   s->milestones, GD_MAX_MILESTONES);
  for (int i = 0; i < s->milestones; i++) {
    GD_TRY(in_range(s, "milestone", s->milestone[i], 0, true, longest));
    if (i > 0 && !(s->milestone[i] > s->milestone[i - 1]))
      return GD_FAIL(
          GD_ERR_USAGE,
          "schedule multistep: milestone %d comes after %g epochs, not after the one before it (%g)", i + 1,
          s->milestone[i], s->milestone[i - 1]);
  }
  return GD_OK;
}

static gd_status check_plateau(const gd_schedule *s) {
  GD_TRY(in_range(s, "factor", s->factor, 0, true, 1 - 1e-9));
  GD_TRY(in_range(s, "threshold", s->threshold, 0, false, 1 - 1e-9));
  GD_TRY(in_range(s, "min_lr", s->min_lr, 0, false, s->lr));
  GD_TRY(in_range(s, "patience", (double)s->patience, 0, false, 1e15));
  return in_range(s, "cooldown", (double)s->cooldown, 0, false, 1e15);
}

static gd_status check_cycle(const gd_schedule *s) {
  GD_TRY(in_range(s, "pct_start", s->pct_start, 0, false, 1));
  GD_TRY(in_range(s, "div_factor", s->div_factor, 0, true, 1e30));
  GD_TRY(in_range(s, "final_div_factor", s->final_div_factor, 0, true, 1e30));
  if (!s->cycle_momentum) return GD_OK;
  GD_TRY(in_range(s, "base_momentum", s->base_momentum, 0, false, 1));
  return in_range(s, "max_momentum", s->max_momentum, s->base_momentum, false, 1 - 1e-9);
}

gd_status gd_schedule_check(const gd_schedule *s) {
  const double longest = 1e9; /* epochs */
  GD_TRY(in_range(s, "lr", s->lr, 0, false, 1e30));
  GD_TRY(in_range(s, "warmup", s->warmup, 0, false, longest));
  if (s->kind == GD_SGDR || s->kind == GD_COSINE) GD_TRY(in_range(s, "eta_min", s->eta_min, 0, false, s->lr));
  if (s->kind == GD_SGDR) {
    GD_TRY(in_range(s, "t0", s->t0, 0, true, longest));
    GD_TRY(in_range(s, "t_mult", s->t_mult, 1, false, 1e6));
  }
  if (s->kind == GD_STEP) GD_TRY(in_range(s, "every", s->every, 0, true, longest));
  if (s->kind == GD_MULTISTEP) GD_TRY(check_milestones(s, longest));
  if (s->kind == GD_REDUCE_ON_PLATEAU) GD_TRY(check_plateau(s));
  if (s->cycle_momentum && s->kind != GD_ONE_CYCLE)
    return GD_FAIL(GD_ERR_USAGE, "cycle_momentum belongs to schedule one_cycle, not to %s", names[s->kind]);
  if (s->kind == GD_STEP || s->kind == GD_EXPONENTIAL || s->kind == GD_MULTISTEP)
    GD_TRY(in_range(s, "gamma", s->gamma, 0, true, 1e6));
  if (s->kind == GD_COSINE || s->kind == GD_ONE_CYCLE)
    GD_TRY(in_range(s, "total", s->total, 0, true, longest));
  return s->kind == GD_ONE_CYCLE ? check_cycle(s) : GD_OK;
}

/* Half a cosine wave from `from` at x = 0 to `to` at x = 1, both exactly. (1 + cos(pi x)) / 2 = cos(pi x /
 * 2)^2, which does not cancel. */
static double anneal(double from, double to, double x) {
  if (!(x > 0)) return from;
  if (x >= 1) return to;
  const double c = cos(1.57079632679489661923 * x);
  return to + (from - to) * c * c;
}

/* A length of time in whole steps, at least one. */
static int64_t in_steps(double epochs, int64_t steps_per_epoch) {
  double steps = fmin(round(epochs * (double)steps_per_epoch), 0x1p62);
  return steps < 1 ? 1 : (int64_t)steps;
}

/* Steps since the last restart; *period is how many there will be. */
static int64_t in_period(const gd_schedule *s, int64_t k, int64_t steps_per_epoch, int64_t *period) {
  *period = in_steps(s->t0, steps_per_epoch);
  if (s->t_mult == 1) k %= *period;
  while (k >= *period) {
    k -= *period;
    *period = *period > INT64_MAX / s->t_mult ? INT64_MAX : *period * s->t_mult;
  }
  return k;
}

static double sgdr(const gd_schedule *s, int64_t k, int64_t steps_per_epoch) {
  int64_t period;
  k = in_period(s, k, steps_per_epoch, &period);
  return anneal(s->lr, s->eta_min, (double)k / (double)period);
}

double gd_sgdr_lr(const gd_schedule *s, double epoch) {
  double period = s->t0;
  if (s->t_mult == 1) epoch = fmod(epoch, period);
  while (epoch >= period) {
    epoch -= period;
    period *= s->t_mult;
  }
  return anneal(s->lr, s->eta_min, epoch / period);
}

/* From first to top over pct_start of the steps, then to last at the final step: torch's indices. */
static double cycle(const gd_schedule *s, double k, double steps, double first, double middle, double last) {
  const double top = s->pct_start * steps - 1;
  if (top > 0 && k <= top) return anneal(first, middle, k / top);
  return anneal(middle, last, (k - top) / (steps - 1 - top));
}

static double one_cycle(const gd_schedule *s, double k, double steps) {
  const double first = s->lr / s->div_factor;
  return cycle(s, k, steps, first, s->lr, first / s->final_div_factor);
}

/* Milestones are times of the run, whatever comes before. */
static double multistep(const gd_schedule *s, int64_t step, int64_t steps_per_epoch) {
  int passed = 0;
  while (passed < s->milestones && step >= in_steps(s->milestone[passed], steps_per_epoch)) passed++;
  return s->lr * pow(s->gamma, passed);
}

static int64_t warmup_of(const gd_schedule *s, int64_t steps_per_epoch) {
  return s->warmup > 0 ? in_steps(s->warmup, steps_per_epoch) : 0;
}

static double after_warmup(const gd_schedule *s, int64_t k, int64_t steps_per_epoch) {
  switch (s->kind) {
  case GD_CONSTANT: return s->lr;
  case GD_STEP: return s->lr * pow(s->gamma, (double)(k / in_steps(s->every, steps_per_epoch)));
  case GD_EXPONENTIAL: return s->lr * pow(s->gamma, (double)k / (double)steps_per_epoch);
  case GD_COSINE: return anneal(s->lr, s->eta_min, (double)k / (double)in_steps(s->total, steps_per_epoch));
  case GD_ONE_CYCLE: return one_cycle(s, (double)k, (double)in_steps(s->total, steps_per_epoch));
  case GD_SGDR: return sgdr(s, k, steps_per_epoch);
  case GD_MULTISTEP: return multistep(s, k + warmup_of(s, steps_per_epoch), steps_per_epoch);
  case GD_REDUCE_ON_PLATEAU: return s->lr;
  }
  return s->lr;
}

double gd_schedule_lr(const gd_schedule *s, int64_t step, int64_t steps_per_epoch) {
  const int64_t warmup = warmup_of(s, steps_per_epoch);
  if (step >= warmup) return after_warmup(s, step - warmup, steps_per_epoch);
  return after_warmup(s, 0, steps_per_epoch) * ((double)(step + 1) / (double)warmup);
}

double gd_schedule_momentum(const gd_schedule *s, int64_t step, int64_t steps_per_epoch) {
  const int64_t warmup = warmup_of(s, steps_per_epoch), k = step > warmup ? step - warmup : 0;
  return cycle(s, (double)k, (double)in_steps(s->total, steps_per_epoch), s->max_momentum, s->base_momentum,
               s->max_momentum);
}

bool gd_schedule_restarts(const gd_schedule *s, int64_t step, int64_t steps_per_epoch) {
  const int64_t k = step - warmup_of(s, steps_per_epoch);
  int64_t period;
  return s->kind == GD_SGDR && k > 0 && in_period(s, k, steps_per_epoch, &period) == 0;
}
