/* Cross entropy of logits with labels, or with a probability for every class. */
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

static gd_loss forward(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                       const gd_batch *b) {
  (void)n;
  gd_loss loss = {0};
  gd_tensor *logits = as_rows(t, output[0]), *y = b->y;
  if (!logits || !y) return loss;
  if (y->dtype != GD_I64)
    y = gdi_target_like(t, as_rows(t, y), logits);
  else if (y->ndim > 1)
    y = gd_reshape(t, y, 1, (const int64_t[]){-1});
  loss.sum = gd_soft_cross_entropy_sum(t, logits, y, c->class_weight, b->w, GD_IGNORED, c->label_smoothing,
                                       &loss.weight);
  return loss;
}

static gd_tensor *predict(const gd_criterion *c, gd_tape *t, gd_tensor *output) {
  (void)c;
  return gd_softmax(t, output, -1);
}

const gd_loss_class gd_cross_entropy = {.name = "cross_entropy",
                                        .about = "softmax and cross entropy of logits, with labels or a "
                                                 "probability for every class",
                                        .target = GD_LABELS | GD_NUMBERS,
                                        .settings = GD_SETTING_LABEL_SMOOTHING | GD_SETTING_CLASS_WEIGHTS |
                                                    GD_SETTING_SAMPLE_WEIGHTS,
                                        .forward = forward,
                                        .predict = predict,
                                        .classes = true};
