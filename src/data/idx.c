/* IDX files (MNIST family) and CIFAR binary batches: bytes behind a header that must fit exactly. */
#include <stdlib.h>
#include <string.h>

#include "data/elements.h"
#include "data/notes.h"
#include "data/table.h"

/* ---- IDX: 0 0 type ndim, extents as big-endian u32, values, the first byte first ---- */

enum { QMNIST_COLUMNS = 8 };

typedef struct idx {
  gdi_file file;
  gdi_elements e;
  int ndim;
  int64_t shape[GD_MAX_DIMS], n;
} idx;

static gd_status idx_type(idx *a, int code) {
  static const struct {
    int code;
    gdi_elements e;
  } known[] = {{0x08, {'u', 1, true}}, {0x09, {'i', 1, true}}, {0x0b, {'i', 2, true}},
               {0x0c, {'i', 4, true}}, {0x0d, {'f', 4, true}}, {0x0e, {'f', 8, true}}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].code == code) {
      a->e = known[i].e;
      return GD_OK;
    }
  return GD_FAIL(GD_ERR_DATA,
                 "%s: its values are of IDX type %02x; 08 (bytes), 09, 0b, 0c, 0d and 0e are read",
                 a->file.path, code);
}

static gd_status idx_open(idx *a, const char *path) {
  uint8_t magic[4], big[4];
  GD_TRY(gdi_file_open(&a->file, path));
  GD_TRY(gdi_file_read(&a->file, "header", magic, sizeof magic));
  if (magic[0] != 0 || magic[1] != 0)
    return GD_FAIL(GD_ERR_DATA, "%s: not an IDX file: it starts with %02x %02x, not 00 00", path, magic[0],
                   magic[1]);
  GD_TRY(idx_type(a, magic[2]));
  if (magic[3] < 1 || magic[3] > GD_MAX_DIMS)
    return GD_FAIL(GD_ERR_DATA, "%s: it has %d dimensions; 1 to %d are possible", path, magic[3],
                   GD_MAX_DIMS);
  a->ndim = magic[3];
  uint64_t n = 1;
  for (int d = 0; d < a->ndim; d++) {
    GD_TRY(gdi_file_read(&a->file, "header", big, sizeof big));
    a->shape[d] = (int64_t)big[0] << 24 | big[1] << 16 | big[2] << 8 | big[3];
    if (a->shape[d] == 0) return GD_FAIL(GD_ERR_DATA, "%s: extent %d of its shape is 0", path, d);
    n = n > (uint64_t)1 << 45 ? n : n * (uint64_t)a->shape[d];
  }
  if (n > (uint64_t)1 << 45) return GD_FAIL(GD_ERR_DATA, "%s: its shape is impossibly large", path);
  a->n = (int64_t)n;
  return gdi_file_expect(&a->file, 4 + 4 * (uint64_t)a->ndim, n * a->e.width);
}

/* QMNIST tells eight things of a digit, the first of which it is. */
static gd_status take_first_column(gd_table *t, idx *y) {
  double *all = malloc((size_t)y->n * sizeof *all);
  if (!all) return GD_FAIL(GD_ERR_OOM, "no memory for %lld labels", (long long)y->n);
  gd_status st = gdi_elements_read(&y->e, &y->file, y->n, GD_F64, all);
  for (int64_t i = 0; i < t->n; i++) ((double *)t->y)[i] = all[i * QMNIST_COLUMNS];
  free(all);
  GD_TRY(st);
  return gdi_notes_add(&t->notes, "y: of its %d columns the first is the class, as in QMNIST",
                       QMNIST_COLUMNS);
}

