#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/table.h"

enum { READ_BYTES = 4 << 20, BLOCK_BYTES = 256 << 10 };
enum { MAX_CLASSES = 1 << 20 }; /* as many as a checkpoint holds */
enum { DIGEST_ALL_BYTES = 64 << 20, DIGEST_SAMPLES = 1024 };

/* ---- which arrays ---- */

static gd_status append_name(void *user, const char *name) {
  char *list = user;
  size_t used = strlen(list);
  if (used < 200) snprintf(list + used, 280 - used, "%s%.64s", used ? ", " : "", name);
  return GD_OK;
}

static gd_status find_arrays(gd_dataset *d, const gd_data_options *o) {
  static const char *const known[][2] = {
      {"x", "y"}, {"data/data", "data/label"}, {"data", "label"}, {"data", "labels"}, {"images", "labels"},
      {"X", "y"}, {"features", "targets"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const char *x = o && o->x_name ? o->x_name : known[i][0], *y = o && o->y_name ? o->y_name : known[i][1];
    if (!gdi_h5_has(&d->file, x) || !gdi_h5_has(&d->file, y)) continue;
    if (strlen(x) >= sizeof d->info.x_name || strlen(y) >= sizeof d->info.y_name)
      return GD_FAIL(GD_ERR_DATA, "%s: the names of the arrays are too long", d->file.path);
    strcpy(d->info.x_name, x);
    strcpy(d->info.y_name, y);
    return GD_OK;
  }
  char found[280] = "";
  GD_TRY(gdi_h5_list(&d->file, "/", append_name, found));
  return GD_FAIL(GD_ERR_DATA, "%s: no samples and targets named %s and %s; it holds: %s", d->file.path,
                 o && o->x_name ? o->x_name : "x, data, images, X or features",
                 o && o->y_name ? o->y_name : "y, label, labels or targets", *found ? found : "no arrays");
}

static gd_status open_x(gd_dataset *d) {
  gd_data_info *info = &d->info;
  GD_TRY(gdi_h5_array_open(&d->x, &d->file, info->x_name));
  if (d->x.text) return GDI_H5_REFUSE(&d->file, info->x_name, "it holds text, not numbers");
  if (d->x.ndim < 1 || d->x.n < 1) return GDI_H5_REFUSE(&d->file, info->x_name, "it holds no samples");
  info->n = d->x.shape[0];
  info->ndim = d->x.ndim - 1;
  memcpy(info->sample, d->x.shape + 1, sizeof info->sample);
  info->x_type = d->x.type;
  info->x_scale = info->x_type == GD_U8 ? 1.0 / 255 : 1;
  if (gdi_h5_has_attr(&d->file, info->x_name, "scale"))
    GD_TRY(gdi_h5_attr_f64(&d->file, info->x_name, "scale", &info->x_scale));
  if (!(info->x_scale - info->x_scale == 0))
    return GDI_H5_REFUSE(&d->file, info->x_name, "its scale is not a finite number");
  d->features = d->x.n / info->n;
  d->x_row = (size_t)d->features * gd_dtype_bytes(info->x_type);
  info->x_bytes = (size_t)info->n * d->x_row;
  info->checksummed = d->x.checksummed;
  return GD_OK;
}

static gd_status open_y(gd_dataset *d) {
  gd_data_info *info = &d->info;
  gdi_h5_array *y = &d->y;
  GD_TRY(gdi_h5_array_open(y, &d->file, info->y_name));
  if (y->text)
    return GDI_H5_REFUSE(&d->file, info->y_name, "it holds text; store class numbers and their names");
  if (y->ndim < 1 || y->ndim > 2)
    return GDI_H5_REFUSE(&d->file, info->y_name, "it must have 1 or 2 dimensions, not %d", y->ndim);
  if (y->shape[0] != info->n)
    return GDI_H5_REFUSE(&d->file, info->y_name, "it has %lld rows, but %s has %lld samples",
                         (long long)y->shape[0], info->x_name, (long long)info->n);
  info->y_vector = y->ndim == 1;
  info->targets = y->n / info->n;
  if (info->targets < 1) return GDI_H5_REFUSE(&d->file, info->y_name, "it holds no targets");
  info->labels = y->type != GD_F32 && y->type != GD_F64 && info->targets == 1;
  d->y_row = (size_t)info->targets * sizeof(double);
  info->y_bytes = (size_t)info->n * d->y_row;
  return GD_OK;
}

/* ---- classes: their names, or a stored number, or one more than the largest label ---- */

/* -1: all are ignored. `any`: the first that is found will do. */
static gd_status largest_label(gd_dataset *d, bool any, int64_t *out) {
  enum { ROWS = 1 << 16 };
  int64_t *label = malloc(ROWS * sizeof *label), most = -1;
  if (!label) return GD_FAIL(GD_ERR_OOM, "no memory to read labels");
  gd_status st = GD_OK;
  for (int64_t lo = 0; st == GD_OK && lo < d->info.n && !(any && most >= 0); lo += ROWS) {
    int64_t hi = lo + ROWS < d->info.n ? lo + ROWS : d->info.n;
    st = gdi_h5_array_read(&d->y, GD_I64, lo, hi, label);
    for (int64_t i = 0; st == GD_OK && i < hi - lo; i++)
      if (label[i] > most) most = label[i];
  }
  free(label);
  *out = most;
  return st;
}

static gd_status read_class_names(gd_dataset *d) {
  gdi_h5_array names;
  GD_TRY(gdi_h5_array_open(&names, &d->file, "classes"));
  gd_status st = GD_OK;
  if (!names.text || names.ndim != 1 || names.n < 1 || names.n > MAX_CLASSES) {
    st = GDI_H5_REFUSE(&d->file, "classes", "it must be a list of fixed strings");
  } else {
    d->info.classes = names.n;
    d->info.class_name = calloc((size_t)names.n, sizeof *d->info.class_name);
    st = d->info.class_name ? gdi_h5_array_read_text(&names, GD_MAX_CLASS_NAME, d->info.class_name[0])
                            : GD_FAIL(GD_ERR_OOM, "no memory for class names");
  }
  gdi_h5_array_close(&names);
  return st;
}

static gd_status find_classes(gd_dataset *d) {
  if (gdi_h5_has(&d->file, "classes")) return read_class_names(d);
  if (gdi_h5_has_attr(&d->file, d->info.y_name, "classes")) {
    GD_TRY(gdi_h5_attr_i64(&d->file, d->info.y_name, "classes", &d->info.classes));
  } else {
    int64_t largest = 0;
    GD_TRY(largest_label(d, false, &largest));
    if (largest >= MAX_CLASSES)
      return GDI_H5_REFUSE(&d->file, d->info.y_name, "a label of %lld", (long long)largest);
    d->info.classes = largest < 0 ? 1 : largest + 1;
  }
  if (d->info.classes < 1 || d->info.classes > MAX_CLASSES)
    return GDI_H5_REFUSE(&d->file, d->info.y_name, "%lld classes", (long long)d->info.classes);
  return GD_OK;
}

/* ---- open and close ---- */

static bool must_stream(const gd_dataset *d, const gd_data_options *o) {
  if (o && o->memory != GD_MEMORY_AUTO) return o->memory == GD_MEMORY_STREAM;
  size_t limit = o && o->hold_limit_bytes
                     ? o->hold_limit_bytes
                     : (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 4;
  return d->info.x_bytes + d->info.y_bytes > limit;
}

static gd_status open_all(gd_dataset *d, const char *path, const gd_data_options *o) {
  if (!o || !o->looked) GD_TRY(gdi_h5_look(path, GD_ERR_DATA));
  GD_TRY(gdi_h5_open(&d->file, path, GD_ERR_DATA));
  strcpy(d->info.path, d->file.path);
  GD_TRY(find_arrays(d, o));
  GD_TRY(open_x(d));
  GD_TRY(open_y(d));
  if (d->info.labels) {
    int64_t label;
    GD_TRY(find_classes(d));
    GD_TRY(largest_label(d, true, &label));
    d->info.unlabelled = label < 0;
  }
  d->info.block = gdi_dataset_read_rows(d, BLOCK_BYTES);
  d->streamed = must_stream(d, o);
  return GD_OK;
}

gd_status gd_dataset_open(gd_dataset **out, const char *path, const gd_data_options *o) {
  gd_dataset *d = *out = calloc(1, sizeof *d);
  if (!d) return GD_FAIL(GD_ERR_OOM, "no memory for a data set");
  gd_status st = open_all(d, path, o);
  if (st != GD_OK) {
    gd_dataset_close(d);
    *out = NULL;
  }
  return st;
}

static void close_file(gd_dataset *d) {
  gdi_h5_array_close(&d->x);
  gdi_h5_array_close(&d->y);
  gdi_h5_close(&d->file);
}

void gd_dataset_close(gd_dataset *d) {
  if (!d) return;
  close_file(d);
  free(d->info.class_name);
  free(d);
}

const gd_data_info *gd_dataset_info(const gd_dataset *d) {
  return &d->info;
}

bool gd_dataset_streamed(const gd_dataset *d) {
  return d->streamed;
}

/* ---- reading, with every value checked ---- */

/* Index of the first value that is NaN or infinite, or n. */
#define FIRST_NOT_FINITE(T)                                                                                  \
  static int64_t first_not_finite_##T(const T *v, int64_t n) {                                               \
    int bad = 0;                                                                                             \
    for (int64_t i = 0; i < n; i++) bad |= v[i] - v[i] != 0;                                                 \
    int64_t i = bad ? 0 : n;                                                                                 \
    while (i < n && v[i] - v[i] == 0) i++;                                                                   \
    return i;                                                                                                \
  }
FIRST_NOT_FINITE(float)
FIRST_NOT_FINITE(double)

static gd_status check_finite(const gd_dataset *d, const char *name, gd_dtype type, const void *v, int64_t lo,
                              int64_t rows, int64_t columns) {
  int64_t n = rows * columns, bad = n;
  if (type == GD_F32) bad = first_not_finite_float(v, n);
  if (type == GD_F64) bad = first_not_finite_double(v, n);
  if (bad == n) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s: %s is not finite at sample %lld, column %lld", d->info.path, name,
                 (long long)(lo + bad / columns), (long long)(bad % columns));
}

