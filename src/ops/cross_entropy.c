/* Softmax and cross-entropy of integer labels, fused. */
#include "ops/cross_entropy.h"

#include "gd/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *logits = n->in[0], *labels = n->in[1], *weights = n->in[2];
  GD_TRY(gdi_check_float(n, logits));
  GD_TRY(gdi_check_type(n, "the labels", labels, GD_I64));
  bool fits = logits->ndim >= 1 && labels->ndim == logits->ndim - 1;
  for (int k = 0; fits && k < labels->ndim; k++) fits = labels->shape[k] == logits->shape[k];
  if (!fits) return gdi_do_not_fit(n, logits, labels);
  if (weights) {
    GD_TRY(gdi_check_same_type(n, logits, weights));
    if (weights->ndim != 1 || weights->shape[0] != gdi_classes(logits))
      return gdi_do_not_fit(n, logits, weights);
  }
  *out = (gd_op_result){.dtype = logits->dtype};
  return GD_OK;
}

const gd_op gdi_op_cross_entropy = {.name = "cross_entropy",
                                    .grad_fn = "CrossEntropyBackward",
                                    .min_in = 2,
                                    .max_in = 3,
                                    .params_bytes = sizeof(gdi_cross_entropy),
                                    .shape = shape,
                                    .kernel = GDI_KERNELS(cross_entropy)};

gd_tensor *gd_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_tensor *class_weight,
                                int64_t ignore, gd_tensor **weight_sum) {
  if (labels && (labels->dtype == GD_I32 || labels->dtype == GD_U8)) labels = gd_cast(t, labels, GD_I64);
  gd_tensor *in[] = {logits, labels, class_weight};
  gd_node *n = gd_apply_node(t, &gdi_op_cross_entropy, &(gdi_cross_entropy){.ignore = ignore}, 3, in);
  if (weight_sum) *weight_sum = n ? n->saved[1] : NULL;
  return n ? n->out : NULL;
}
