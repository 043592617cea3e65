/** @file optim.h  Update rules as kernels over slices of flat parameters, and learning-rate schedules. */
#ifndef GD_OPTIM_H
#define GD_OPTIM_H

#include "gd/params.h"
#include "gd/partition.h"
#include "gd/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimizers ---- */

typedef enum gd_optimizer { GD_SGD, GD_ADAM, GD_ADAMW, GD_RMSPROP, GD_LARS } gd_optimizer;

/** Settings with PyTorch's meanings and defaults: start from gd_optim_defaults(). */
typedef struct gd_optim {
  gd_optimizer kind;
  double momentum, dampening;
  bool nesterov;
  double weight_decay;
  double beta1, beta2, eps; /**< adam, adamw; eps also rmsprop */
  bool amsgrad;             /**< adam, adamw: divide by the largest second moment so far */
  double alpha;             /**< rmsprop smoothing */
  bool centered;            /**< rmsprop */
  double trust;             /**< lars coefficient */
  /* An average of the parameters, kept as one more state; one of the two, or neither. */
  double ema;                   /**< decay d: s = d s + (1 - d) w after each update; 0: none */
  int64_t swa_start, swa_every; /**< plain mean of w after updates start, start + every ...; every 0: none */
} gd_optim;

GD_API gd_optim gd_optim_defaults(gd_optimizer kind);
GD_API gd_status gd_optim_parse(gd_optimizer *out, const char *name) GD_CHECKED; /**< "sgd" ... */
/** Errors: GD_ERR_USAGE: momentum < 0, nesterov without momentum or with dampening, beta outside [0,1) ... */
GD_API gd_status gd_optim_check(const gd_optim *o) GD_CHECKED;

#define GD_OPTIM_MAX_STATES 4
/** Number of state arrays, each as long as the parameters; 0 for plain SGD. */
GD_API int gd_optim_states(const gd_optim *o);
/** PyTorch's name of state i: "momentum_buffer", "exp_avg", "exp_avg_sq" ...; the average, "ema" or "swa", is the last */
GD_API const char *gd_optim_state_name(const gd_optim *o, int i);

/** What one update needs besides the arrays. */
typedef struct gd_update {
  double lr;
  int64_t step;      /**< updates done before this one; 0 at the first */
  double grad_scale; /**< gradients are multiplied by this first: 1 / weight, times the clipping factor */
  double clip_value; /**< then clamped to +- this; 0: not */
  double local_rate; /**< lars: the trust ratio of this range; 1 otherwise */
  bool cycles;       /**< the schedule moves the momentum (adam: beta1): it is `momentum` in this step */
  double momentum;
} gd_update;

/**
 * Update n elements. A pure, element-wise function: slices, threads and ranks do not change the bits. Returns
 * true when every gradient and every new w is finite.
 *
 * Math:   g = clamp(grad_scale grad, +-clip_value); weight decay as in PyTorch for each kind; then
 *         sgd   v = m v + (1 - dampening) g  (v = g at step 0);  w -= lr (nesterov ? g + m v : v)
 *         lars  v = m v + lr local_rate (g + wd w);  w -= v
 *         adam, adamw, rmsprop: as in torch.optim; amsgrad: Reddi, Kale, Kumar 2018
 *         average  s += c (w - s), with the new w and c = gd_optim_average()
 * Shapes: w, grad, state[i] [n], all of `dtype` (f32 or f64)
 */
GD_API bool gd_optim_update(const gd_optim *o, const gd_update *u, gd_dtype dtype, int64_t n, void *w,
                            const void *grad, void *const state[]);

/**
 * How far update number `step` (0 is the first) moves the average towards the new parameters.
 *
 * Math:   ema  1 at step 0, then 1 - d
 *         swa  after update t = step + 1:  1 before start, so that the average is the parameters themselves;
 *              then 1 / (n + 1) when it is the sample after n others, else 0
 * Source: torch.optim.swa_utils; Izmailov et al., "Averaging weights leads to wider optima and better
 *         generalization", 2018
 */
GD_API double gd_optim_average(const gd_optim *o, int64_t step);
/** Which of the states is the average; -1: none. */
GD_API int gd_optim_average_state(const gd_optim *o);

/** The LARS trust ratio (You, Gitman, Ginsburg 2017): trust |w| / (|g| + wd |w|), 1 when a norm is zero. */
GD_API double gd_lars_rate(const gd_optim *o, double norm_w, double norm_g);

/** A plain optimizer over leaf tensors, for programs without ranks. State lives in its own arena. */
typedef struct gd_stepper gd_stepper;
GD_API gd_status gd_stepper_new(gd_stepper **out, const gd_optim *o, gd_tensor *const leaves[],
                                int n) GD_CHECKED;
/**
 * The same over a module: its parameters but for frozen ones, with their groups, and its statistics.
 * Owner:  the module must outlive it; frozen parameters require gradients again after gd_stepper_free()
 * Errors: also those of gd_params_new_with()
 */
GD_API gd_status gd_stepper_new_module(gd_stepper **out, const gd_optim *o, gd_module *m,
                                       const gd_params_options *how) GD_CHECKED;
