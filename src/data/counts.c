/* How often each class occurs in a part of a set. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/order.h"

enum { ROWS = 1 << 16 };

/* Of a source whose samples are made as they are asked for: x is made too, and forgotten. */
static gd_status made(gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  char *x = malloc(d->x_row + 1);
  gd_status st = x ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to count labels");
  for (int64_t i = lo; st == GD_OK && i < hi; i++) st = gdi_dataset_read(d, i, i + 1, x, to + (i - lo));
  free(x);
  return st;
}

/* Labels lo .. hi-1, from memory or from the file. */
static gd_status labels(gd_dataset *d, int64_t lo, int64_t hi, int64_t *buffer, const int64_t **out) {
  *out = (const int64_t *)(const void *)d->loaded_y + lo;
  if (d->loaded_y) return GD_OK;
  *out = buffer;
  if (d->source) return made(d, lo, hi, buffer);
  return gdi_h5_array_read(&d->y, GD_I64, lo, hi, buffer);
}

gd_status gd_label_counts(gd_dataset *d, const gd_order *part, int64_t counts[]) {
  const gd_data_info *i = &d->info;
  if (!i->labels) return GD_FAIL(GD_ERR_USAGE, "%s holds no labels to count", i->path);
  memset(counts, 0, (size_t)i->classes * sizeof *counts);
  uint8_t *bit = NULL;
  int64_t *buffer = malloc(ROWS * sizeof *buffer);
  gd_status st = buffer ? gdi_order_mark(part, &bit) : GD_FAIL(GD_ERR_OOM, "no memory to read labels");
  for (int64_t lo = 0; st == GD_OK && lo < i->n; lo += ROWS) {
    const int64_t hi = lo + ROWS < i->n ? lo + ROWS : i->n, *y;
    st = labels(d, lo, hi, buffer, &y);
    for (int64_t k = lo; st == GD_OK && k < hi; k++)
      if (bit[k / 8] >> k % 8 & 1 && y[k - lo] >= 0 && y[k - lo] < i->classes) counts[y[k - lo]]++;
  }
  free(bit), free(buffer);
  return st;
}
