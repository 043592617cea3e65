/**
 * @file loss.h  Losses: what training minimises, each one record.
 *
 * A record says what its targets are, which settings it takes, how it is computed and what a prediction is.
 * gdtrain works from the records alone; a program's own loss is one more of them (gd_loss_register()).
 */
#ifndef GD_LOSS_H
#define GD_LOSS_H

#include "gd/batch.h"
#include "gd/module.h"
#include "gd/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Loss of a micro-batch as (sum, weight): training divides the summed losses of a step by their summed weights
 * once, in the update, so that short batches and uneven shares are right.
 *
 * Owner: both scalars are the tape's; weight is f64 and not differentiable. NULL weight: the rows of the batch, or the
 *        sum of their weights
 */
typedef struct gd_loss {
  gd_tensor *sum, *weight;
} gd_loss;

/** What a loss compares outputs with; a set of bits. */
typedef enum gd_target {
  GD_LABELS = 1,  /**< one class a sample, i64; GD_IGNORED ones do not count */
  GD_NUMBERS = 2, /**< real targets, as many as the model has outputs */
} gd_target;

#define GD_IGNORED (-100) /**< a label that does not count, as PyTorch's */

/** Settings of losses. A loss that does not take one refuses it unless it is as here: {0} is none of them. */
typedef struct gd_loss_settings {
  double label_smoothing;     /**< part of a label's weight that all classes share */
  int64_t classes;            /**< length of class_weight; 0: all classes weigh 1 */
  const double *class_weight; /**< [C] */
  int64_t positives;          /**< length of pos_weight; 0: positives weigh 1 */
  const double *pos_weight;   /**< [1] or [O] */
  double huber_delta;         /**< 0: 1 */
  const char
      *text; /**< "focal:gamma=2", or its YAML: its own arguments stand behind its name; NULL: none do */
} gd_loss_settings;

typedef enum gd_loss_setting {
  GD_SETTING_LABEL_SMOOTHING = 1,
  GD_SETTING_CLASS_WEIGHTS = 2,
  GD_SETTING_POS_WEIGHT = 4,
  GD_SETTING_HUBER_DELTA = 8,
  GD_SETTING_SAMPLE_WEIGHTS = 16, /**< forward() multiplies by gd_batch.w, where the data have it */
} gd_loss_setting;

typedef struct gd_criterion gd_criterion;

/** A kind of loss. One of a program's own is a static record that stays. */
typedef struct gd_loss_class {
  const char *name;  /**< "cross_entropy", as in `loss:` */
  const char *about; /**< one line for --help-losses */
  unsigned target;   /**< gd_target bits */
  unsigned settings; /**< gd_loss_setting bits: those that it takes */
  /** *(optional)* of its own, as those of a layer: --loss focal:gamma=2, `loss: {focal: {gamma: 2}}`. The names of settings
   *  are taken. */
  const gd_arg *args;
  /**
   * The loss of a micro-batch. `output` has the n outputs of the model (one, for most).
   * Errors: those of its operations; gd_tape_fail() for its own
   */
  gd_loss (*forward)(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n, const gd_batch *b);
  /** *(optional)* What `gdtrain predict` writes of an output; without it the output itself. */
  gd_tensor *(*predict)(const gd_criterion *c, gd_tape *t, gd_tensor *output);
  bool classes;     /**< a prediction is probabilities of classes, and names the likeliest */
  bool binary;      /**< a prediction is, for every output, the probability that the answer is 1 */
  bool any_outputs; /**< the model's outputs need not be as many as the targets: forward() checks them */
  const char
      *metrics; /**< names of the metrics that fit, blank-separated; NULL: the usual ones of its targets */
} gd_loss_class;

/** A loss with its settings, on a device: what a job trains with. Read the fields freely. */
struct gd_criterion {
  const gd_loss_class *cls;
  gd_device *device;
  gd_dtype dtype;
  gd_arena *arena;
  double label_smoothing, huber_delta;
  gd_tensor *class_weight; /**< [C] of dtype, or NULL */
  gd_tensor *pos_weight;   /**< [1] or [O] of dtype, or NULL */
  const gd_build *args;    /**< values of cls->args: gd_arg_f64(c->args, "gamma") */
};

