/* Data sets of programs, behind gd_dataset. */
#ifndef GDI_DATA_SOURCE_H
#define GDI_DATA_SOURCE_H

#include "data/dataset.h"

/* `name`: with its arguments. Close it whatever happens. Errors: GD_ERR_DATA and those of its open() */
gd_status gdi_source_open(gd_dataset *d, const gd_dataset_source *source, const char *name) GD_CHECKED;
void gdi_source_close(gd_dataset *d);
/* As gdi_dataset_read(), unchecked. */
gd_status gdi_source_read(gd_dataset *d, int64_t lo, int64_t hi, char *x, char *y) GD_CHECKED;

#endif
