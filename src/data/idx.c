/* IDX files (MNIST family) and CIFAR binary batches: bytes behind a header that must fit exactly. */
#include <stdlib.h>
#include <string.h>

#include "data/file.h"
#include "data/table.h"

/* ---- IDX: 0 0 type ndim, extents as big-endian u32, values ---- */

enum { IDX_U8 = 0x08 };

static gd_status idx_header(gdi_file *f, int *ndim, int64_t extent[GD_MAX_DIMS], int64_t *values) {
  uint8_t magic[4], big[4];
  GD_TRY(gdi_file_read(f, "header", magic, sizeof magic));
  if (magic[0] != 0 || magic[1] != 0)
    return GD_FAIL(GD_ERR_DATA, "%s: not an IDX file: it starts with %02x %02x, not 00 00", f->path, magic[0],
                   magic[1]);
  if (magic[2] != IDX_U8)
    return GD_FAIL(GD_ERR_DATA, "%s: its values are of IDX type %02x; only bytes (08) are read", f->path,
                   magic[2]);
  if (magic[3] < 1 || magic[3] > GD_MAX_DIMS)
    return GD_FAIL(GD_ERR_DATA, "%s: it has %d dimensions; 1 to %d are possible", f->path, magic[3],
                   GD_MAX_DIMS);
  *ndim = magic[3];
  uint64_t n = 1;
  for (int d = 0; d < *ndim; d++) {
    GD_TRY(gdi_file_read(f, "header", big, sizeof big));
    extent[d] = (int64_t)big[0] << 24 | big[1] << 16 | big[2] << 8 | big[3];
    if (extent[d] == 0) return GD_FAIL(GD_ERR_DATA, "%s: extent %d of its shape is 0", f->path, d);
    if (n > (uint64_t)1 << 48) return GD_FAIL(GD_ERR_DATA, "%s: its shape is impossibly large", f->path);
    n *= (uint64_t)extent[d];
  }
  if (n > (uint64_t)1 << 48) return GD_FAIL(GD_ERR_DATA, "%s: its shape is impossibly large", f->path);
  GD_TRY(gdi_file_expect(f, 4 + 4 * (uint64_t)*ndim, n));
  *values = (int64_t)n;
  return GD_OK;
}

static gd_status idx_values(gdi_file *f, void *to, int64_t n) {
  GD_TRY(gdi_file_read(f, "values", to, (size_t)n));
  return gdi_file_end(f);
}

static void widen_labels(gd_table *t, const uint8_t *label) {
  for (int64_t i = 0; i < t->n; i++) {
    ((int64_t *)t->y)[i] = label[i];
    if (label[i] >= t->classes) t->classes = label[i] + 1;
  }
}

static gd_status import_idx(gd_table *t, gdi_file *images, gdi_file *labels, uint8_t **label) {
  int ndim, label_ndim;
  int64_t extent[GD_MAX_DIMS], n_labels, values;
  GD_TRY(idx_header(images, &ndim, extent, &values));
  if (ndim < 2) return GD_FAIL(GD_ERR_DATA, "%s: it has 1 dimension: labels, not images?", images->path);
  t->n = extent[0];
  t->ndim = ndim - 1;
  memcpy(t->sample, extent + 1, (size_t)t->ndim * sizeof *extent);
  GD_TRY(idx_header(labels, &label_ndim, extent, &n_labels));
  if (label_ndim != 1)
    return GD_FAIL(GD_ERR_DATA, "%s: it has %d dimensions: images, not labels?", labels->path, label_ndim);
  if (n_labels != t->n)
    return GD_FAIL(GD_ERR_DATA, "%s: %lld labels for the %lld images of %s", labels->path,
                   (long long)n_labels, (long long)t->n, images->path);
  GD_TRY(gdi_table_alloc(t));
  GD_TRY(idx_values(images, t->x, values));
  *label = malloc((size_t)n_labels);
  if (!*label) return GD_FAIL(GD_ERR_OOM, "no memory for %lld labels", (long long)n_labels);
  GD_TRY(idx_values(labels, *label, n_labels));
  widen_labels(t, *label);
  return gdi_table_number_classes(t);
}

