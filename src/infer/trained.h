/* A trained model over a data set: what evaluation and prediction share. */
#ifndef GDI_TRAIN_USE_H
#define GDI_TRAIN_USE_H

#include "infer/criterion.h"
#include "infer/evaluate.h"

typedef struct gdi_trained {
  gd_world *world;
  gd_checkpoint checkpoint;
  gd_options trained; /* as it was trained */
  gd_device *device;
  gdi_set set;
  gd_module *model;
  gd_params *params;
  gd_tape *tape;
  gd_loader *loader;
  gd_criterion *criterion;
  int64_t n, outputs;
} gdi_trained;

/* `targets`: the data must hold them. Collective. On failure it can and must still be closed. */
gd_status gdi_trained_open(gdi_trained *u, gd_world *w, const char *checkpoint, const gd_use_options *o,
                           bool targets) GD_CHECKED;
void gdi_trained_close(gdi_trained *u);

#endif
