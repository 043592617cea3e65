/** @file loss.h  Losses of predictions. */
#ifndef GD_LOSS_H
#define GD_LOSS_H

#include "gd/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gd_loss_kind { GD_MSE, GD_L1, GD_HUBER, GD_CROSS_ENTROPY, GD_BCE_WITH_LOGITS } gd_loss_kind;
typedef enum gd_reduction { GD_REDUCE_MEAN, GD_REDUCE_SUM } gd_reduction;

/**
 * Loss of a micro-batch as (sum, weight): training divides the summed losses of a step by their summed
 * weights once, in the update.
 *
 * Math:   mse    sum (p - y)^2
 *         l1     sum |p - y|
 *         huber  sum of (p - y)^2 / 2 where |p - y| <= 1, else |p - y| - 1/2
 *         bce_with_logits  sum max(p, 0) - p y + log(1 + e^-|p|)
 *         cross_entropy    gd_cross_entropy_sum()
 *         weight: number of elements; cross_entropy: number of rows that are not ignored
 * Shapes: prediction [B,...], target of the same shape, [B] and [B,1] being equal;
 *         cross_entropy: logits [B,C], labels i64 [B]
 * Owner:  both scalars are the tape's; weight is f64 and not differentiable
 */
typedef struct gd_loss {
  gd_tensor *sum, *weight;
} gd_loss;
GD_API gd_loss gd_loss_of(gd_tape *t, gd_loss_kind kind, gd_tensor *prediction, gd_tensor *target);
GD_API gd_status gd_loss_parse(gd_loss_kind *out, const char *name) GD_CHECKED; /**< "cross_entropy" ... */
GD_API const char *gd_loss_name(gd_loss_kind kind);

/** The same losses as one differentiable scalar. */
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
