/* Losses as (sum, weight), and as the single scalars of the tutorials. */
#include <string.h>

#include "base/words.h"
#include "gd/nn.h"

enum { IGNORED_LABEL = -100 }; /* PyTorch's */

static const char *const names[] = {[GD_MSE] = "mse",
                                    [GD_L1] = "l1",
                                    [GD_HUBER] = "huber",
                                    [GD_CROSS_ENTROPY] = "cross_entropy",
                                    [GD_BCE_WITH_LOGITS] = "bce_with_logits",
                                    NULL};

gd_status gd_loss_parse(gd_loss_kind *out, const char *name) {
  int i;
  GD_TRY(gdi_word_index(&i, "loss", name, names));
  *out = (gd_loss_kind)i;
  return GD_OK;
}

const char *gd_loss_name(gd_loss_kind kind) {
  return names[kind];
}

static int without_trailing_ones(const gd_tensor *t) {
  int n = t->ndim;
  while (n > 0 && t->shape[n - 1] == 1) n--;
  return n;
}

/*
 * The target in the prediction's shape: [B] and [B,1] are alike. Anything else is refused, because
 * broadcasting [B,1] against [B] would train on B x B differences without a word.
 */
static gd_tensor *like(gd_tape *t, gd_tensor *target, const gd_tensor *prediction) {
  if (!target || !prediction) return NULL;
  const int n = without_trailing_ones(target);
  const size_t bytes = (size_t)n * sizeof *target->shape;
  if (n != without_trailing_ones(prediction) || memcmp(target->shape, prediction->shape, bytes) != 0) {
    char p[64], y[64];
    return gd_tape_fail(t, GD_FAIL(GD_ERR_SHAPE, "loss: the prediction is %s but the target is %s",
                                   gd_tensor_describe(prediction, p, sizeof p),
                                   gd_tensor_describe(target, y, sizeof y)));
  }
  if (target->ndim == prediction->ndim) return target;
  return gd_reshape(t, target, prediction->ndim, prediction->shape);
}

/* ---- the loss of each element, formed from the prediction p and a target y of its shape ---- */

static gd_tensor *squared(gd_tape *t, gd_tensor *p, gd_tensor *y) {
  return gd_square(t, gd_sub(t, p, y));
}

static gd_tensor *absolute(gd_tape *t, gd_tensor *p, gd_tensor *y) {
  return gd_abs(t, gd_sub(t, p, y));
}

/* d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2):  c (d - c / 2) with c = clamp(d) */
static gd_tensor *huber(gd_tape *t, gd_tensor *p, gd_tensor *y, double delta) {
  gd_tensor *d = gd_sub(t, p, y), *c = gd_clamp(t, d, -delta, delta);
  return gd_mul(t, c, gd_sub(t, d, gd_mul_scalar(t, c, 0.5)));
}

/* max(p, 0) - p y + log(1 + e^-|p|) = softplus(p) - p y */
static gd_tensor *bce(gd_tape *t, gd_tensor *p, gd_tensor *y) {
  return gd_sub(t, gd_softplus(t, p), gd_mul(t, p, y));
}

static gd_tensor *reduce(gd_tape *t, gd_tensor *x, gd_reduction r) {
  return r == GD_REDUCE_MEAN ? gd_mean(t, x, GD_ALL, false) : gd_sum(t, x, GD_ALL, false);
}

gd_tensor *gd_mse_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r) {
  return reduce(t, squared(t, prediction, like(t, target, prediction)), r);
}

gd_tensor *gd_l1_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r) {
  return reduce(t, absolute(t, prediction, like(t, target, prediction)), r);
}

gd_tensor *gd_huber_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, double delta, gd_reduction r) {
  return reduce(t, huber(t, prediction, like(t, target, prediction), delta), r);
}

gd_tensor *gd_bce_with_logits_loss(gd_tape *t, gd_tensor *logits, gd_tensor *target, gd_reduction r) {
  return reduce(t, bce(t, logits, like(t, target, logits)), r);
}

gd_tensor *gd_cross_entropy_loss(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_reduction r) {
  gd_tensor *weight, *sum = gd_cross_entropy_sum(t, logits, labels, NULL, IGNORED_LABEL, &weight);
  if (!sum || r == GD_REDUCE_SUM) return sum;
  return gd_div(t, sum, gd_cast(t, weight, sum->dtype));
}

static gd_tensor *elementwise_sum(gd_tape *t, gd_loss_kind kind, gd_tensor *p, gd_tensor *y) {
  switch (kind) {
  case GD_MSE: return gd_mse_loss(t, p, y, GD_REDUCE_SUM);
  case GD_L1: return gd_l1_loss(t, p, y, GD_REDUCE_SUM);
  case GD_HUBER: return gd_huber_loss(t, p, y, 1, GD_REDUCE_SUM);
  case GD_BCE_WITH_LOGITS: return gd_bce_with_logits_loss(t, p, y, GD_REDUCE_SUM);
  case GD_CROSS_ENTROPY: break;
  }
  return NULL;
}

gd_loss gd_loss_of(gd_tape *t, gd_loss_kind kind, gd_tensor *prediction, gd_tensor *target) {
  gd_loss loss = {0};
  if (kind == GD_CROSS_ENTROPY) {
    loss.sum = gd_cross_entropy_sum(t, prediction, target, NULL, IGNORED_LABEL, &loss.weight);
  } else {
    loss.sum = elementwise_sum(t, kind, prediction, target);
    if (loss.sum) loss.weight = gd_constant(t, GD_F64, (double)gd_numel(prediction));
  }
  return loss;
}
