/* From what a file holds to a model and its settings. */
#ifndef GDI_STORE_APPLY_H
#define GDI_STORE_APPLY_H

#include "gd/options.h"
#include "gd/store.h"

/* The settings that a checkpoint was made with. Owner: caller; gd_options_free(). */
gd_status gdi_saved_options(gd_options *out, const gd_checkpoint *c) GD_CHECKED;

/* The stored array that belongs to a tensor of the model. Errors: as gdi_weights_apply() */
gd_status gdi_stored_find(const gd_named *item, const gd_stored *stored, int n, const char *path,
                          const gd_stored **out) GD_CHECKED;
/* All that a checkpoint holds of the model, as one list for free(); it points into the checkpoint. */
gd_status gdi_checkpoint_weights(const gd_checkpoint *c, gd_stored **out, int *n) GD_CHECKED;
/* Copy arrays to the parameters and buffers of the same names and shapes. Errors: GD_ERR_CHECKPOINT with file and
 * array */
gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) GD_CHECKED;

/* The same for what the file has of the model. */
gd_status gdi_weights_apply_some(gd_params *p, const gd_stored *stored, int n, const char *path) GD_CHECKED;

/* How to begin from a file of weights. */
typedef struct gdi_init {
  const char *path;
  const char *map; /* "old=new" pairs: what names in the file are in the model */
  bool partial;    /* the file may lack parts of the model */
  bool tells;      /* says what was loaded, and what not */
} gdi_init;

/*
 * gdi_weights_apply() for files with other names: prefixes of wrappers ("module." of PyTorch's DDP, "_orig_mod.") are
 * taken off, then names are mapped. Names in `stored` are changed. Errors: also GD_ERR_CHECKPOINT when nothing fits,
 * GD_ERR_USAGE for a map that is none. init.c
 */
gd_status gdi_weights_init(gd_params *p, gd_stored *stored, int n, const gdi_init *how) GD_CHECKED;

#endif
