/* Cross entropy with probabilities for targets, or with smoothed labels, fused. */
#include "ops/soft_cross_entropy.h"

#include "gd/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *logits = n->in[0], *target = n->in[1], *weights = n->in[2];
  const bool labels = gdi_has_labels(n);
  GD_TRY(gdi_check_float(n, logits));
  if (!labels) GD_TRY(gdi_check_same_type(n, logits, target));
  bool fits = logits->ndim >= 1 && target->ndim == logits->ndim - labels;
  for (int i = 0; fits && i < target->ndim; i++) fits = target->shape[i] == logits->shape[i];
  if (!fits) return gdi_do_not_fit(n, logits, target);
  if (weights) {
    GD_TRY(gdi_check_same_type(n, logits, weights));
    if (weights->ndim != 1 || weights->shape[0] != logits->shape[logits->ndim - 1])
      return gdi_do_not_fit(n, logits, weights);
  }
  *out = (gd_op_result){.dtype = logits->dtype};
  return GD_OK;
}

const gd_op gdi_op_soft_cross_entropy = {.name = "soft_cross_entropy",
                                         .grad_fn = "SoftCrossEntropyBackward",
                                         .min_in = 2,
                                         .max_in = 3,
                                         .params_bytes = sizeof(gdi_soft_cross_entropy),
                                         .shape = shape,
                                         .kernel = GDI_KERNELS(soft_cross_entropy)};

gd_tensor *gd_soft_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *target,
                                     gd_tensor *class_weight, int64_t ignore, double label_smoothing,
                                     gd_tensor **weight_sum) {
  if (weight_sum) *weight_sum = NULL;
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    return gd_tape_fail(
        t, GD_FAIL(GD_ERR_USAGE, "cross_entropy: label_smoothing = %g is not in [0, 1]", label_smoothing));
  const bool labels =
      target && (target->dtype == GD_I64 || target->dtype == GD_I32 || target->dtype == GD_U8);
  if (labels && label_smoothing == 0)
    return gd_cross_entropy_sum(t, logits, target, class_weight, ignore, weight_sum);
  if (labels && target->dtype != GD_I64) target = gd_cast(t, target, GD_I64);
  gd_tensor *in[] = {logits, target, class_weight};
  const gdi_soft_cross_entropy p = {.ignore = ignore, .smoothing = label_smoothing};
  gd_node *n = gd_apply_node(t, &gdi_op_soft_cross_entropy, &p, 3, in);
  if (weight_sum && n) *weight_sum = n->saved[1];
  return n ? n->out : NULL;
}
