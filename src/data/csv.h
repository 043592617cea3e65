/* Reading comma-separated values: one record after the other, with where it stands. */
#ifndef GDI_DATA_CSV_H
#define GDI_DATA_CSV_H

#include "data/file.h"

typedef struct gdi_csv {
  const char *path;
  char *text, *at, *end; /* the whole file, and the next record */
  int64_t line, next_line;
  char delimiter; /* , ; or tab: the first to appear in the file outside quotes */
  int columns;    /* fields of every record: as many as the first has */
  int n;          /* fields of this one */
  char **field;   /* trimmed, without quotes, NUL-terminated */
  int room;
} gdi_csv;

/* Errors of all: GD_ERR_DATA with file, line and column (both counted from 1), GD_ERR_OOM */
gd_status gdi_csv_open(gdi_csv *c, const char *path) GD_CHECKED;
void gdi_csv_close(gdi_csv *c);
/* The next record that is not blank; *more is false at the end. Records may not differ in length. */
gd_status gdi_csv_next(gdi_csv *c, bool *more) GD_CHECKED;
/* A finite decimal number and nothing else, whatever the locale. */
bool gdi_csv_number(const char *text, double *out);

#endif
