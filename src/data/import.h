/* An import of tables: guessed (csvguess.c), seen whole (csvscan.c), judged (csvjudge.c), filled (csvfill.c). */
#ifndef GDI_DATA_IMPORT_H
#define GDI_DATA_IMPORT_H

#include <stdio.h>

#include "data/csvcell.h"
#include "data/words.h"
#include "gd/data.h"

/* The first cell of its kind in a column. */
typedef struct gdi_first {
  int file;
  int64_t line;
  char text[44];
} gdi_first;

typedef enum gdi_use { GDI_FEATURE, GDI_TARGET, GDI_WEIGHT, GDI_DROPPED } gdi_use;
typedef enum gdi_take { GDI_NUMBER, GDI_CLASSES, GDI_ONE_HOT, GDI_INDEX, GDI_DATE } gdi_take;

typedef struct gdi_column {
  char *name; /* NULL: it has none */
  gdi_use use;
  int at;        /* which feature or target it is, of those in use; -1: dropped */
  gdi_take take; /* what it is taken for */
  bool asked;    /* as categories or classes, whatever its cells are */
  int64_t count[GDI_CELLS];
  gdi_first first[GDI_CELLS];
  gdi_words words;            /* while it may hold classes or categories */
  int64_t n_words;            /* after judging: how many there are once equal numbers are one */
  gdi_first too_many, blanks; /* line 0: not seen */
  bool empty;                 /* every cell is empty, and without quotes */
  bool counts;                /* every cell is one more than the one before, from 0 or 1 */
  double previous;
  int64_t x, n_x; /* where it lies in a sample, and how many values it becomes */
} gdi_column;

typedef struct gdi_import {
  const gd_csv_options *o;
  const char *const *file;
  int n_files;
  gdi_text *text; /* [n_files]: of the file at hand, and of pipes */
  gdi_dialect dialect;
  gdi_cells cells;
  bool header;
  int columns;
  gdi_column *column;
  int n_features, n_targets;
  int *feature, *target; /* columns in the order of the sample and of the targets */
  int weight;            /* the column with weights of samples; -1: there is none */
  int64_t rows, dropped; /* records, and those of them that are left out for a missing value */
  bool lone_cr;
  int64_t blank_quote; /* as of the reader */
  int64_t line_of_names;
  FILE *notes;
  char *note_text;
  size_t note_bytes;
} gdi_import;

/* What is guessed about the first file: dialect and header. */
gd_status gdi_csv_guess(gdi_import *m) GD_CHECKED;
/* Columns of the options, once the first record is known. Errors: GD_ERR_USAGE, GD_ERR_DATA */
gd_status gdi_columns_choose(gdi_import *m, const char *path) GD_CHECKED;
/* The columns of a list in its order; *n of them, each once. Owner: caller. `what`: the option */
gd_status gdi_columns_listed(const gdi_import *m, const char *what, const char *list, int **out,
                             int *n) GD_CHECKED;
/* All cells are seen. */
gd_status gdi_csv_scan(gdi_import *m) GD_CHECKED;
/* Where an earlier import is named: its categories are added to those that were seen. */
gd_status gdi_csv_like(gdi_import *m) GD_CHECKED;
/* What each column is; or what contradicts. */
gd_status gdi_csv_judge(gdi_import *m) GD_CHECKED;
gd_status gdi_csv_fill(gd_table *t, gdi_import *m) GD_CHECKED;
/* Summary of what became of the columns. */
gd_status gdi_csv_summarize(gd_table *t, gdi_import *m) GD_CHECKED;

/* Open file i, or begin it again. */
gd_status gdi_import_text(gdi_import *m, int i) GD_CHECKED;
/* The same and the reader over it, under the dialect; close both by gdi_import_close(). */
gd_status gdi_import_open(gdi_import *m, int i, gdi_csv *c) GD_CHECKED;
void gdi_import_close(gdi_import *m, int i, gdi_csv *c);
/* A line for people: what was taken for what, and what says otherwise. */
void gdi_note(gdi_import *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What messages call file i. */
static inline const char *gdi_file_text(const gdi_import *m, int i) {
  return m->file[i][0] == '-' && m->file[i][1] == 0 ? "standard input" : m->file[i];
}
/* "column 3 (alcohol)". Returns buf. */
const char *gdi_column_text(const gdi_import *m, int column, char buf[128]);
/* How an option names the column: by its name, quoted for a shell where it must be, else its position. Returns buf. */
const char *gdi_column_word(const gdi_import *m, int column, char buf[128]);
/* Can a row be used, or does a missing value in column i leave it out? */
static inline bool gdi_missing_drops(const gdi_import *m, int i) {
  return m->column[i].use != GDI_DROPPED && m->o->on_missing == GD_MISSING_DROPS_ROW;
}

#endif
