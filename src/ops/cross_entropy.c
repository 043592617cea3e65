/* Softmax and cross entropy, fused: of labels, of smoothed labels, or of a probability for every class. */
#include "ops/cross_entropy.h"

#include "gd/ops.h"

static gd_status check_weights(const gd_node *n, const gd_tensor *logits) {
  const gd_tensor *of_classes = n->in[2], *of_rows = n->in[3];
  if (of_classes) {
    GD_TRY(gdi_check_same_type(n, logits, of_classes));
    if (of_classes->ndim != 1 || of_classes->shape[0] != gdi_classes(logits))
      return gdi_do_not_fit(n, logits, of_classes);
  }
  if (!of_rows) return GD_OK;
  GD_TRY(gdi_check_same_type(n, logits, of_rows));
  const int64_t weights = gd_numel(of_rows), rows = gdi_rows_of_classes(logits);
  if (weights != rows && (weights == 0 || rows % weights != 0)) return gdi_do_not_fit(n, logits, of_rows);
  if (of_rows->requires_grad)
    return GD_FAIL(GD_ERR_NO_GRAD, "cross_entropy: weights of rows get no gradient; gd_detach() them");
  return GD_OK;
}

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *logits = n->in[0], *target = n->in[1];
  const bool labels = gdi_has_labels(n);
  GD_TRY(gdi_check_float(n, logits));
  if (!labels) GD_TRY(gdi_check_same_type(n, logits, target));
  bool fits = logits->ndim >= 1 && target->ndim == logits->ndim - labels;
  for (int i = 0; fits && i < target->ndim; i++) fits = target->shape[i] == logits->shape[i];
  if (!fits) return gdi_do_not_fit(n, logits, target);
  *out = (gd_op_result){.dtype = logits->dtype};
  return check_weights(n, logits);
}

const gd_op gdi_op_cross_entropy = {.name = "cross_entropy",
                                    .grad_fn = "CrossEntropyBackward",
                                    .min_in = 2,
                                    .max_in = 4,
                                    .params_bytes = sizeof(gdi_cross_entropy),
                                    .shape = shape,
                                    .kernel = GDI_KERNELS(cross_entropy)};

gd_tensor *gd_soft_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *target,
                                     gd_tensor *class_weight, gd_tensor *row_weight, int64_t ignore,
                                     double label_smoothing, gd_tensor **weight_sum) {
  if (weight_sum) *weight_sum = NULL;
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    return gd_tape_fail(
        t, GD_FAIL(GD_ERR_USAGE, "cross_entropy: label_smoothing = %g is not in [0, 1]", label_smoothing));
  if (target && (target->dtype == GD_I32 || target->dtype == GD_U8)) target = gd_cast(t, target, GD_I64);
  gd_tensor *in[] = {logits, target, class_weight, row_weight};
  const gdi_cross_entropy p = {.ignore = ignore, .smoothing = label_smoothing};
  gd_node *n = gd_apply_node(t, &gdi_op_cross_entropy, &p, 4, in);
  if (weight_sum && n) *weight_sum = n->saved[1];
  return n ? n->out : NULL;
}

gd_tensor *gd_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_tensor *class_weight,
                                int64_t ignore, gd_tensor **weight_sum) {
  return gd_soft_cross_entropy_sum(t, logits, labels, class_weight, NULL, ignore, 0, weight_sum);
}