gd_status gd_import_idx(gd_table *out, const char *images, const char *labels) {
  gd_table t = {.x_type = GD_U8, .labels = true, .targets = 1, .y_vector = true};
  gdi_file files[2] = {{0}};
  uint8_t *label = NULL;
  gd_status st = gdi_file_open(&files[0], images);
  if (st == GD_OK) st = gdi_file_open(&files[1], labels);
  if (st == GD_OK) st = import_idx(&t, &files[0], &files[1], &label);
  gdi_file_close(&files[0]);
  gdi_file_close(&files[1]);
  free(label);
  if (st != GD_OK) gd_table_free(&t);
  *out = t;
  return st;
}

/* ---- CIFAR: records of label bytes and 3 x 32 x 32 pixels ---- */

enum { CIFAR_PIXELS = 3 * 32 * 32 };

static gd_status cifar_count(int64_t *n, const char *path, int record) {
  gdi_file f;
  GD_TRY(gdi_file_open(&f, path));
  gdi_file_close(&f);
  if (f.compressed) return GD_FAIL(GD_ERR_DATA, "%s: compressed; unpack it first", path);
  if (f.bytes == 0 || f.bytes % (uint64_t)record != 0)
    return GD_FAIL(GD_ERR_DATA, "%s: %llu bytes are not a whole number of CIFAR records of %d bytes", path,
                   (unsigned long long)f.bytes, record);
  *n += (int64_t)(f.bytes / (uint64_t)record);
  return GD_OK;
}

/* The last label byte of a record is the class (of 100: the fine one). */
static gd_status cifar_records(gd_table *t, int64_t *at, const char *path, int record) {
  gdi_file f;
  uint8_t head[2];
  GD_TRY(gdi_file_open(&f, path));
  gd_status st = GD_OK;
  int n_head = record - CIFAR_PIXELS;
  for (uint64_t left = f.bytes / (uint64_t)record; st == GD_OK && left > 0 && *at < t->n; left--, ++*at) {
    GD_GOTO(st, gdi_file_read(&f, "records", head, (size_t)n_head), done);
    GD_GOTO(st, gdi_file_read(&f, "records", (char *)t->x + *at * CIFAR_PIXELS, CIFAR_PIXELS), done);
    ((int64_t *)t->y)[*at] = head[n_head - 1];
    if (head[n_head - 1] >= t->classes)
      st = GD_FAIL(GD_ERR_DATA, "%s: label %d at record %lld; CIFAR-%lld has classes 0 to %lld", path,
                   head[n_head - 1], (long long)(f.bytes / (uint64_t)record - left), (long long)t->classes,
                   (long long)t->classes - 1);
  }
done:
  gdi_file_close(&f);
  return st;
}

gd_status gd_import_cifar(gd_table *out, const char *const files[], int n, bool hundred) {
  gd_table t = {
      .ndim = 3, .sample = {3, 32, 32}, .x_type = GD_U8, .labels = true, .targets = 1, .y_vector = true};
  const int record = CIFAR_PIXELS + (hundred ? 2 : 1);
  int64_t at = 0;
  *out = t;
  if (n < 1) return GD_FAIL(GD_ERR_USAGE, "no CIFAR files");
  t.classes = hundred ? 100 : 10;
  for (int i = 0; i < n; i++) GD_TRY(cifar_count(&t.n, files[i], record));
  GD_TRY(gdi_table_alloc(&t));
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < n; i++) st = cifar_records(&t, &at, files[i], record);
  if (st == GD_OK && at != t.n)
    st = GD_FAIL(GD_ERR_DATA, "%s: the files changed while they were read", files[0]);
  if (st == GD_OK) st = gdi_table_number_classes(&t);
  if (st != GD_OK) gd_table_free(&t);
  *out = t;
  return st;
}
