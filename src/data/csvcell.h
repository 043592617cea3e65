/* What a cell of a table is: a number, a date, missing, or text; and what it might have been meant as. */
#ifndef GDI_DATA_CSVCELL_H
#define GDI_DATA_CSVCELL_H

#include "data/csv.h"

typedef enum gdi_cell {
  GDI_CELL_NUMBER,
  GDI_CELL_MISSING,
  GDI_CELL_TEXT,
  GDI_CELL_DATE,       /* 2019-01-31, with or without a time */
  GDI_CELL_COMMA,      /* 250000,50: a number if the comma is its decimal sign */
  GDI_CELL_POINT,      /* 1.5 where the comma is the decimal sign */
  GDI_CELL_GROUPED,    /* 1,234.5 or 1.234 or 1'234: a number if digits are grouped so */
  GDI_CELL_RANGE,      /* 1e400, inf: not finite */
  GDI_CELL_UNIT,       /* 5 %, $3 */
  GDI_CELL_OTHER_DATE, /* 31.01.2019, 1/31/2019 */
  GDI_CELLS
} gdi_cell;

typedef struct gdi_cells {
  char decimal, thousands;
  const char *
      missing; /* words with commas between; NULL: the usual ones; "" or "none": none. No text is missing in any case */
} gdi_cells;

/* *value: of a number; of a date, days since 1970-01-01. */
gdi_cell gdi_cell_of(const gdi_cells *how, const char *text, double *value);
/* A finite decimal number and nothing else, whatever the locale. */
bool gdi_csv_number(const char *text, double *out);
/* Could it be a number, with either decimal sign and any groups? */
bool gdi_cell_numeric(const char *text);

#endif
