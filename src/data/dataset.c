/* Opening a data file: which arrays, which shapes and types, which classes. */
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/classes.h"
#include "data/encoded.h"
#include "data/find.h"
#include "data/matlab.h"
#include "data/names.h"
#include "data/notes.h"
#include "data/source.h"
#include "data/table.h"

enum { BLOCK_BYTES = 256 << 10, MAX_CLASSES = 1 << 20 /* as many as a checkpoint holds */ };

/* ---- samples and targets ---- */

/* A part that was never written is no accident everywhere. */
static gd_status note_unwritten(gd_dataset *d, const gdi_h5_array *a) {
  if (!a->unwritten || a->text) return GD_OK;
  return gdi_notes_add(&d->info.notes, "warning: %s: a part of it was never written, and reads as %g",
                       a->name, a->fill);
}

static gd_status open_array(gd_dataset *d, gdi_h5_array *a, const char *name) {
  GD_TRY(gdi_h5_array_open(a, &d->file, name));
  GD_TRY(gdi_matlab_check(&d->file, name));
  return note_unwritten(d, a);
}

static gd_status open_arrays(gd_dataset *d) {
  GD_TRY(open_array(d, &d->x, d->info.x_name));
  if (d->info.y_name[0]) GD_TRY(open_array(d, &d->y, d->info.y_name));
  GD_TRY(gdi_encoded_open(d));
  return d->image_at ? GD_OK : gdi_find_orientation(d);
}

/* What an option says; else an attribute; else it is guessed by those who need it. */
static gd_status find_layout(gd_dataset *d, gd_layout asked) {
  const char *x = d->info.x_name;
  char text[32] = "";
  d->info.layout = asked;
  if (asked || !gdi_h5_has_attr(&d->file, x, "layout")) return GD_OK;
  if (gdi_h5_attr_text(&d->file, x, "layout", text, sizeof text) == GD_OK)
    d->info.layout = gdi_layout_of(text);
  if (d->info.layout) return GD_OK;
  return GDI_H5_REFUSE(
      &d->file, x,
      "its attribute layout is not \"channels_last\" or \"channels_first\", a string of fixed length "
      "(h5py: numpy.bytes_(\"channels_last\"))");
}

static gd_status open_x(gd_dataset *d, const gd_data_options *o) {
  gd_data_info *info = &d->info;
  if (d->x.text)
    return GDI_H5_REFUSE(&d->file, info->x_name, "it holds text, not numbers: store each as a number");
  if (d->x.ndim < 1 || d->x.n < 1) return GDI_H5_REFUSE(&d->file, info->x_name, "it holds no samples");
  if (!d->image_at) {
    info->n = d->x.shape[0];
    info->ndim = d->x.ndim - 1;
    memcpy(info->sample, d->x.shape + 1, sizeof info->sample);
  }
  info->x_type = d->x.type;
  char matlab[32];
  gdi_matlab_class(&d->file, info->x_name, matlab);
  const bool brightness =
      info->x_type == GD_U8 && strcmp(matlab, "logical") != 0; /* truth values are bytes too */
  info->x_scale = brightness ? 1.0 / 255 : 1;
  if (gdi_h5_has_attr(&d->file, info->x_name, "scale"))
    GD_TRY(gdi_h5_attr_f64(&d->file, info->x_name, "scale", &info->x_scale));
  if (!(info->x_scale - info->x_scale == 0))
    return GDI_H5_REFUSE(&d->file, info->x_name, "its scale is not a finite number");
  GD_TRY(find_layout(d, o->layout));
  if (o->size) GD_TRY(gdi_images_resized(d, o->size));
  d->features = 1;
  for (int k = 0; k < info->ndim; k++) d->features *= info->sample[k];
  info->checksummed = d->x.checksummed;
  return GD_OK;
}

static gd_status open_y(gd_dataset *d, const gd_data_options *o) {
  gd_data_info *info = &d->info;
  gdi_h5_array *y = &d->y;
  if (!info->y_name[0]) { /* there are none, and none are asked for */
    info->y_vector = true, info->targets = 1;
    return GD_OK;
  }
  if (y->ndim < 1) return GDI_H5_REFUSE(&d->file, info->y_name, "it is one value, not one a sample");
  if (y->shape[0] != info->n)
    return GDI_H5_REFUSE(&d->file, info->y_name, "it has %lld rows, but %s has %lld samples",
                         (long long)y->shape[0], info->x_name, (long long)info->n);
  info->y_vector = y->ndim == 1;
  info->targets = y->n / info->n;
  if (info->targets < 1) return GDI_H5_REFUSE(&d->file, info->y_name, "it holds no targets");
  if (y->text && y->ndim != 1)
    return GDI_H5_REFUSE(&d->file, info->y_name, "text is one class for each sample: of shape [%lld]",
                         (long long)info->n);
  return gdi_labels_choose(d, o);
}

