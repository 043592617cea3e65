/* What validations lead to: a lower rate (reduce_on_plateau), an early stop. */
#ifndef GDI_TRAIN_WATCH_H
#define GDI_TRAIN_WATCH_H

#include "train/job.h"

/*
 * Every rank has the same, since metrics are the same everywhere; checkpoints keep it. Only validations that are due
 * by eval_every count: one more, at the end of a run that was stopped, must not change what a resumed run does.
 */
typedef struct gdi_watch {
  gd_plateau plateau;
  bool has_best; /* of early_stop, by the measure that decides which checkpoint is the best */
  double best;
  int64_t bad; /* validations since */
} gdi_watch;

gdi_watch gdi_watch_new(const gdi_job *j);
/* Take in a validation. The rate it leads to is watch->plateau.lr. Returns whether early_stop ends the run. */
bool gdi_watch_validation(gdi_watch *w, const gdi_job *j, const gd_metrics *found);

/* To and from a checkpoint. */
gd_watched gdi_watch_stored(const gdi_watch *w);
gdi_watch gdi_watch_continued(const gdi_job *j, const gd_watched *stored);

#endif
