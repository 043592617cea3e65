/* Opening a data file: which arrays, which shapes and types, which classes. */
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/names.h"
#include "data/source.h"
#include "data/table.h"

enum { BLOCK_BYTES = 256 << 10, MAX_CLASSES = 1 << 20 /* as many as a checkpoint holds */ };

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
  const char *alone = NULL;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const char *x = o && o->x_name ? o->x_name : known[i][0], *y = o && o->y_name ? o->y_name : known[i][1];
    if (!gdi_h5_has(&d->file, x)) continue;
    if (!gdi_h5_has(&d->file, y)) {
      if (!alone) alone = x;
      continue;
    }
    if (strlen(x) >= sizeof d->info.x_name || strlen(y) >= sizeof d->info.y_name)
      return GD_FAIL(GD_ERR_DATA, "%s: the names of the arrays are too long", d->file.path);
    strcpy(d->info.x_name, x);
    strcpy(d->info.y_name, y);
    return GD_OK;
  }
  if (alone && o && o->without_targets && strlen(alone) < sizeof d->info.x_name) {
    strcpy(d->info.x_name, alone);
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
  info->checksummed = d->x.checksummed;
  return GD_OK;
}

static gd_status open_y(gd_dataset *d) {
  gd_data_info *info = &d->info;
  gdi_h5_array *y = &d->y;
  if (!info->y_name[0]) { /* there are none, and none are asked for */
    info->y_vector = true, info->targets = 1;
    return GD_OK;
  }
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
  if (!o || !o->probed) GD_TRY(gdi_h5_look(path, GD_ERR_DATA));
  GD_TRY(gdi_h5_open(&d->file, path, GD_ERR_DATA));
  strcpy(d->info.path, d->file.path);
  GD_TRY(find_arrays(d, o));
  GD_TRY(open_x(d));
  GD_TRY(open_y(d));
  gdi_dataset_measure(d);
  if (d->info.labels) {
    int64_t label;
    GD_TRY(find_classes(d));
    GD_TRY(largest_label(d, true, &label));
    d->info.unlabelled = label < 0;
  }
  GD_TRY(gdi_names_open(&d->info.names, &d->file, d->info.ndim == 1 ? d->features : 0,
                        d->info.y_name[0] ? d->info.targets : 0));
  d->info.block = gdi_dataset_read_rows(d, BLOCK_BYTES);
  d->streamed = must_stream(d, o);
  return GD_OK;
}

static gd_status open_source(gd_dataset *d, const gd_dataset_source *source, const char *name,
                             const gd_data_options *o) {
  GD_TRY(gdi_source_open(d, source, name));
  if (!d->info.y_name[0] && !(o && o->without_targets))
    return GD_FAIL(GD_ERR_DATA, "%s has no second field, y, to learn", d->info.path);
  d->info.block = gdi_dataset_read_rows(d, BLOCK_BYTES);
  d->streamed = must_stream(d, o);
  return GD_OK;
}

gd_status gd_dataset_open(gd_dataset **out, const char *path, const gd_data_options *o) {
  const gd_dataset_source *source = gd_dataset_source_find(path);
  gd_dataset *d = *out = calloc(1, sizeof *d);
  if (!d) return GD_FAIL(GD_ERR_OOM, "no memory for a data set");
  gd_status st = source ? open_source(d, source, path, o) : open_all(d, path, o);
  if (st != GD_OK) {
    gd_dataset_close(d);
    *out = NULL;
  }
  return st;
}

void gd_dataset_close(gd_dataset *d) {
  if (!d) return;
  gdi_dataset_close_file(d);
  gdi_source_close(d);
  free(d->info.class_name);
  gd_names_free(&d->info.names);
  free(d->x_map), free(d->y_map);
  free(d);
}

const gd_data_info *gd_dataset_info(const gd_dataset *d) {
  return &d->info;
}

bool gd_dataset_streamed(const gd_dataset *d) {
  return d->streamed;
}
