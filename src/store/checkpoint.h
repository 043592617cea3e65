/*
 * What a checkpoint file looks like, for its writer and its reader: the arrays and attributes are listed in
 * gd/store.h.
 *
 * header_digest is SHA-256 over all that a header_only reading gives: scalars and small arrays in the order
 * of gdi_checkpoint_header_digest(), then path, type and shape of all arrays in the order of their paths.
 * digest is SHA-256 over that and the values of all arrays. HDF5's own checksums do not see a sector that
 * became zeros.
 */
#ifndef GDI_STORE_CHECKPOINT_H
#define GDI_STORE_CHECKPOINT_H

#include "store/arrays.h"

#define GDI_FORMAT        "gdtrain checkpoint 1"
#define GDI_MAX_SPEC      60000 /* bytes of the one-line model: an attribute of HDF5 holds 64 KB */
#define GDI_MAX_PLUGINS   4096
#define GDI_MAX_FOUND_OUT 1024
#define GDI_MAX_CONFIG    (1 << 20)
#define GDI_MAX_CLASSES   (1 << 20)

/* An array of a checkpoint by its path in the file. */
typedef struct gdi_entry {
  char path[GDI_MAX_PATH];
  enum { GDI_STATE, GDI_PARAM, GDI_FROZEN, GDI_BUFFER } kind;
  gd_stored *array;
} gdi_entry;

/*
 * All arrays of a checkpoint in strcmp order of their paths; free() them. Errors: names that cannot be paths
 * or come twice (GD_ERR_USAGE), bf16 (GD_ERR_DTYPE): master copies are stored.
 */
gd_status gdi_checkpoint_entries(const gd_checkpoint *c, gdi_entry **out, int *n) GD_CHECKED;

/* Is a state of this name an average of the parameters? It has a group of its own in the file. */
bool gdi_is_average(const char *state);

/* All but arrays and their names: attributes, and the small arrays of /data and /progress. */
gd_status gdi_header_read(gd_checkpoint *c, gdi_h5 *f) GD_CHECKED;
/* States by their names, after the parameters are known: described, without values. */
gd_status gdi_states_read(gd_checkpoint *c, gdi_h5 *f) GD_CHECKED;

enum { GDI_MAX_TIED = 16384 };   /* bytes of the names that a parameter has besides its first */
enum { GDI_MAX_TIES = 1 << 16 }; /* such names of all parameters */

/* The fields of gd_measured by their names in /progress, in order. False past the last. */
bool gdi_measured_field(gd_measured *m, int i, const char **name, double **value);
/* The same for gd_watched. */
bool gdi_watched_field(gd_watched *w, int i, const char **name, double **value);
/* Is anything under way? */
bool gdi_measured_any(const gd_measured *m);

gd_digest gdi_checkpoint_header_digest(const gd_checkpoint *c, const gdi_entry *entry, int n);

/* step-%08d.h5 of a folder, newest first, for free(); none where there is no folder. */
typedef struct gdi_listed {
  int64_t step;
  char name[48];
} gdi_listed;
gd_status gdi_checkpoints_list(const char *folder, gdi_listed **out, int *n) GD_CHECKED;

/* Does the file hold what its digest says? Holds one array at a time in memory. */
gd_status gdi_checkpoint_verify(const char *path, gd_digest *out) GD_CHECKED;

#endif
