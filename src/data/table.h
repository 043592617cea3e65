/* A data set in memory, about to be written to a file: what generators and importers share. */
#ifndef GDI_DATA_TABLE_H
#define GDI_DATA_TABLE_H

#include "base/h5write.h"
#include "gd/data.h"

/* Zeroed memory for x and y by the table's n, sample shape, x_type, labels and targets. Errors: GD_ERR_OOM */
gd_status gdi_table_alloc(gd_table *t) GD_CHECKED;
/* Names "0", "1", ... for t->classes classes. */
gd_status gdi_table_number_classes(gd_table *t) GD_CHECKED;
/* Numbers in t->y become labels, and their classes are numbered. Errors: GD_ERR_DATA: one is no class; `path` is named */
gd_status gdi_table_take_labels(gd_table *t, const char *path) GD_CHECKED;

/* The columns of an import, below /summary: what gd_data_columns() reads. */
gd_status gdi_columns_put(gdi_h5_writer *w, const gd_column *c, int64_t n) GD_CHECKED;

#endif
