/* From the description of a model to its modules: the one place, for training, use, checks and drawings alike. */
#ifndef GDI_INFER_MODEL_H
#define GDI_INFER_MODEL_H

#include "gd/nn.h"

/*
 * The model `spec` for samples of this shape; *outputs is the number of outputs per sample. Initial values are those
 * of seed 0. Errors: GD_ERR_USAGE with place and path of the layer at fault
 */
gd_status gdi_job_model(gd_module **out, const gd_tree *spec, int ndim, const int64_t sample[], gd_device *d,
                        gd_dtype dtype, int64_t *outputs) GD_CHECKED;

#endif
