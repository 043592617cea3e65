/* The file behind a data set: how much room its samples take, how they are best read, and its end. */
#include "data/dataset.h"

void gdi_dataset_measure(gd_dataset *d) {
  if (d->source) return; /* it has told, and its fields stay as they are */
  d->x_row = (size_t)d->features * gd_dtype_bytes(d->info.x_type);
  d->y_row = (size_t)d->info.targets * sizeof(double);
  d->info.x_bytes = (size_t)d->info.n * d->x_row;
  d->info.y_bytes = (size_t)d->info.n * d->y_row;
}

void gdi_dataset_close_file(gd_dataset *d) {
  gdi_h5_array_close(&d->x);
  gdi_h5_array_close(&d->y);
  gdi_h5_close(&d->file);
}

int64_t gdi_dataset_read_rows(const gd_dataset *d, size_t bytes) {
  int64_t chunk = d->x.chunk_rows > 0 ? d->x.chunk_rows : 1;
  int64_t rows = (int64_t)(bytes / (d->x_row + d->y_row)) / chunk * chunk;
  return rows > chunk ? rows : chunk;
}
