/* A trained model over a data set: what evaluation and prediction share. */
#ifndef GDI_TRAIN_USE_H
#define GDI_TRAIN_USE_H

#include "infer/criterion.h"
#include "infer/evaluate.h"

typedef struct gdi_trained {
  gd_arena *arena;
  const char *const *member; /* [members] files: one checkpoint, or snapshots that are used together */
  int members;
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
  gd_shape output;    /* of a sample */
  int64_t n, outputs; /* gdi_outputs_of() */
} gdi_trained;

/* `targets`: the data must hold them. Collective. On failure it can and must still be closed. */
gd_status gdi_trained_open(gdi_trained *u, gd_world *w, const char *checkpoint, const gd_use_options *o,
                           bool targets) GD_CHECKED;
void gdi_trained_close(gdi_trained *u);

/* For the data that its model was trained on, or can use. */
gdi_set_use gdi_use_of(const gd_checkpoint *c);

/* The model of a checkpoint with its weights. On failure what was made is left in *model and *params. */
gd_status gdi_trained_model(gdi_trained *u, const gd_checkpoint *c, const char *path, const gd_use_options *o,
                            gd_dtype dtype, gd_module **model, gd_params **params) GD_CHECKED;

/* The model becomes that of all members together, of which the first is open (ensemble.c). */
gd_status gdi_ensemble_open(gdi_trained *u, const gd_use_options *o) GD_CHECKED;

#endif
