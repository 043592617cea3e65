/* Snapshots of a job, written to checkpoints behind training. */
#ifndef GDI_TRAIN_SAVE_H
#define GDI_TRAIN_SAVE_H

#include "train/job.h"

/* The best validation so far: by what decides, and its loss, which decides between equals. */
typedef struct gdi_best {
  double quality, loss;
} gdi_best;

/* On rank 0: a snapshot of parameters and optimizer state, written by a thread while training goes on. */
typedef struct gdi_checkpointer {
  gdi_job *job;
  gd_writer *writer;
  gd_checkpoint c; /* points into the snapshot */
  gd_arena *arena;
  void *params, *states[GD_OPTIM_MAX_STATES];
  char folder[4096]; /* .../checkpoints */
  char
      path[4160]; /* of the write under way or done last, or what the run goes on from; "" before the first */
  int64_t saved_step; /* of that; -1: none */
  bool link_best;     /* the write under way is the best so far */
  bool link_snapshot; /* an sgdr period ends with it: it stays, in .../snapshots */
} gdi_checkpointer;

/* Is a snapshot kept of the parameters after `step` updates? */
bool gdi_snapshot_due(const gdi_job *j, int64_t step);
/* Collective. `run`: the run folder (rank 0). */
gd_status gdi_checkpointer_open(gdi_checkpointer *s, gdi_job *j, const char *run) GD_CHECKED;
/* Continue after `resumed`, which the folder has: a run that was killed before it named a snapshot does so now. */
void gdi_checkpointer_continue(gdi_checkpointer *s, const gd_checkpoint *resumed);
/*
 * Take a snapshot and start writing it; is_best: also as best.h5. `best`: the best so far, NULL
 * before the first validation. `m`: measurements under way, on rank 0. Collective. Errors: GD_ERR_NONFINITE
 * when the parameters are not finite (nothing is written). gdi_checkpointer_wait() returns the status of the write.
 */
gd_status gdi_checkpointer_save(gdi_checkpointer *s, bool is_best, const gdi_best *best,
                                const gd_measured *m) GD_CHECKED;
/* Wait for the write under way; prune; move best.h5. Collective: its status is everybody's. */
gd_status gdi_checkpointer_wait(gdi_checkpointer *s) GD_CHECKED;
void gdi_checkpointer_close(gdi_checkpointer *s);

#endif
