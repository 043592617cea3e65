/* From the settings of a run to its loss. */
#ifndef GDI_INFER_CRITERION_H
#define GDI_INFER_CRITERION_H

#include "gd/data.h"
#include "gd/loss.h"
#include "gd/options.h"

/* Weights of classes: as given, counted, or kept in a checkpoint. n 0: all weigh 1. */
typedef struct gdi_class_weights {
  int64_t n;
  double *w; /* malloc'd; gdi_class_weights_free() */
} gdi_class_weights;
void gdi_class_weights_free(gdi_class_weights *c);
/* A copy. Errors: GD_ERR_OOM */
gd_status gdi_class_weights_copy(gdi_class_weights *out, const double *w, int64_t n) GD_CHECKED;
/*
 * Of the option class_weights: its numbers, or, where it is auto, N / (C n_c) with n_c of the N labels of the
 * part that are class c, as scikit-learn's "balanced"; a class without samples counts as having one.
 * Errors: GD_ERR_USAGE
 */
gd_status gdi_class_weights_find(gdi_class_weights *out, const char *option, gd_dataset *d,
                                 const gd_order *part) GD_CHECKED;

/* Of an output of a sample, those that one target is compared with: of classes the last dimension, else all. */
int64_t gdi_outputs_of(const gd_loss_class *cls, const gd_shape *output);

/* The loss that the settings name and describe. Errors: GD_ERR_USAGE */
gd_status gdi_criterion_open(gd_criterion **out, const gd_loss_class *cls, const gd_options *o,
                             const gdi_class_weights *weights, gd_device *d, gd_dtype dtype,
                             int64_t outputs) GD_CHECKED;

/* What targets are to be taken as, by the settings: as the loss needs where they leave it open. */
gd_target_type gdi_target_type(const gd_options *o);
/* Can this loss compare a model's outputs with the targets of the data? Errors: GD_ERR_USAGE, what to change */
gd_status gdi_targets_fit(const gd_loss_class *cls, const gd_data_info *i, const gd_shape *output) GD_CHECKED;
/* Does it take weights of samples, where the data have them? Errors: GD_ERR_USAGE */
gd_status gdi_weights_fit(const gd_loss_class *cls, const gd_data_info *i) GD_CHECKED;

#endif
