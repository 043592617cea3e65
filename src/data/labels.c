/* Are targets classes or numbers? By their type, unless the values, or who opens the file, say otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/notes.h"

enum { VALUES = 1 << 20 }; /* that are read at once */

/* ---- reading them as labels */

/* The column of its only 1, where the others are 0; -1: it is not one-hot. */
static int64_t hot(const double *row, int64_t columns) {
  int64_t at = -1;
  for (int64_t c = 0; c < columns; c++) {
    if (row[c] == 0) continue;
    if (row[c] != 1 || at >= 0) return -1;
    at = c;
  }
  return at;
}

/* false: it is none. */
static bool is_label(const gd_dataset *d, const double *row, int64_t *to) {
  if (d->y_as == GDI_Y_ONE_HOT) return (*to = hot(row, d->y_columns)) >= 0;
  if (!(row[0] >= -0x1p53 && row[0] <= 0x1p53)) return false;
  *to = (int64_t)row[0];
  return row[0] == (double)*to;
}

static gd_status refuse(const gd_dataset *d, int64_t sample, const double *row) {
  const char *numbers = "--target-type numbers takes it as it is";
  if (d->y_as == GDI_Y_ONE_HOT)
    return GD_FAIL(GD_ERR_DATA, "%s: %s at sample %lld is not one 1 among zeros, so not a class: %s",
                   d->info.path, d->info.y_name, (long long)sample, numbers);
  return GD_FAIL(GD_ERR_DATA, "%s: %s is %.9g at sample %lld, but labels are whole numbers: %s", d->info.path,
                 d->info.y_name, row[0], (long long)sample, numbers);
}

/* Labels of the samples lo .. hi-1, up to the first that has none, which is *end; `to` NULL: not kept. */
static gd_status read_labels(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to, int64_t *end,
                             bool refuses) {
  const int64_t most = d->y_columns < VALUES ? VALUES / d->y_columns : 1,
                rows = hi - lo < most ? hi - lo : most;
  double *row = malloc((size_t)(rows * d->y_columns + 1) * sizeof *row);
  gd_status st = row ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read labels of %s", d->info.path);
  *end = lo;
  for (int64_t at = lo; st == GD_OK && at == *end && at < hi; at += rows) {
    const int64_t stop = at + rows < hi ? at + rows : hi;
    st = gdi_h5_array_read(&d->y, GD_F64, at, stop, row);
    for (int64_t label; st == GD_OK && *end < stop && is_label(d, row + (*end - at) * d->y_columns, &label);
         ++*end)
      if (to) to[*end - lo] = label;
    if (st == GD_OK && *end < stop && refuses) st = refuse(d, *end, row + (*end - at) * d->y_columns);
  }
  free(row);
  return st;
}

gd_status gdi_labels_read(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  int64_t end;
  return read_labels(d, lo, hi, to, &end, true);
}

/* ---- which of the two they are */

/* Labels, if all samples have one; else they stay what they are, or that is an error. */
static gd_status try_labels(gd_dataset *d, gdi_y_as as, bool must, bool *yes) {
  int64_t end;
  d->y_as = as;
  const gd_status st = read_labels(d, 0, d->info.n, NULL, &end, must);
  *yes = st == GD_OK && end == d->info.n;
  if (!*yes) {
    d->y_as = GDI_Y_STORED;
    return st;
  }
  d->info.labels = d->info.y_vector = true;
  d->info.targets = 1;
  return GD_OK;
}

static gd_status note(gd_dataset *d, const gd_data_options *o, const char *what, const char *taken,
                      const char *other) {
  if (o->target_known) return GD_OK;
  return gdi_notes_add(&d->info.notes, "%s %s: taken as %s (else --target-type %s)", d->info.y_name, what,
                       taken, other);
}

/* The file itself says so: it has their names, or their number. */
static bool declares_classes(gd_dataset *d) {
  return d->y.text || d->y.enumerated || gdi_h5_has(&d->file, "classes") ||
         gdi_h5_has_attr(&d->file, d->info.y_name, "classes");
}