static gd_status check_labels(const gd_dataset *d, const int64_t *label, int64_t lo, int64_t rows) {
  for (int64_t i = 0; i < rows; i++)
    if (!(label[i] == -100 || (label[i] >= 0 && label[i] < d->info.classes)))
      return GD_FAIL(GD_ERR_DATA,
                     "%s: %s is %lld at sample %lld; labels are 0 to %lld, or -100 to be ignored",
                     d->info.path, d->info.y_name, (long long)label[i], (long long)(lo + i),
                     (long long)d->info.classes - 1);
  return GD_OK;
}

gd_status gdi_dataset_read(gd_dataset *d, int64_t lo, int64_t hi, void *x, void *y) {
  const gd_data_info *info = &d->info;
  GD_TRY(gdi_h5_array_read(&d->x, info->x_type, lo, hi, x));
  GD_TRY(check_finite(d, info->x_name, info->x_type, x, lo, hi - lo, d->features));
  gd_dtype y_type = info->labels ? GD_I64 : GD_F64;
  GD_TRY(gdi_h5_array_read(&d->y, y_type, lo, hi, y));
  return info->labels ? check_labels(d, y, lo, hi - lo)
                      : check_finite(d, info->y_name, y_type, y, lo, hi - lo, info->targets);
}

int64_t gdi_dataset_read_rows(const gd_dataset *d, size_t bytes) {
  int64_t chunk = d->x.chunk_rows > 0 ? d->x.chunk_rows : 1;
  int64_t rows = (int64_t)(bytes / (d->x_row + d->y_row)) / chunk * chunk;
  return rows > chunk ? rows : chunk;
}

