/* A data set from NumPy arrays: two .npy files, or two arrays of an .npz archive. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/classes.h"
#include "data/find.h"
#include "data/notes.h"
#include "data/npy.h"
#include "data/table.h"
#include "gd/loss.h"

/* ---- which arrays of an archive ---- */

typedef struct archive {
  gdi_zip_entry *entry;
  int n;
} archive;

static const gdi_zip_entry *entry_of(const archive *z, const char *name) {
  const size_t n = strlen(name);
  for (int i = 0; i < z->n; i++)
    if (strncmp(z->entry[i].name, name, n) == 0 &&
        (strcmp(z->entry[i].name + n, ".npy") == 0 || z->entry[i].name[n] == 0))
      return &z->entry[i];
  return NULL;
}

static bool has(void *user, const char *name) {
  return entry_of(user, name) != NULL;
}

static gd_status refuse_names(const archive *z, const char *path) {
  char found[300] = "";
  size_t at = 0;
  for (int i = 0; i < z->n && at < 200; i++)
    at += (size_t)snprintf(found + at, sizeof found - at, "%s%.60s", i ? ", " : "", z->entry[i].name);
  return GD_FAIL(GD_ERR_DATA,
                 "%s: no samples and targets named x and y; it holds: %s (name them by --x and --y)", path,
                 *found ? found : "nothing");
}

static gd_status open_archive(gd_table *t, gdi_npy *x, gdi_npy *y, gdi_npy *w, const char *path,
                              const gd_npy_options *o) {
  archive z;
  gdi_pair pair;
  char weights[GDI_ARRAY_NAME];
  GD_TRY(gdi_zip_list(&z.entry, &z.n, path));
  gd_status st =
      gdi_find_pair(&pair, o->x_name, o->y_name, GD_PART_ANY, has, &z) ? GD_OK : refuse_names(&z, path);
  if (st == GD_OK) st = gdi_npy_open(x, path, entry_of(&z, pair.x));
  if (st == GD_OK) st = gdi_npy_open(y, path, entry_of(&z, pair.y));
  if (st == GD_OK && pair.marked && !(o->x_name && o->y_name))
    st = gdi_notes_add(&t->notes, "%s and %s are taken for samples and targets (else --x, --y)", pair.x,
                       pair.y);
  if (st == GD_OK && gdi_find_weights(weights, &pair, GD_PART_ANY, has, &z)) {
    st = gdi_npy_open(w, path, entry_of(&z, weights));
    if (st == GD_OK) st = gdi_notes_add(&t->notes, "%s: taken for the weights of samples", weights);
  }
  free(z.entry);
  return st;
}

/* ---- values ---- */

static gd_status take_words(gd_table *t, gdi_npy *y) {
  gdi_words words = {0};
  int64_t *label = t->y;
  gd_status st = gdi_npy_words(y, &words, label);
  if (st == GD_OK) st = gdi_class_names(&words, &t->class_name);
  for (int64_t i = 0; st == GD_OK && i < t->n; i++) label[i] = words.word[label[i]].rank;
  t->classes = words.n;
  gdi_words_free(&words);
  return st == GD_OK ? gdi_notes_add(&t->notes, GDI_TEXT_NOTE, "y", (long long)t->classes) : st;
}

static gd_status take_targets(gd_table *t, gdi_npy *y) {
  if (gdi_npy_text(y)) return take_words(t, y);
  GD_TRY(gdi_npy_numbers(y, GD_F64, t->y));
  if (!t->labels) return GD_OK;
  for (int64_t i = 0; t->y_ndim > 0 && y->e.kind == 'u' && y->e.width == 1 && i < y->n; i++)
    if (((double *)t->y)[i] == UINT8_MAX) ((double *)t->y)[i] = GD_IGNORED; /* as in a data file */
  GD_TRY(gdi_table_take_labels(t, y->path));
  if (y->e.kind != 'b') return GD_OK;
  free(t->class_name);
  t->classes = 2;
  GD_TRY(gdi_table_number_classes(t));
  strcpy(t->class_name[0], "False"), strcpy(t->class_name[1], "True");
  return GD_OK;
}

static gd_status refuse_text(const gdi_npy *x) {
  return GD_FAIL(GD_ERR_DATA, "%s: text, not numbers: save numbers, or import it as csv", x->path);
}

static void take_shape(gd_table *t, const gdi_npy *x) {
  t->n = x->shape[0];
  t->ndim = x->ndim - 1;
  memcpy(t->sample, x->shape + 1, sizeof t->sample);
  t->x_type = gdi_elements_type(&x->e);
}