/* The columns of one-hot targets are the classes, and so are their names. */
gd_status gdi_labels_name(gd_dataset *d) {
  gd_data_info *i = &d->info;
  gd_names *names = &i->names;
  bool fit = names->n_y == d->y_columns;
  for (int64_t c = 0; fit && c < names->n_y; c++) fit = strlen(names->y[c]) < GD_MAX_CLASS_NAME;
  if (fit && !i->class_name) {
    i->class_name = calloc((size_t)d->y_columns, sizeof *i->class_name);
    if (!i->class_name) return GD_FAIL(GD_ERR_OOM, "no memory for class names");
    for (int64_t c = 0; c < names->n_y; c++) strcpy(i->class_name[c], names->y[c]);
  }
  free(names->y);
  names->y = NULL, names->n_y = 0;
  return GD_OK;
}

/* Whole numbers, one a sample, that are wanted as numbers. */
static gd_status take_numbers(gd_dataset *d, const gd_data_options *o) {
  const bool rather = o->target_type == GD_TARGET_RATHER_NUMBERS;
  if (!declares_classes(d)) {
    d->info.labels = false;
    return rather ? note(d, o, "holds whole numbers", "numbers, as the loss needs", "labels") : GD_OK;
  }
  if (rather) return GD_OK; /* the loss says what it needs, and what else there is */
  return GD_FAIL(
      GD_ERR_DATA,
      "%s: %s are classes, as the file itself says, and no numbers: leave out --target-type numbers, "
      "or import the data without --classes",
      d->info.path, d->info.y_name);
}

/* A label for each pixel, or for each position of a sequence. Of bytes 255 does not count, unless the file says which. */
static gd_status take_places(gd_dataset *d) {
  gd_data_info *i = &d->info;
  i->labels = true, i->y_vector = false;
  i->y_ndim = d->y.ndim - 1;
  memcpy(i->y_sample, d->y.shape + 1, (size_t)i->y_ndim * sizeof *i->y_sample);
  if (d->y.type == GD_U8) d->ignored = UINT8_MAX;
  return gdi_h5_has_attr(&d->file, i->y_name, "ignore_index")
             ? gdi_h5_attr_i64(&d->file, i->y_name, "ignore_index", &d->ignored)
             : GD_OK;
}

gd_status gdi_labels_choose(gd_dataset *d, const gd_data_options *o) {
  gd_data_info *i = &d->info;
  const gd_target_type wanted = o->target_type;
  const bool one = i->targets == 1, must = wanted == GD_TARGET_LABELS,
             whole = d->y.text || (d->y.type != GD_F32 && d->y.type != GD_F64);
  bool taken = false;
  d->y_columns = i->targets;
  d->ignored = GD_IGNORED;
  if (d->y.ndim > 2 && whole && wanted != GD_TARGET_NUMBERS) return take_places(d);
  if (d->y.ndim > 2)
    return GDI_H5_REFUSE(
        &d->file, i->y_name,
        "numbers have 1 or 2 dimensions, not %d; classes of pixels are whole numbers, of u8, i32 "
        "or i64",
        d->y.ndim);
  i->labels = whole && one;
  if (wanted == GD_TARGET_NUMBERS || wanted == GD_TARGET_RATHER_NUMBERS)
    return i->labels ? take_numbers(d, o) : GD_OK;
  if (!one) GD_TRY(try_labels(d, GDI_Y_ONE_HOT, must && !whole, &taken));
  if (!one && !taken && whole && wanted != GD_TARGET_AUTO) {
    GD_TRY(take_places(d));
    return must ? GD_OK
                : note(d, o, "holds several whole numbers a sample", "labels, as the loss needs", "numbers");
  }
  if (one && !whole && wanted != GD_TARGET_AUTO) GD_TRY(try_labels(d, GDI_Y_WHOLE, must, &taken));
  if (!taken || must) return GD_OK;
  return note(d, o, one ? "holds real numbers" : "is one-hot", one ? "labels, as the loss needs" : "labels",
              "numbers");
}
