/* From a checkpoint, or the weights of another program, back to a job. */
#ifndef GDI_TRAIN_RESUME_H
#define GDI_TRAIN_RESUME_H

#include "train/job.h"

/* What a resumed run starts from: read by all ranks, values on rank 0 only. Collective. */
gd_status gdi_resume_read(gd_checkpoint *c, gd_world *w, const char *path) GD_CHECKED;
/*
 * Settings left automatic take the values they had in the checkpoint. Afterwards gdi_resume_apply() refuses
 * differences that change the bits, unless resume_changed is set, and moves parameters, state and position
 * into the job.
 */
gd_status gdi_resume_options(gd_options *o, const gd_checkpoint *c) GD_CHECKED;
gd_status gdi_resume_apply(gdi_job *j, const gd_checkpoint *c, const char *path) GD_CHECKED;

#endif
