/* From the description of a model to its modules: the one place, for training, use, checks and drawings alike. */
#ifndef GDI_INFER_MODEL_H
#define GDI_INFER_MODEL_H

#include "gd/nn.h"
#include "gd/task.h"

/*
 * The model of a task, or else the model `spec`, for samples as the data set has them; *output is the shape of its
 * (first) output of a sample. Initial values are those of seed 0.
 * Errors: GD_ERR_USAGE with place and path of the layer at fault
 */
gd_status gdi_job_model(gd_module **out, const gd_task *task, const gd_tree *spec, const gd_data_info *data,
                        gd_device *d, gd_dtype dtype, gd_shape *output) GD_CHECKED;
/* Its outputs for a batch, of which it gets x and the fields that are inputs; returns how many. After an error the
 * first is NULL, and the tape has the error. */
int gdi_forward(gd_module *m, gd_tape *t, const gd_batch *b, gd_tensor *out[GD_MAX_FIELDS]);

#endif
