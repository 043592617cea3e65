/*
 * Cross entropy of logits with labels, or with a probability for every class. Without label smoothing labels go
 * to one fused operation; the rest is composed.
 */
#include "nn/losses.h"

/* [...,C] as [rows,C]: classes come last. */
static gd_tensor *as_rows(gd_tape *t, gd_tensor *x) {
  if (!x || x->ndim == 2) return x;
  if (x->ndim < 2)
    return gd_tape_fail(t, GD_FAIL(GD_ERR_SHAPE,
                                   "cross_entropy: logits are [...,classes], not of %d dimension%s", x->ndim,
                                   x->ndim == 1 ? "" : "s"));
  return gd_reshape(t, x, 2, (const int64_t[]){-1, x->shape[x->ndim - 1]});
}

gd_tensor *gd_cross_entropy_loss(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_reduction r) {
  gd_tensor *weight, *sum = gd_cross_entropy_sum(t, logits, labels, NULL, GD_IGNORED, &weight);
  if (!sum || r == GD_REDUCE_SUM) return sum;
  return gd_div(t, sum, gd_cast(t, weight, sum->dtype));
}

/* Of each row: the sum over classes of w[c] times their logarithm. */
static gd_tensor *log_sums(const gd_criterion *c, gd_tape *t, gd_tensor *logits) {
  gd_tensor *l = gd_log_softmax(t, logits, -1);
  if (c->class_weight) l = gd_mul(t, l, c->class_weight);
  return gd_sum(t, l, GD_DIMS(-1), false);
}

/* (1 - e) of the label's own, e of all classes alike; rows that are ignored have neither. */
static gd_loss of_labels(const gd_criterion *c, gd_tape *t, gd_tensor *logits, gd_tensor *labels) {
  gd_loss loss;
  const double e = c->label_smoothing;
  loss.sum = gd_cross_entropy_sum(t, logits, labels, c->class_weight, GD_IGNORED, &loss.weight);
  if (!loss.sum || e == 0) return loss;
  gd_tensor *ignored =
      gd_equal(t, gd_cast(t, labels, logits->dtype), gd_constant(t, logits->dtype, GD_IGNORED));
  gd_tensor *all = gd_where(t, ignored, gd_constant(t, logits->dtype, 0), log_sums(c, t, logits));
  loss.sum = gd_add(t, gd_mul_scalar(t, loss.sum, 1 - e),
                    gd_mul_scalar(t, gd_sum(t, all, GD_ALL, false), -e / (double)logits->shape[1]));
  return loss;
}

/* Targets are probabilities: no row is ignored, and each counts once, whatever its classes weigh. */
static gd_loss of_probabilities(const gd_criterion *c, gd_tape *t, gd_tensor *logits, gd_tensor *q) {
  const double e = c->label_smoothing;
  q = gdi_target_like(t, q, logits);
  if (!q) return (gd_loss){0};
  if (e > 0) q = gd_add_scalar(t, gd_mul_scalar(t, q, 1 - e), e / (double)logits->shape[1]);
  gd_tensor *l = gd_mul(t, gd_log_softmax(t, logits, -1), q);
  if (c->class_weight) l = gd_mul(t, l, c->class_weight);
  return (gd_loss){gd_neg(t, gd_sum(t, l, GD_ALL, false)), gd_constant(t, GD_F64, (double)logits->shape[0])};
}

static gd_loss forward(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                       const gd_batch *b) {
  (void)n;
  gd_tensor *logits = as_rows(t, output[0]), *y = b->y;
  if (!logits || !y) return (gd_loss){0};
  if (y->dtype != GD_I64) return of_probabilities(c, t, logits, as_rows(t, y));
  if (y->ndim > 1) y = gd_reshape(t, y, 1, (const int64_t[]){-1});
  return of_labels(c, t, logits, y);
}

static gd_tensor *predict(const gd_criterion *c, gd_tape *t, gd_tensor *output) {
  (void)c;
  return gd_softmax(t, output, -1);
}

const gd_loss_class gd_cross_entropy = {.name = "cross_entropy",
                                        .about = "softmax and cross entropy of logits, with labels or a "
                                                 "probability for every class",
                                        .target = GD_LABELS | GD_NUMBERS,
                                        .settings = GD_SETTING_LABEL_SMOOTHING | GD_SETTING_CLASS_WEIGHTS,
                                        .forward = forward,
                                        .predict = predict,
                                        .classes = true,
                                        .metrics = "accuracy top5 precision recall f1 auc confusion"};
