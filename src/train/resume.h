/* From a checkpoint, or the weights of another program, back to a job. */
#ifndef GDI_TRAIN_RESUME_H
#define GDI_TRAIN_RESUME_H

#include "base/options.h"
#include "train/job.h"

/* What a resumed run starts from: read by all ranks, values on rank 0 only. Collective. */
gd_status gdi_resume_read(gd_checkpoint *c, gd_world *w, const char *path) GD_CHECKED;
/*
 * Settings that are not given take the values they had in the checkpoint; `found_out` becomes the keys of those that were
 * not given then either. Lengths that followed the run's follow that of this one. Afterwards gdi_resume_apply() refuses
 * differences that change the bits, unless resume_changed is set, and moves parameters, state and position into the job.
 */
gd_status gdi_resume_options(gd_options *o, const gd_checkpoint *c, char found_out[GDI_FOUND_OUT]) GD_CHECKED;
gd_status gdi_resume_apply(gdi_job *j, const gd_checkpoint *c, const char *path) GD_CHECKED;

#endif
