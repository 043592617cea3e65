/* The summary of an import in a data file: /summary/name, use and type (text), and numbers [n, 5]. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/names.h"
#include "data/table.h"

enum { MISSING, DISTINCT, LEAST, MEAN, LARGEST, FIELDS, MAX_COLUMNS = 1 << 18 };

/* One text of each column, fixed strings of `width` bytes that begin at `offset` of a gd_column. */
static gd_status put_texts(gdi_h5_writer *w, const char *array, const gd_column *c, int64_t n, size_t offset,
                           size_t width) {
  char *text = calloc((size_t)n, width);
  if (!text) return GD_FAIL(GD_ERR_OOM, "no memory for %lld columns", (long long)n);
  for (int64_t i = 0; i < n; i++) memcpy(text + (size_t)i * width, (const char *)&c[i] + offset, width);
  const gd_status st = gdi_h5_put_text(w, array, n, width, text);
  free(text);
  return st;
}

gd_status gdi_columns_put(gdi_h5_writer *w, const gd_column *c, int64_t n) {
  if (n == 0) return GD_OK;
  size_t width = 1;
  for (int64_t i = 0; i < n; i++) width = strlen(c[i].name) > width ? strlen(c[i].name) : width;
  GD_TRY(put_texts(w, "summary/name", c, n, offsetof(gd_column, name), width));
  GD_TRY(put_texts(w, "summary/use", c, n, offsetof(gd_column, use), sizeof c->use));
  GD_TRY(put_texts(w, "summary/type", c, n, offsetof(gd_column, type), sizeof c->type));
  double *v = malloc((size_t)n * FIELDS * sizeof *v);
  if (!v) return GD_FAIL(GD_ERR_OOM, "no memory for %lld columns", (long long)n);
  for (int64_t i = 0; i < n; i++) {
    const double row[FIELDS] = {(double)c[i].missing, (double)c[i].distinct, c[i].min, c[i].mean, c[i].max};
    memcpy(v + i * FIELDS, row, sizeof row);
  }
  const gd_status st = gdi_h5_put(w, "summary/numbers", GD_F64, 2, (const int64_t[]){n, FIELDS}, v);
  free(v);
  return st;
}

/* ---- reading: a stranger's file ---- */

static gd_status read_texts(gdi_h5 *f, const char *array, gd_column *c, int64_t n, size_t offset,
                            size_t width) {
  gdi_h5_array a;
  GD_TRY(gdi_h5_array_open(&a, f, array));
  char *text = calloc((size_t)n, width);
  gd_status st = text ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %lld columns", (long long)n);
  if (st == GD_OK && (!a.text || a.ndim != 1 || a.n != n || a.width > 256))
    st = GDI_H5_REFUSE(f, array, "not a text for each of %lld columns", (long long)n);
  if (st == GD_OK) st = gdi_h5_array_read_text(&a, width, text);
  for (int64_t i = 0; st == GD_OK && i < n; i++)
    memcpy((char *)&c[i] + offset, text + (size_t)i * width, width);
  free(text);
  gdi_h5_array_close(&a);
  return st;
}

static int64_t whole(double v) {
  return v > -0x1p53 && v < 0x1p53 ? (int64_t)v : 0;
}

static gd_status read_columns(gdi_h5 *f, const gdi_h5_array *a, gd_column **out, int64_t *n) {
  if (a->text || a->ndim != 2 || a->shape[1] != FIELDS || a->shape[0] > MAX_COLUMNS)
    return GDI_H5_REFUSE(f, a->name, "not %d numbers for each column", FIELDS);
  double *v = malloc((size_t)(a->n + 1) * sizeof *v);
  gd_column *c = *out = calloc((size_t)a->shape[0] + 1, sizeof *c);
  gd_status st = v && c ? gdi_h5_array_read(a, GD_F64, 0, a->shape[0], v)
                        : GD_FAIL(GD_ERR_OOM, "no memory for %lld columns", (long long)a->shape[0]);
  if (st == GD_OK)
    st = read_texts(f, "summary/name", c, a->shape[0], offsetof(gd_column, name), sizeof c->name);
  if (st == GD_OK) st = read_texts(f, "summary/use", c, a->shape[0], offsetof(gd_column, use), sizeof c->use);
  if (st == GD_OK)
    st = read_texts(f, "summary/type", c, a->shape[0], offsetof(gd_column, type), sizeof c->type);
  for (int64_t i = 0; st == GD_OK && i < a->shape[0]; i++) {
    const double *row = v + i * FIELDS;
    c[i].missing = whole(row[MISSING]), c[i].distinct = whole(row[DISTINCT]);
    c[i].min = row[LEAST], c[i].mean = row[MEAN], c[i].max = row[LARGEST];
  }
  free(v);
  *n = a->shape[0];
  return st;
}

gd_status gd_data_columns(gd_column **out, int64_t *n, const char *path) {
  gdi_h5 f;
  gdi_h5_array a;
  *out = NULL, *n = 0;
  GD_TRY(gdi_h5_look(path, GD_ERR_DATA));
  GD_TRY(gdi_h5_open(&f, path, GD_ERR_DATA));
  gd_status st = GD_OK;
  if (gdi_h5_has(&f, "summary/numbers")) {
    st = gdi_h5_array_open(&a, &f, "summary/numbers");
    if (st == GD_OK) st = read_columns(&f, &a, out, n);
    if (st == GD_OK || a.id > 0) gdi_h5_array_close(&a);
  }
  gdi_h5_close(&f);
  if (st != GD_OK) free(*out), *out = NULL, *n = 0;
  return st;
}