/** How many samples the gradients of the next step come from: statistics need it, parameters do not. */
GD_API void gd_stepper_samples(gd_stepper *s, int64_t samples);
GD_API void gd_stepper_free(gd_stepper *s);
/**
 * Apply the leaves' gradients (those without one are left alone) at rate lr.
 * Errors: GD_ERR_NONFINITE naming the first parameter that has diverged; the update was made all the same;
 *         GD_ERR_USAGE when there are statistics and gd_stepper_samples() was not called since the last step
 */
GD_API gd_status gd_stepper_step(gd_stepper *s, double lr) GD_CHECKED;
GD_API void gd_stepper_zero_grad(gd_stepper *s);

/* ---- schedules ---- */

typedef enum gd_schedule_kind {
  GD_CONSTANT,
  GD_STEP,
  GD_EXPONENTIAL,
  GD_COSINE,
  GD_ONE_CYCLE,
  GD_SGDR,
  GD_MULTISTEP,
  GD_REDUCE_ON_PLATEAU
} gd_schedule_kind;

/**
 * A learning rate as a pure function of the global step: nothing to save, nothing to restore. Only
 * reduce_on_plateau has a state, gd_plateau, which holds the rate that `lr` is set to.
 * Units: epochs, as real numbers. Periods (t0, every, total, warmup) are rounded to whole steps, at least
 * one; a longer SGDR period is t_mult times the rounded one.
 */
#define GD_MAX_MILESTONES 32
typedef struct gd_schedule {
  gd_schedule_kind kind;
  double lr;      /**< the highest rate */
  double eta_min; /**< sgdr, cosine: the lowest */
  double t0;      /**< sgdr: first period, > 0 */
  int t_mult;     /**< sgdr: each period is this many times the one before, >= 1 */
  double every;   /**< step: period */
  double gamma; /**< step, multistep: factor; exponential: factor per epoch, applied a little at every step */
  int milestones; /**< multistep */
  double
      milestone[GD_MAX_MILESTONES]; /**< when the rate is multiplied by gamma, ascending; warm-up included */
  double total;                     /**< cosine, one_cycle: length, warm-up excluded */
  double pct_start, div_factor, final_div_factor; /**< one_cycle, as torch (cosine annealing) */
  bool
      cycle_momentum; /**< one_cycle: momentum (adam: beta1) from max to base while the rate rises, then back */
  double base_momentum, max_momentum;
  double factor, threshold, min_lr; /**< reduce_on_plateau, as torch with mode min, threshold_mode rel */
  int64_t patience, cooldown;
  double warmup; /**< linear ramp in front of any kind, 0: none; its last step runs at exactly the first
                    rate of the schedule proper (lr; one_cycle: lr / div_factor), which starts after it */
} gd_schedule;

GD_API gd_schedule gd_schedule_defaults(gd_schedule_kind kind, double lr);
GD_API gd_status gd_schedule_parse(gd_schedule_kind *out, const char *name) GD_CHECKED; /**< "sgdr" ... */
GD_API gd_status gd_schedule_check(const gd_schedule *s) GD_CHECKED;
/**
 * Rate of update number `step` (0 is the first), with `steps_per_epoch` >= 1.
 *
 * Math:   sgdr: eta_min + (lr - eta_min)(1 + cos(pi T_cur / T_i)) / 2;  T_(i+1) = t_mult T_i;  T_cur in
 *         fractional epochs. The period is found by integer counting: its first step runs at exactly lr.
 * Source: Loshchilov and Hutter, "SGDR", ICLR 2017; warm-up: Goyal et al. 2017
 */
GD_API double gd_schedule_lr(const gd_schedule *s, int64_t step, int64_t steps_per_epoch);
/** Momentum of that update, with cycle_momentum; in a warm-up that of the first step after it. */
GD_API double gd_schedule_momentum(const gd_schedule *s, int64_t step, int64_t steps_per_epoch);
/** Does a period of sgdr end with the update before number `step` > 0? */
GD_API bool gd_schedule_restarts(const gd_schedule *s, int64_t step, int64_t steps_per_epoch);
/** SGDR at a time in epochs, for plotting. */
GD_API double gd_sgdr_lr(const gd_schedule *s, double epoch);

/** The state of reduce_on_plateau; it must be the same on all ranks, and saved. */
typedef struct gd_plateau {
  double lr;       /**< the rate now */
  double best;     /**< loss; infinite before the first */
  int64_t bad;     /**< validations since, without an improvement */
  int64_t cooling; /**< validations that are not counted yet */
} gd_plateau;
GD_API gd_plateau gd_plateau_new(const gd_schedule *s);
/**
 * A validation found this loss; NaN is no improvement. Returns whether p->lr is now another.
 *
 * Math:   better: loss < best (1 - threshold); after more than `patience` that are not: lr = max(lr factor, min_lr)
 * Source: torch.optim.lr_scheduler.ReduceLROnPlateau
 */
GD_API bool gd_plateau_step(gd_plateau *p, const gd_schedule *s, double loss);

#ifdef __cplusplus
}
#endif
#endif
