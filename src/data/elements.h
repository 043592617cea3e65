/* Numbers as files of others store them: of any width, byte order and kind. */
#ifndef GDI_DATA_ELEMENTS_H
#define GDI_DATA_ELEMENTS_H

#include <stddef.h>

#include "data/file.h"
#include "gd/tensor.h"

typedef struct gdi_elements {
  char kind;    /* f: float, i: integer, u: unsigned, b: truth */
  size_t width; /* bytes of one */
  bool big;     /* the first byte counts most */
} gdi_elements;

/* Is it read? Floats of 2, 4, 8 bytes, integers of 1 to 8, truth of 1. */
bool gdi_elements_known(const gdi_elements *e);
/* The narrowest of a table's types that holds all of them: u8, f32, or f64. */
gd_dtype gdi_elements_type(const gdi_elements *e);
/*
 * The next n of a file become `type` (u8: as they are, f32 or f64) at `to`, and nothing may follow them. Errors:
 * GD_ERR_DATA, also for a whole number that a double cannot hold
 */
gd_status gdi_elements_read(const gdi_elements *e, gdi_file *f, int64_t n, gd_dtype type,
                            void *to) GD_CHECKED;

#endif
