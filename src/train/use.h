/* A trained model over a data set: what evaluation and prediction share. */
#ifndef GDI_TRAIN_USE_H
#define GDI_TRAIN_USE_H

#include "train/job.h"

typedef struct gdi_use {
  gd_world *world;
  gd_checkpoint checkpoint;
  gd_options trained; /* as it was trained */
  gd_device *device;
  gdi_set set;
  gd_module *model;
  gd_params *params;
  gd_tape *tape;
  gd_loader *loader;
  gd_loss_kind loss;
  int64_t n, outputs;
} gdi_use;

/* `targets`: the data must hold them. Collective. On failure it can and must still be closed. */
gd_status gdi_use_open(gdi_use *u, gd_world *w, const char *checkpoint, const gd_use_options *o,
                       bool targets) GD_CHECKED;
void gdi_use_close(gdi_use *u);

#endif