/* ---- the built-in ones ---- */

/**
 * Where the data have weights of samples, each sample's loss, and what it adds to the weight, is multiplied by its own.
 *
 * Math:   mse    sum (p - y)^2
 *         l1     sum |p - y|
 *         huber  sum of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = p - y
 *         bce_with_logits  sum (1 - y) p + (1 + (w - 1) y) log(1 + e^-p), w = pos_weight
 *         cross_entropy of labels:  sum over rows that count of  (1 - e) w[y] l[y] + e / C sum_c w[c] l[c],
 *                with l[c] = logsumexp(p) - p[c], e = label_smoothing, w = class_weights
 *         cross_entropy of probabilities q:  sum over rows and classes of  w[c] ((1 - e) q[c] + e / C) l[c]
 *         weight: number of elements; cross_entropy: sum of w[y] over rows that count, or number of rows
 * Shapes: prediction [B,...], target of the same shape, [B] and [B,1] being equal;
 *         cross_entropy: logits [...,C], labels i64 [...], or probabilities [...,C]
 */
extern GD_API const gd_loss_class gd_mse, gd_l1, gd_huber, gd_cross_entropy, gd_bce_with_logits;

/** The i-th loss, built-in or registered; NULL past the last. */
GD_API const gd_loss_class *gd_loss_at(int i);
/** The loss of that name, with arguments or without: focal:gamma=2. Errors: GD_ERR_USAGE with the nearest name */
GD_API gd_status gd_loss_find(const gd_loss_class **out, const char *name) GD_CHECKED;
/**
 * Make a loss of one's own known under its name, before anything is trained. The record stays the caller's and
 * must stay.
 * Errors: GD_ERR_USAGE: its name is taken or no word, it has no forward, or there are too many
 */
GD_API gd_status gd_loss_register(const gd_loss_class *cls) GD_CHECKED;
/** Print the losses, or the one of that name, with their settings and the metrics that fit. Errors: GD_ERR_USAGE */
GD_API gd_status gd_losses_manual(FILE *f, const char *name) GD_CHECKED;

/**
 * A loss with its settings; `outputs` of the model, as far as settings are checked against them (0: not).
 * Owner:  caller; gd_criterion_free()
 * Errors: GD_ERR_USAGE: a setting that it does not take, or of another length than the outputs
 */
GD_API gd_status gd_criterion_new(gd_criterion **out, const gd_loss_class *cls, const gd_loss_settings *s,
                                  gd_device *d, gd_dtype dtype, int64_t outputs) GD_CHECKED;
GD_API void gd_criterion_free(gd_criterion *c); /**< NULL is fine */
/** The loss of a micro-batch, its weight filled in. Errors: the tape's */
GD_API gd_loss gd_criterion_forward(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                                    const gd_batch *b);

/**
 * From the loss of each element to that of the micro-batch, for losses of one's own too. It needs
 * GD_SETTING_SAMPLE_WEIGHTS only where the data have weights.
 *
 * Math:   sum = sum_i w_i sum_j l_ij;  weight = n sum_i w_i, of n elements a sample; without weights w_i = 1
 * Shapes: each [M,...]
 */
GD_API gd_loss gd_loss_of_elements(gd_tape *t, const gd_batch *b, gd_tensor *each);

/** A loss without settings or arguments, of one output and its targets. */
GD_API gd_loss gd_loss_of(gd_tape *t, const gd_loss_class *cls, gd_tensor *prediction, gd_tensor *target);

/* ---- the same losses as one differentiable scalar ---- */

typedef enum gd_reduction { GD_REDUCE_MEAN, GD_REDUCE_SUM } gd_reduction;

GD_API gd_tensor *gd_mse_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r);
GD_API gd_tensor *gd_l1_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r);
GD_API gd_tensor *gd_huber_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, double delta,
                                gd_reduction r);
GD_API gd_tensor *gd_cross_entropy_loss(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_reduction r);
GD_API gd_tensor *gd_bce_with_logits_loss(gd_tape *t, gd_tensor *logits, gd_tensor *target, gd_reduction r);

#ifdef __cplusplus
}
#endif
#endif