static gd_status check_idx(const idx *x, const idx *y, bool qmnist) {
  if (x->ndim < 2) return GD_FAIL(GD_ERR_DATA, "%s: it has 1 dimension: labels, not images?", x->file.path);
  if (y->ndim > 2 || (y->ndim == 2 && y->e.kind != 'f' && y->shape[1] != 1 && !qmnist))
    return GD_FAIL(GD_ERR_DATA, "%s: it has %d dimensions: images, not labels?", y->file.path, y->ndim);
  if (y->shape[0] != x->shape[0])
    return GD_FAIL(GD_ERR_DATA, "%s: %lld labels for the %lld images of %s", y->file.path,
                   (long long)y->shape[0], (long long)x->shape[0], x->file.path);
  return GD_OK;
}

static gd_status import_idx(gd_table *t, idx *x, idx *y) {
  const bool qmnist = y->ndim == 2 && y->shape[1] == QMNIST_COLUMNS && y->e.kind == 'i' && y->e.width == 4;
  GD_TRY(check_idx(x, y, qmnist));
  t->n = x->shape[0];
  t->ndim = x->ndim - 1;
  memcpy(t->sample, x->shape + 1, sizeof t->sample);
  t->x_type = gdi_elements_type(&x->e);
  t->labels = y->e.kind != 'f';
  t->targets = t->labels ? 1 : y->n / t->n;
  t->y_vector = t->labels || y->ndim == 1;
  GD_TRY(gdi_table_alloc(t));
  GD_TRY(gdi_elements_read(&x->e, &x->file, x->n, t->x_type, t->x));
  GD_TRY(qmnist ? take_first_column(t, y) : gdi_elements_read(&y->e, &y->file, y->n, GD_F64, t->y));
  return t->labels ? gdi_table_take_labels(t, y->file.path) : GD_OK;
}

gd_status gd_import_idx(gd_table *out, const char *images, const char *labels) {
  gd_table t = {0};
  idx x = {.n = 0}, y = {.n = 0};
  gd_status st = idx_open(&x, images);
  if (st == GD_OK) st = idx_open(&y, labels);
  if (st == GD_OK) st = import_idx(&t, &x, &y);
  gdi_file_close(&x.file), gdi_file_close(&y.file);
  if (st != GD_OK) gd_table_free(&t);
  *out = t;
  return st;
}

/* ---- CIFAR: records of label bytes and 3 x 32 x 32 pixels, which become 32 x 32 x 3 ---- */

enum { CIFAR_PLANE = 32 * 32, CIFAR_PIXELS = 3 * CIFAR_PLANE };

static gd_status cifar_count(int64_t *n, const char *path, int record) {
  gdi_file f;
  uint8_t first[2] = {0}; /* 80 02 begins a pickle, and no record: there are no so many classes */
  GD_TRY(gdi_file_open(&f, path));
  const gd_status st = f.bytes < 2 ? GD_OK : gdi_file_read(&f, "records", first, sizeof first);
  gdi_file_close(&f);
  GD_TRY(st);
  if (first[0] == 0x80)
    return GD_FAIL(GD_ERR_DATA,
                   "%s: the Python version, whose pickles are not read: take the binary one (%s.tar.gz)",
                   path, record == CIFAR_PIXELS + 1 ? "cifar-10-binary" : "cifar-100-binary");
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
  uint8_t head[2], plane[3][CIFAR_PLANE];
  GD_TRY(gdi_file_open(&f, path));
  gd_status st = GD_OK;
  int n_head = record - CIFAR_PIXELS;
  for (uint64_t left = f.bytes / (uint64_t)record; st == GD_OK && left > 0 && *at < t->n; left--, ++*at) {
    GD_GOTO(st, gdi_file_read(&f, "records", head, (size_t)n_head), done);
    GD_GOTO(st, gdi_file_read(&f, "records", plane, sizeof plane), done);
    for (int k = 0; k < CIFAR_PIXELS; k++) ((uint8_t *)t->x)[*at * CIFAR_PIXELS + k] = plane[k % 3][k / 3];
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
  gd_table t = {.ndim = 3,
                .sample = {32, 32, 3},
                .x_type = GD_U8,
                .layout = GD_CHANNELS_LAST,
                .labels = true,
                .targets = 1,
                .y_vector = true};
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