static size_t y_offset(const gd_dataset *d) {
  return (d->info.x_bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
}

size_t gd_dataset_hold_bytes(const gd_dataset *d) {
  return d->streamed ? 0 : y_offset(d) + d->info.y_bytes;
}

gd_status gd_dataset_hold(gd_dataset *d, void *memory, bool load) {
  if (d->streamed) return GD_FAIL(GD_ERR_USAGE, "%s is streamed; it is not held in memory", d->info.path);
  char *x = memory, *y = x + y_offset(d);
  int64_t rows = gdi_dataset_read_rows(d, READ_BYTES);
  for (int64_t lo = 0; load && lo < d->info.n; lo += rows) {
    int64_t hi = lo + rows < d->info.n ? lo + rows : d->info.n;
    GD_TRY(gdi_dataset_read(d, lo, hi, x + (size_t)lo * d->x_row, y + (size_t)lo * d->y_row));
  }
  d->held_x = x, d->held_y = y;
  close_file(d);
  return GD_OK;
}

/* ---- digest ---- */

static void digest_head(gd_sha256 *h, const gd_dataset *d) {
  const gd_data_info *i = &d->info;
  int64_t head[GD_MAX_DIMS + 8] = {i->n, i->ndim, i->x_type, i->labels, i->targets, i->y_vector, i->classes};
  memcpy(head + 7, i->sample, (size_t)i->ndim * sizeof *head);
  gd_sha256_add(h, head, sizeof head);
  gd_sha256_add(h, &i->x_scale, sizeof i->x_scale);
  if (i->class_name) gd_sha256_add(h, i->class_name, (size_t)i->classes * sizeof *i->class_name);
}

/*
 * Every sample of a small set, evenly spread ones of a large one, one after the other: a function of the data
 * alone, so that a run that held the set can be resumed where it has to be streamed.
 */
static gd_status digest_samples(gd_sha256 *h, gd_dataset *d) {
  const int64_t n = d->info.n;
  const bool all = n <= DIGEST_SAMPLES || d->info.x_bytes + d->info.y_bytes <= DIGEST_ALL_BYTES;
  const int64_t count = all ? n : DIGEST_SAMPLES, rows = all ? gdi_dataset_read_rows(d, BLOCK_BYTES) : 1;
  const int64_t room = rows < n ? rows : n;
  char *memory = d->held_x ? NULL : malloc((size_t)room * (d->x_row + d->y_row) + 1);
  if (!d->held_x && !memory) return GD_FAIL(GD_ERR_OOM, "no memory for samples of %s", d->info.path);
  gd_status st = GD_OK;
  for (int64_t i = 0; st == GD_OK && i < count; i += rows) {
    int64_t lo = gd_share(n, count, i).lo, hi = lo + rows < n ? lo + rows : n;
    const char *x = NULL, *y = NULL;
    if (!memory) {
      x = d->held_x + (size_t)lo * d->x_row, y = d->held_y + (size_t)lo * d->y_row;
    } else {
      y = memory, x = memory + (size_t)room * d->y_row; /* y first: it is 8-byte aligned */
      st = gdi_dataset_read(d, lo, hi, memory + (size_t)room * d->y_row, memory);
    }
    for (int64_t r = 0; st == GD_OK && r < hi - lo; r++) {
      gd_sha256_add(h, y + (size_t)r * d->y_row, d->y_row);
      gd_sha256_add(h, x + (size_t)r * d->x_row, d->x_row);
    }
  }
  free(memory);
  return st;
}

gd_status gd_dataset_digest(gd_dataset *d, gd_digest *out) {
  gd_sha256 h;
  gd_sha256_init(&h);
  digest_head(&h, d);
  if (!d->streamed && !d->held_x)
    return GD_FAIL(GD_ERR_USAGE, "%s: the digest needs the values; gd_dataset_hold() first", d->info.path);
  GD_TRY(digest_samples(&h, d));
  *out = gd_sha256_end(&h);
  return GD_OK;
}
