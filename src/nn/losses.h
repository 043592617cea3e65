/* What the losses of this folder share. */
#ifndef GDI_NN_LOSSES_H
#define GDI_NN_LOSSES_H

#include "gd/loss.h"

/*
 * The target in the prediction's shape: [B] and [B,1] are alike. Anything else is refused, because
 * broadcasting [B,1] against [B] would train on B x B differences without a word.
 */
gd_tensor *gdi_target_like(gd_tape *t, gd_tensor *target, const gd_tensor *prediction);
gd_tensor *gdi_loss_reduce(gd_tape *t, gd_tensor *x, gd_reduction r);

/* What so many elements of all samples of a batch weigh: an f64 scalar. */
gd_tensor *gdi_weight_of(gd_tape *t, const gd_batch *b, int64_t elements);
/* Weights of samples, where the batch has them, as [M,1,...] to be broadcast to x [M,...]; else NULL. */
gd_tensor *gdi_weights_like(gd_tape *t, const gd_batch *b, const gd_tensor *x);

#endif
