/* What a data set consists of: how much room its samples take, how they are best read, and the end of its file. */
#include <string.h>

#include "data/dataset.h"

enum { ALIGNED = 8 };

gd_status gdi_dataset_add_field(gd_dataset *d, const gd_source_field *f, const gdi_h5_array *array) {
  gd_data_info *i = &d->info;
  gdi_dataset_field *m = &d->more[i->n_more];
  *m = (gdi_dataset_field){.n = 1};
  for (int k = 0; k < f->ndim; k++) m->n *= f->shape[k];
  if (array) m->array = *array;
  i->more[i->n_more++] = *f;
  if (strcmp(f->name, "w") != 0) return GD_OK;
  snprintf(i->w_name, sizeof i->w_name, "%.63s", array ? array->name : f->name);
  if (m->n == 1 && !f->index && !f->input) return GD_OK;
  return GD_FAIL(GD_ERR_DATA,
                 "%s: a field named w is the weight of the sample, one number; give this one another name",
                 i->path);
}

static size_t aligned(size_t bytes) {
  return (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
}

void gdi_dataset_measure(gd_dataset *d) {
  gd_data_info *i = &d->info;
  d->x_row = (size_t)d->features * gd_dtype_bytes(i->x_type);
  d->byte_labels = i->y_ndim > 0 && d->y.type == GD_U8 && d->ignored == UINT8_MAX;
  d->y_row = aligned((size_t)i->targets * (d->byte_labels ? 1 : sizeof(double)));
  for (int f = 0; f < i->n_more; f++) {
    const size_t bytes = (size_t)d->more[f].n * gd_dtype_bytes(i->more[f].dtype);
    d->more[f].offset = d->y_row;
    d->y_row += aligned(bytes);
  }
  i->x_bytes = d->image_at ? (size_t)d->x.n : (size_t)i->n * d->x_row;
  i->y_bytes = (size_t)i->n * d->y_row;
}

void gdi_dataset_close_file(gd_dataset *d) {
  gdi_h5_array_close(&d->x);
  gdi_h5_array_close(&d->y);
  for (int f = 0; f < d->info.n_more; f++) gdi_h5_array_close(&d->more[f].array);
  gdi_h5_close(&d->file);
}

int64_t gdi_dataset_read_rows(const gd_dataset *d, size_t bytes) {
  int64_t chunk = d->x.chunk_rows > 0 && !d->image_at ? d->x.chunk_rows : 1;
  int64_t rows = (int64_t)(bytes / (d->x_row + d->y_row)) / chunk * chunk;
  return rows > chunk ? rows : chunk;
}
