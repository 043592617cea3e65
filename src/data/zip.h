/* Archives in the ZIP format, as NumPy writes .npz, by libarchive: hostile until checked. */
#ifndef GDI_DATA_ZIP_H
#define GDI_DATA_ZIP_H

#include "gd/status.h"

typedef struct gdi_zip_entry {
  char name[128];
} gdi_zip_entry;

/* Does the file begin as one? */
bool gdi_zip_is(const char *path);
/* What it holds. Owner: caller, free(). Errors: GD_ERR_DATA: damaged; GD_ERR_ENV: this build has no libarchive */
gd_status gdi_zip_list(gdi_zip_entry **out, int *n, const char *path) GD_CHECKED;

typedef struct gdi_zip_reader gdi_zip_reader;
/* The first file of that name. Errors: those of gdi_zip_list() */
gd_status gdi_zip_open(gdi_zip_reader **out, const char *path, const gdi_zip_entry *e) GD_CHECKED;
/* Up to `bytes` of its values. Returns how many, 0 at the end, -1 where they are damaged: *why. */
int64_t gdi_zip_read(gdi_zip_reader *r, void *to, uint64_t bytes, const char **why);
void gdi_zip_close(gdi_zip_reader *r); /* NULL is fine */

#endif
