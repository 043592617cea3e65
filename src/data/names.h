/* Names of columns: in files, and matched to those of a model. */
#ifndef GDI_DATA_NAMES_H
#define GDI_DATA_NAMES_H

#include "base/h5write.h"
#include "gd/data.h"

typedef char gdi_column_name[GD_MAX_COLUMN_NAME];

/* The arrays x_names and y_names of a data file, where they are there; 0 columns: not looked for. Owner: caller */
gd_status gdi_names_open(gd_names *n, gdi_h5 *f, int64_t n_x, int64_t n_y) GD_CHECKED;
/* One of them: *n fixed strings, or as many as there are (*n < 0). *out NULL, *n 0: there is no such array, or *n was 0.
 * In the arena, or malloc'd (arena NULL). */
gd_status gdi_names_read_list(gdi_column_name **out, int64_t *n, gd_arena *arena, gdi_h5 *f,
                              const char *array) GD_CHECKED;
/* Those that are there, in arrays of these paths. */
gd_status gdi_names_put(gdi_h5_writer *w, const gd_names *n, const char *x, const char *y) GD_CHECKED;
/* Room for n names, zeroed. Errors: GD_ERR_OOM */
gd_status gdi_names_new(gdi_column_name **out, int64_t n) GD_CHECKED;
/* The same names in the same order; without names on one side, nothing contradicts. */
bool gdi_names_same(const gdi_column_name *a, int64_t n_a, const gdi_column_name *b, int64_t n_b);
/* "u, v, w and 12 more", of at most `bytes`; control characters become ?. Returns buf. */
const char *gdi_names_text(const gdi_column_name *name, int64_t n, char *buf, size_t bytes);

#endif
