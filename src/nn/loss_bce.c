/* Binary cross entropy of logits: every output is a question of its own, answered 1 or 0 (or in between). */
#include "nn/losses.h"

/* max(p, 0) - p y + log(1 + e^-|p|) = softplus(p) - p y */
static gd_tensor *bce(gd_tape *t, gd_tensor *p, gd_tensor *y) {
  return gd_sub(t, gd_softplus(t, p), gd_mul(t, p, y));
}

/* (1 - y) p + (1 + (w - 1) y) softplus(-p):  a positive weighs w */
static gd_tensor *weighted(gd_tape *t, gd_tensor *p, gd_tensor *y, gd_tensor *w) {
  gd_tensor *one = gd_constant(t, p ? p->dtype : GD_F32, 1);
  gd_tensor *factor = gd_add(t, gd_mul(t, gd_sub(t, w, one), y), one);
  return gd_add(t, gd_mul(t, gd_sub(t, one, y), p), gd_mul(t, factor, gd_softplus(t, gd_neg(t, p))));
}

gd_tensor *gd_bce_with_logits_loss(gd_tape *t, gd_tensor *logits, gd_tensor *target, gd_reduction r) {
  return gdi_loss_reduce(t, bce(t, logits, gdi_target_like(t, target, logits)), r);
}

static gd_loss forward(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                       const gd_batch *b) {
  (void)n;
  gd_tensor *p = output[0], *y = gdi_target_like(t, b->y, p);
  return gd_loss_of_elements(t, b, c->pos_weight ? weighted(t, p, y, c->pos_weight) : bce(t, p, y));
}

static gd_tensor *predict(const gd_criterion *c, gd_tape *t, gd_tensor *output) {
  (void)c;
  return gd_sigmoid(t, output);
}

const gd_loss_class gd_bce_with_logits = {.name = "bce_with_logits",
                                          .about = "binary cross entropy of logits; targets from 0 to 1",
                                          .target = GD_NUMBERS,
                                          .settings = GD_SETTING_POS_WEIGHT | GD_SETTING_SAMPLE_WEIGHTS,
                                          .forward = forward,
                                          .predict = predict,
                                          .binary = true,
                                          .metrics = "binary_accuracy auc"};
