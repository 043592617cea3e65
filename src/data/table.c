#include "data/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/h5write.h"
#include "data/encoded.h"
#include "data/names.h"

enum { MAX_CLASSES = 1 << 16 };

static int64_t values_of_sample(int ndim, const int64_t sample[]) {
  int64_t n = 1;
  for (int d = 0; d < ndim; d++) n *= sample[d];
  return n;
}

static int64_t values_of_target(const gd_table *t) {
  return t->labels ? values_of_sample(t->y_ndim, t->y_sample) : t->targets;
}

gd_status gdi_table_alloc(gd_table *t) {
  size_t rows = (size_t)(t->n + t->n_val), features = (size_t)values_of_sample(t->ndim, t->sample);
  t->x = calloc(rows * features + 1, gd_dtype_bytes(t->x_type));
  t->y = calloc(rows * (size_t)values_of_target(t) + 1, sizeof(double));
  if (t->x && t->y) return GD_OK;
  gd_table_free(t);
  return GD_FAIL(GD_ERR_OOM, "no memory for %zu samples of %zu values", rows, features);
}

gd_status gdi_table_number_classes(gd_table *t) {
  t->class_name = calloc((size_t)t->classes + 1, sizeof *t->class_name);
  if (!t->class_name) return GD_FAIL(GD_ERR_OOM, "no memory for %lld class names", (long long)t->classes);
  for (int64_t c = 0; c < t->classes; c++)
    snprintf(t->class_name[c], GD_MAX_CLASS_NAME, "%lld", (long long)c);
  return GD_OK;
}

gd_status gdi_table_take_labels(gd_table *t, const char *path) {
  double *value = t->y;
  for (int64_t i = 0; i < t->n * values_of_target(t); i++) {
    double v = value[i];
    if (!(v == -100 || (v >= 0 && v < MAX_CLASSES && v == (double)(int64_t)v)))
      return GD_FAIL(
          GD_ERR_DATA,
          "%s: %g at position %lld is no class: 0, 1, 2 ... %d, or -100 to be ignored; save numbers to "
          "predict as floats",
          path, v, (long long)i, MAX_CLASSES - 1);
    int64_t label = (int64_t)v;
    memcpy(&value[i], &label, sizeof label);
    if (label >= t->classes) t->classes = label + 1;
  }
  return t->classes > 0 ? gdi_table_number_classes(t) : GD_FAIL(GD_ERR_DATA, "%s: no label at all", path);
}

void gd_table_free(gd_table *t) {
  free(t->x), free(t->y), free(t->w), free(t->image_at), free(t->class_name), free(t->column), free(t->notes);
  gd_names_free(&t->names);
  *t = (gd_table){0};
}

/* Samples lo .. lo + n - 1. */
static gd_status put_x(gdi_h5_writer *w, const gd_table *t, const char *name, int64_t lo, int64_t n) {

  int64_t shape[GD_MAX_DIMS] = {n};
  for (int d = 0; d < t->ndim; d++) shape[d + 1] = t->sample[d];
  const size_t row = (size_t)values_of_sample(t->ndim, t->sample) * gd_dtype_bytes(t->x_type);
  if (t->image_at)
    GD_TRY(gdi_encoded_put(w, t, name, lo, n));
  else
    GD_TRY(gdi_h5_put(w, name, t->x_type, t->ndim + 1, shape, (const char *)t->x + (size_t)lo * row));
  return t->layout ? gdi_h5_put_attr_text(w, name, "layout", gdi_layout_word(t->layout)) : GD_OK;
}

/* Labels of pixels are bytes where they can be: 255 of them is the one that does not count. */
static gd_status put_masks(gdi_h5_writer *w, const gd_table *t, const char *name, int64_t lo, int64_t n) {
  const int64_t each = values_of_target(t), *label = (const int64_t *)t->y + lo * each;
  const bool bytes = t->classes <= UINT8_MAX;
  uint8_t *byte = bytes ? malloc((size_t)(n * each) + 1) : NULL;
  int64_t shape[GD_MAX_DIMS] = {n};
  if (bytes && !byte) return GD_FAIL(GD_ERR_OOM, "no memory for labels of %lld samples", (long long)n);
  for (int64_t i = 0; bytes && i < n * each; i++) byte[i] = label[i] < 0 ? UINT8_MAX : (uint8_t)label[i];
  memcpy(shape + 1, t->y_sample, (size_t)t->y_ndim * sizeof *shape);
  gd_status st = bytes ? gdi_h5_put(w, name, GD_U8, t->y_ndim + 1, shape, byte)
                       : gdi_h5_put(w, name, GD_I64, t->y_ndim + 1, shape, label);
  free(byte);
  return st == GD_OK ? gdi_h5_put_attr_i64(w, name, "classes", t->classes) : st;
}

static gd_status put_y(gdi_h5_writer *w, const gd_table *t, const char *name, int64_t lo, int64_t n) {
  const int64_t shape[2] = {n, t->targets};
  if (t->labels && t->y_ndim > 0) return put_masks(w, t, name, lo, n);
  GD_TRY(gdi_h5_put(w, name, t->labels ? GD_I64 : GD_F64, t->labels || t->y_vector ? 1 : 2, shape,
                    (const double *)t->y + lo * (t->labels ? 1 : t->targets)));
  return t->labels ? gdi_h5_put_attr_i64(w, name, "classes", t->classes) : GD_OK;
}

static gd_status put_table(gdi_h5_writer *w, const gd_table *t) {
  GD_TRY(put_x(w, t, "x", 0, t->n));
  GD_TRY(gdi_names_put(w, &t->names, "x_names", "y_names"));
  GD_TRY(gdi_columns_put(w, t->column, t->n_columns));
  if (t->targets == 0 && !t->labels) return gdi_h5_finish(w);
  GD_TRY(put_y(w, t, "y", 0, t->n));
  if (t->n_val) GD_TRY(put_x(w, t, "x_val", t->n, t->n_val));
  if (t->n_val) GD_TRY(put_y(w, t, "y_val", t->n, t->n_val));
  if (t->w) GD_TRY(gdi_h5_put(w, "w", GD_F64, 1, &t->n, t->w));
  if (t->w && t->n_val) GD_TRY(gdi_h5_put(w, "w_val", GD_F64, 1, &t->n_val, t->w + t->n));
  if (t->class_name) GD_TRY(gdi_h5_put_text(w, "classes", t->classes, GD_MAX_CLASS_NAME, t->class_name[0]));
  return gdi_h5_finish(w);
}

gd_status gd_table_write(const gd_table *t, const char *path) {
  gdi_h5_writer w;
  gd_status st = gdi_h5_create(&w, path);
  if (st == GD_OK) st = put_table(&w, t);
  if (st == GD_OK) st = gdi_h5_publish(&w);
  if (st != GD_OK) gdi_h5_abandon(&w);
  return st;
}
