/* From what a file holds to a model and its settings. */
#ifndef GDI_STORE_APPLY_H
#define GDI_STORE_APPLY_H

#include "gd/options.h"
#include "gd/store.h"

/* The settings that a checkpoint was made with. Owner: caller; gd_options_free(). */
gd_status gdi_saved_options(gd_options *out, const gd_checkpoint *c) GD_CHECKED;

/* The stored array that belongs to parameter i. Errors: as gdi_weights_apply() */
gd_status gdi_stored_find(const gd_params *p, int i, const gd_stored *stored, int n, const char *path,
                          const gd_stored **out) GD_CHECKED;
/* Copy arrays to the parameters of the same names and shapes. Errors: GD_ERR_CHECKPOINT with file and array */
gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) GD_CHECKED;

#endif
