/* Files of others, plain, gzip or in a ZIP archive: nothing is allocated that the file cannot fill. */
#ifndef GDI_DATA_FILE_H
#define GDI_DATA_FILE_H

#include "data/zip.h"
#include "gd/status.h"

typedef struct gdi_file {
  const char *path;
  void *gz;               /* a gzFile: reads plain files as well */
  gdi_zip_reader *member; /* or a file in an archive */
  uint64_t bytes;         /* size on disk */
  bool compressed;
} gdi_file;

/* Errors of all: GD_ERR_DATA with the file. */
gd_status gdi_file_open(gdi_file *f, const char *path) GD_CHECKED;
/* A file in an archive; `path` is what messages call it. */
gd_status gdi_file_open_member(gdi_file *f, const char *path, const char *archive,
                               const gdi_zip_entry *e) GD_CHECKED;
void gdi_file_close(gdi_file *f);
/* The next `bytes` bytes; fewer are an error. `what` is said in it: "header". */
gd_status gdi_file_read(gdi_file *f, const char *what, void *to, size_t bytes) GD_CHECKED;
/* Can `bytes` more come out of this file, and nothing after them? Exact for plain files (`at`: bytes
 * read). */
gd_status gdi_file_expect(gdi_file *f, uint64_t at, uint64_t bytes) GD_CHECKED;
/* Nothing may be left; checks the sum at the end of a gzip file. */
gd_status gdi_file_end(gdi_file *f) GD_CHECKED;

#endif
