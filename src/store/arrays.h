/* Named arrays of an HDF5 file, for checkpoints and for the weights of others. */
#ifndef GDI_STORE_ARRAYS_H
#define GDI_STORE_ARRAYS_H

#include "base/h5file.h"
#include "gd/store.h"

enum { GDI_MAX_PATH = GD_MAX_NAME + 48 };

typedef struct gdi_names {
  const char *file;
  int n, max;
  char (*name)[GDI_MAX_PATH];
} gdi_names;

/* The paths of all arrays below a group, relative to it, in the order of names. */
gd_status gdi_names_read(gdi_names *out, gd_arena *a, gdi_h5 *f, const char *group) GD_CHECKED;

/* Type and shape of the array at `path`, to be known as `name`; its data stays NULL. */
gd_status gdi_stored_describe(gd_stored *out, gdi_h5 *f, const char *path, const char *name) GD_CHECKED;
/* Its values, gdi_stored_bytes() of them. */
gd_status gdi_stored_read(gdi_h5 *f, const char *path, const gd_stored *described, void *to) GD_CHECKED;
size_t gdi_stored_bytes(const gd_stored *a);

#endif