static gd_status check(const gdi_npy *x, const gdi_npy *y) {
  if (gdi_npy_text(x)) return refuse_text(x);
  if (x->shape[0] != y->shape[0])
    return GD_FAIL(GD_ERR_DATA, "%s: %lld rows for the %lld samples of %s", y->path, (long long)y->shape[0],
                   (long long)x->shape[0], x->path);
  if (y->ndim > GD_MAX_DIMS || (y->ndim > 2 && (y->e.kind == 'f' || gdi_npy_text(y))))
    return GD_FAIL(GD_ERR_DATA, "%s: targets have 1 or 2 dimensions, not %d; labels of pixels are integers",
                   y->path, y->ndim);
  return GD_OK;
}

static gd_status take_weights(gd_table *t, gdi_npy *w) {
  if (!w->path[0]) return GD_OK; /* there are none */
  if (gdi_npy_text(w) || w->n != t->n)
    return GD_FAIL(GD_ERR_DATA, "%s: weights of samples are one number for each of the %lld samples", w->path,
                   (long long)t->n);
  t->w = calloc((size_t)t->n, sizeof *t->w);
  if (!t->w) return GD_FAIL(GD_ERR_OOM, "no memory for %lld weights", (long long)t->n);
  GD_TRY(gdi_npy_numbers(w, GD_F64, t->w));
  for (int64_t i = 0; i < t->n; i++)
    if (!(t->w[i] >= 0 && t->w[i] <= DBL_MAX))
      return GD_FAIL(GD_ERR_DATA, "%s: the weight of sample %lld is %g: weights are finite and not below 0",
                     w->path, (long long)i, t->w[i]);
  return GD_OK;
}

/* A label for each pixel. */
static void take_places(gd_table *t, const gdi_npy *y) {
  t->labels = true;
  t->y_ndim = y->ndim - 1;
  memcpy(t->y_sample, y->shape + 1, (size_t)t->y_ndim * sizeof *t->y_sample);
}

static gd_status import(gd_table *t, gdi_npy *x, gdi_npy *y, gdi_npy *w, bool classes) {
  GD_TRY(check(x, y));
  take_shape(t, x);
  t->targets = y->n / y->shape[0];
  t->labels = classes || gdi_npy_text(y) || (y->e.kind != 'f' && t->targets == 1);
  t->y_vector = t->labels || y->ndim == 1;
  if (y->ndim > 2) take_places(t, y);
  if (t->labels && t->y_ndim == 0 && t->targets != 1)
    return GD_FAIL(GD_ERR_DATA, "%s: classes need one label per sample, not %lld", y->path,
                   (long long)t->targets);
  GD_TRY(gdi_table_alloc(t));
  GD_TRY(gdi_npy_numbers(x, t->x_type, t->x));
  GD_TRY(take_weights(t, w));
  return take_targets(t, y);
}

/* Samples without targets. */
static gd_status import_alone(gd_table *t, gdi_npy *x) {
  if (gdi_npy_text(x)) return refuse_text(x);
  take_shape(t, x);
  t->y_vector = true;
  GD_TRY(gdi_table_alloc(t));
  GD_TRY(gdi_npy_numbers(x, t->x_type, t->x));
  return gdi_notes_add(&t->notes, "no targets: samples to predict on (else: import npy X Y)");
}

gd_status gd_import_npy(gd_table *out, const char *x_path, const char *y_path, const gd_npy_options *o) {
  static const gd_npy_options usual = {0};
  gdi_npy *three = calloc(3, sizeof *three), *x = three, *y = three + 1, *w = three + 2;
  gd_table t = {0};
  gd_status st = three ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read %s", x_path);
  if (!o) o = &usual;
  const bool packed = st == GD_OK && !y_path && gdi_zip_is(x_path);
  if (packed) st = open_archive(&t, x, y, w, x_path, o);
  if (st == GD_OK && !packed) st = gdi_npy_open(x, x_path, NULL);
  if (st == GD_OK && y_path) st = gdi_npy_open(y, y_path, NULL);
  if (st == GD_OK) st = packed || y_path ? import(&t, x, y, w, o->classes) : import_alone(&t, x);
  if (three) gdi_file_close(&x->file), gdi_file_close(&y->file), gdi_file_close(&w->file);
  free(three);
  if (st != GD_OK) gd_table_free(&t);
  *out = t;
  return st;
}
