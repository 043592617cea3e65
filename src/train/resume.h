/* From a checkpoint, or the weights of another program, back to a job. */
#ifndef GDI_TRAIN_RESUME_H
#define GDI_TRAIN_RESUME_H

#include "train/job.h"

/* What a resumed run starts from: read by all ranks, values on rank 0 only. Collective. */
gd_status gdi_resume_read(gd_checkpoint *c, gd_world *w, const char *path) GD_CHECKED;
/* Settings from YAML text; `name` stands in messages. Owner: caller; gd_options_free(). */
gd_status gdi_options_read(gd_options *out, const char *name, const char *yaml) GD_CHECKED;
/* The settings that a checkpoint was made with. Owner: caller; gd_options_free(). */
gd_status gdi_saved_options(gd_options *out, const gd_checkpoint *c) GD_CHECKED;
/*
 * Settings left automatic take the values they had in the checkpoint. Afterwards gdi_resume_apply() refuses
 * differences that change the bits, unless resume_changed is set, and moves parameters, state and position
 * into the job.
 */
gd_status gdi_resume_options(gd_options *o, const gd_checkpoint *c) GD_CHECKED;
gd_status gdi_resume_apply(gdi_job *j, const gd_checkpoint *c, const char *path) GD_CHECKED;

/* Copy arrays to the parameters of the same names and shapes. Errors: GD_ERR_CHECKPOINT with file and array */
gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) GD_CHECKED;

#endif
