/* Reading tables as text: one record after the other, in any dialect, with where it stands. */
#ifndef GDI_DATA_CSV_H
#define GDI_DATA_CSV_H

#include "data/text.h"

typedef struct gdi_dialect {
  char delimiter; /* ' ': any run of blanks and tabs */
  char quote;     /* 0: none */
  char comment;   /* it and what follows it in a line are left out; 0: none */
  char decimal;   /* . or , */
  char thousands; /* 0: none */
  bool trim;      /* blanks at the ends of text that is not quoted are left out */
  int64_t skip;   /* lines before the first record: comments, "sep=;" */
} gdi_dialect;

typedef struct gdi_field {
  char *raw;  /* UTF-8, NUL-terminated, as it is written: a text */
  char *text; /* without blanks at its ends unless it is quoted: a number, a date, a word for missing */
  bool quoted, blanks; /* raw has blanks that text has not */
} gdi_field;

typedef struct gdi_csv {
  const char *path;
  const gdi_dialect *dialect;
  gdi_text *text; /* NULL: all there is lies in the window */
  char *window;
  size_t at, have, room;
  int64_t line, next_line;
  int columns; /* fields of every record: as many as the first has */
  int n;       /* fields of this one */
  gdi_field *field;
  int field_room;
  char *record; /* the texts of its fields, one after the other */
  size_t used, record_room;
  size_t *start;       /* [n][2] where raw and text begin in it */
  bool ragged;         /* records may differ in length: the caller looks at them */
  int64_t blank_quote; /* the first line where blanks stand before a quote; 0: none */
  bool lone_cr;        /* a line ended in CR alone */
} gdi_csv;

/* Errors of all: GD_ERR_DATA with file, line and field (both counted from 1), GD_ERR_OOM */
gd_status gdi_csv_open(gdi_csv *c, gdi_text *text, const gdi_dialect *d) GD_CHECKED;
/* Over n bytes in memory, which stay the caller's. */
gd_status gdi_csv_open_memory(gdi_csv *c, const char *path, char *bytes, size_t n,
                              const gdi_dialect *d) GD_CHECKED;
void gdi_csv_close(gdi_csv *c); /* not the text */
/* The next record that is not blank; *more is false at the end. Records may not differ in length. */
gd_status gdi_csv_next(gdi_csv *c, bool *more) GD_CHECKED;

#endif
