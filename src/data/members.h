/* The files of a folder or of an archive, one after the other. */
#ifndef GDI_DATA_MEMBERS_H
#define GDI_DATA_MEMBERS_H

#include "gd/status.h"

typedef struct gdi_members {
  const char *path;
  void *walk;    /* of a folder: FTS */
  void *archive; /* of an archive: struct archive */
  bool ended;
  uint64_t total; /* bytes of the archive; 0: a folder */
} gdi_members;

/* A file or a folder. Links, devices and names that begin with a dot are passed over. */
typedef struct gdi_member {
  char *
      name; /* below the folder, or as in the archive, without a "./" in front; malloc'd; NULL: there are no more */
  bool folder;
  uint8_t *bytes; /* [n] malloc'd; NULL: a folder, or it cannot be read */
  size_t n;
  char why[160]; /* it cannot */
} gdi_member;

/* Errors: GD_ERR_DATA with the path: neither a folder nor an archive. GD_ERR_ENV: this build reads no archives */
gd_status gdi_members_open(gdi_members *m, const char *path) GD_CHECKED;
/* Errors: GD_ERR_DATA: a damaged archive; GD_ERR_OOM */
gd_status gdi_members_next(gdi_members *m, gdi_member *out) GD_CHECKED;
/* How much of it is read, 0 to 1; of a folder nobody knows: -1. */
double gdi_members_done(const gdi_members *m);
void gdi_members_close(gdi_members *m);

#endif
