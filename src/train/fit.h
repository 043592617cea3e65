/* The training loop over an open job. */
#ifndef GDI_TRAIN_FIT_H
#define GDI_TRAIN_FIT_H

#include "train/job.h"
#include "train/noise.h"
#include "train/run_log.h"
#include "train/checkpointer.h"
#include "train/watch.h"

typedef struct gdi_fit {
  gdi_job *job;
  gdi_checkpointer saver;
  gdi_record record; /* rank 0's */
  const gd_observer *observer;
  gd_train_result *result;
  int64_t save_steps;
  double save_seconds; /* one of them, or neither */
  int64_t log_every;
  bool has_best;
  gdi_watch watch;
  bool over;     /* early_stop */
  gdi_best best; /* validation, of earlier parts of the run too */
  double started, last_save;
  double entered; /* when gd_train() was */
  double most_s;  /* max_time: the run stops when it took so long; 0: as long as it takes */
  bool out_of_time;
  double earlier_s;             /* what the run took before it was resumed, by its last row */
  gdi_noise noise;              /* when asked for */
  gd_step_stats interval;       /* since the last row */
  double interval_s, trained_s; /* time in steps, since the last row and in all */
  int64_t trained_samples;
  gd_control control; /* of the observer's after_step */
  int64_t skipped;    /* updates that were not finite and left out */
  double loss;        /* of the last step that is known, per weight */
} gdi_fit;

/* What a step that is not finite may come from, and what to try; its samples are looked at (cause.c). */
void gdi_nonfinite_cause(const gdi_job *j, int64_t step, char *buf, size_t bytes);

/* To and from a checkpoint (control.c). */
void gdi_control_keep(const gd_control *control, gd_checkpoint *c);
gd_control gdi_control_of(const gd_checkpoint *c);

/* From the job's step to its last, or to a request to stop (GD_STOPPED, after saving). Collective. */
gd_status gdi_fit_run(gdi_fit *f) GD_CHECKED;

/* gd_train(), on sets that are open: those of `data`, NULL: its own (train.c). Collective over w, which may be a part
 * of the world of `data`. */
gd_status gdi_train_on(gd_world *w, const gd_options *o, const gdi_job *data, const gd_observer *observer,
                       gd_train_result *out) GD_CHECKED;

#endif