/* Of samples, [N], [N,1] or, where dimensions are counted in reverse, [1,N]. */
static gd_status open_weights(gd_dataset *d, const gd_data_options *o) {
  char name[GDI_ARRAY_NAME];
  gdi_h5_array a;
  if (!gdi_find_weights_of(d, o, name)) return GD_OK;
  GD_TRY(gdi_h5_array_open(&a, &d->file, name));
  const bool fits = !a.text && a.ndim >= 1 && a.ndim <= 2 && a.n == d->info.n;
  if (fits && a.shape[0] != a.n) gdi_h5_array_turn(&a);
  if (fits) return gdi_dataset_add_field(d, &(gd_source_field){.name = "w", .dtype = GD_F64}, &a);
  gdi_h5_array_close(&a);
  return GDI_H5_REFUSE(
      &d->file, name,
      "weights of samples are one number for each of the %lld samples; data.w: none leaves it out",
      (long long)d->info.n);
}

/* ---- classes: their names, or a stored number, or one more than the largest label ---- */

/* -1: all are ignored. `any`: the first that is found will do. */
static gd_status largest_label(gd_dataset *d, bool any, int64_t *out) {
  enum { ROWS = 1 << 16 };
  const int64_t each = d->info.targets, rows = each < ROWS ? ROWS / each : 1;
  int64_t *label = malloc((size_t)(rows * each) * sizeof *label), most = -1;
  if (!label) return GD_FAIL(GD_ERR_OOM, "no memory to read labels");
  gd_status st = GD_OK;
  for (int64_t lo = 0; st == GD_OK && lo < d->info.n && !(any && most >= 0); lo += rows) {
    int64_t hi = lo + rows < d->info.n ? lo + rows : d->info.n;
    st = gdi_dataset_labels(d, lo, hi, label);
    for (int64_t i = 0; st == GD_OK && i < (hi - lo) * each; i++)
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
    st = GDI_H5_REFUSE(&d->file, "classes", "it must be a list of names");
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
  if (gdi_h5_has(&d->file, "classes")) GD_TRY(read_class_names(d));
  if (d->y.text) return gdi_classes_of_text(d);
  if (d->info.class_name) return GD_OK;
  if (d->y.enumerated) GD_TRY(gdi_classes_of_members(d));
  if (d->info.class_name) return GD_OK;
  if (d->y_as == GDI_Y_ONE_HOT) {
    d->info.classes = d->y_columns;
    return GD_OK;
  }
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
  if (d->image_at) return true; /* pixels are made as they are asked for */
  if (o->memory != GD_MEMORY_AUTO) return o->memory == GD_MEMORY_STREAM;
  size_t limit = o->hold_limit_bytes ? o->hold_limit_bytes
                                     : (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 4;
  return d->info.x_bytes + d->info.y_bytes > limit;
}

static gd_status open_all(gd_dataset *d, const char *path, const gd_data_options *o) {
  if (!o->probed) GD_TRY(gdi_h5_look(path, GD_ERR_DATA));
  GD_TRY(gdi_h5_open(&d->file, path, GD_ERR_DATA));
  strcpy(d->info.path, d->file.path);
  GD_TRY(gdi_find_arrays(d, o));
  GD_TRY(open_arrays(d));
  GD_TRY(open_x(d, o));
  GD_TRY(open_y(d, o));
  if (d->image_at && d->info.y_ndim > 0)
    return GDI_H5_REFUSE(
        &d->file, d->info.y_name,
        "labels of pixels are not resized with the images: store both in the size to train with");
  GD_TRY(open_weights(d, o));
  gdi_dataset_measure(d);
  if (d->info.labels) {
    int64_t label;
    GD_TRY(find_classes(d));
    GD_TRY(largest_label(d, true, &label));
    d->info.unlabelled = label < 0;
  }
  GD_TRY(gdi_names_open(&d->info.names, &d->file, d->info.ndim == 1 ? d->features : 0,
                        d->info.y_name[0] && d->info.y_ndim == 0 ? d->y_columns : 0));
  if (d->y_as == GDI_Y_ONE_HOT) GD_TRY(gdi_labels_name(d));
  d->info.block = gdi_dataset_read_rows(d, BLOCK_BYTES);
  d->streamed = must_stream(d, o);
  return GD_OK;
}

static gd_status open_source(gd_dataset *d, const gd_dataset_source *source, const char *name,
                             const gd_data_options *o) {
  GD_TRY(gdi_source_open(d, source, name));
  if (!d->info.y_name[0] && !o->without_targets)
    return GD_FAIL(GD_ERR_DATA, "%s has no second field, y, to learn", d->info.path);
  d->info.block = gdi_dataset_read_rows(d, BLOCK_BYTES);
  d->streamed = must_stream(d, o);
  return GD_OK;
}

gd_status gd_dataset_open(gd_dataset **out, const char *path, const gd_data_options *o) {
  static const gd_data_options usual = {0};
  if (!o) o = &usual;
  const gd_dataset_source *source = gd_dataset_source_find(path);
  gd_dataset *d = *out = calloc(1, sizeof *d);
  if (!d) return GD_FAIL(GD_ERR_OOM, "no memory for a data set");
  d->largest = o->largest;
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
  free(d->info.class_name), free(d->info.notes);
  gdi_words_free(&d->words);
  gd_names_free(&d->info.names);
  free(d->x_map), free(d->y_map), free(d->image_at);
  free(d);
}

const gd_data_info *gd_dataset_info(const gd_dataset *d) {
  return &d->info;
}

bool gd_dataset_streamed(const gd_dataset *d) {
  return d->streamed;
}
