/* Between a job and its checkpoints: snapshots written behind training, and the way back. */
#ifndef GDI_TRAIN_SAVE_H
#define GDI_TRAIN_SAVE_H

#include "train/job.h"

/* Rank 0 holds a snapshot of parameters and optimizer state, which a thread writes while training goes on. */
typedef struct gdi_saver {
  gdi_job *job;
  gd_writer *writer;
  gd_checkpoint c; /* points into the snapshot */
  gd_arena *arena;
  void *params, *states[GD_OPTIM_MAX_STATES];
  char folder[4096];  /* .../checkpoints */
  char path[4160];    /* of the write under way or done last; "" before the first */
  int64_t saved_step; /* -1: none */
  bool link_best;     /* the write under way is the best so far */
} gdi_saver;

/* Collective. `run`: the run folder (rank 0). */
gd_status gdi_saver_open(gdi_saver *s, gdi_job *j, const char *run) GD_CHECKED;
/* Continue after `resumed`: a run that was killed before it named its best checkpoint does so now. */
void gdi_saver_continue(gdi_saver *s, const gd_checkpoint *resumed, const char *path);
/*
 * Snapshot now, write behind; when it is_best it becomes best.h5 too. `best`: quality of the best so far,
 * NULL before the first validation. `m`: what is being measured (rank 0's). Collective. Errors:
 * GD_ERR_NONFINITE when the parameters are not finite (nothing is written). A write that fails is told when
 * it is waited for.
 */
gd_status gdi_saver_save(gdi_saver *s, bool is_best, const double *best, const gd_measured *m) GD_CHECKED;
/* Wait for the write under way; prune; move best.h5. Collective: its status is everybody's. */
gd_status gdi_saver_wait(gdi_saver *s) GD_CHECKED;
void gdi_saver_close(gdi_saver *s);

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

/* Copy arrays to the parameters of the same names and shapes. Errors: GD_ERR_CHECKPOINT naming file and array
 */
gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) GD_CHECKED;

#endif
