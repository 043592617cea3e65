/*
 * Writing HDF5 files durably: temporary name in the same folder, flushed, fsynced, renamed, folder fsynced.
 *
 *   gdi_h5_create -> gdi_h5_put ... -> gdi_h5_finish -> (read back and verify w.temporary) -> gdi_h5_publish
 *
 * After any failure: gdi_h5_abandon(), which removes the temporary file; `path` is what it was before. Every
 * failure is GD_ERR_WRITE with the file and the cause.
 */
#ifndef GDI_BASE_H5WRITE_H
#define GDI_BASE_H5WRITE_H

#include "base/h5file.h"

typedef struct gdi_h5_writer {
  hid_t id; /* <= 0: not open */
  char path[4096];
  char temporary[4128]; /* "<path>.<host pid counter>.tmp" */
} gdi_h5_writer;

gd_status gdi_h5_create(gdi_h5_writer *w, const char *path) GD_CHECKED;
/* An array, in chunks of whole rows with checksums; groups on the way are made. `data`: row-major. */
gd_status gdi_h5_put(gdi_h5_writer *w, const char *name, gd_dtype type, int ndim, const int64_t shape[],
                     const void *data) GD_CHECKED;
/* n fixed strings of `width` bytes each. */
gd_status gdi_h5_put_text(gdi_h5_writer *w, const char *name, int64_t n, size_t width,
                          const char *text) GD_CHECKED;
gd_status gdi_h5_put_group(gdi_h5_writer *w, const char *name) GD_CHECKED;
/* Attributes of an object that is there. */
gd_status gdi_h5_put_attr_i64(gdi_h5_writer *w, const char *object, const char *name,
                              int64_t value) GD_CHECKED;
gd_status gdi_h5_put_attr_f64(gdi_h5_writer *w, const char *object, const char *name,
                              double value) GD_CHECKED;
gd_status gdi_h5_put_attr_text(gdi_h5_writer *w, const char *object, const char *name,
                               const char *value) GD_CHECKED;
/* Everything is on the disk under the temporary name, and closed. */
gd_status gdi_h5_finish(gdi_h5_writer *w) GD_CHECKED;
/* The temporary file takes the name. */
gd_status gdi_h5_publish(gdi_h5_writer *w) GD_CHECKED;
void gdi_h5_abandon(gdi_h5_writer *w);

#endif
