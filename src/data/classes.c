#include "data/classes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/csvcell.h"
#include "data/notes.h"

/* ---- text ---- */

static gd_status refuse_text(const char *where, int64_t i, const char *text, const char *why) {
  return GD_FAIL(GD_ERR_DATA, "%s: sample %lld is \"%.60s\": %s", where, (long long)i, text, why);
}

gd_status gdi_class_add(gdi_words *w, const char *where, int64_t i, const char *text, int64_t *id) {
  double number;
  if (!*text) return refuse_text(where, i, text, "no class; leave the sample out, or give it one");
  if (strlen(text) >= GD_MAX_CLASS_NAME) return refuse_text(where, i, text, "names have up to 63 bytes");
  if (!gdi_csv_number(text, &number)) number = NAN;
  GD_TRY(gdi_words_add(w, text, number, id));
  return *id >= 0 ? GD_OK : refuse_text(where, i, text, "more than 65536 different texts are no classes");
}

gd_status gdi_class_names(gdi_words *w, char (**name)[GD_MAX_CLASS_NAME]) {
  *name = calloc((size_t)w->n + 1, sizeof **name);
  if (!*name || gdi_words_rank(w, false) != w->n) return GD_FAIL(GD_ERR_OOM, "no memory for class names");
  for (int64_t i = 0; i < w->n; i++) strcpy((*name)[w->word[i].rank], w->word[i].text);
  return GD_OK;
}

/* ---- in a data file ---- */

typedef struct mapping {
  gd_dataset *d;
  char where[4200];
  int64_t lo, *to;
} mapping;

static gd_status add_text(void *user, int64_t i, const char *text) {
  mapping *m = user;
  int64_t id;
  return gdi_class_add(&m->d->words, m->where, i, text, &id);
}

static gd_status map_text(void *user, int64_t i, const char *text) {
  mapping *m = user;
  const int64_t id = gdi_words_find(&m->d->words, text);
  if (id < 0) return refuse_text(m->where, i, text, "none of the classes that the file names");
  m->to[i - m->lo] = m->d->words.word[id].rank;
  return GD_OK;
}

static mapping mapping_of(const gd_dataset *d, int64_t lo, int64_t *to) {
  mapping m = {.d = (gd_dataset *)d, .lo = lo, .to = to};
  snprintf(m.where, sizeof m.where, "%s: %s", d->info.path, d->info.y_name);
  return m;
}

/* The names that the file gives, in its order. */
static gd_status take_named(gd_dataset *d) {
  for (int64_t c = 0; c < d->info.classes; c++) {
    int64_t id;
    GD_TRY(gdi_words_add(&d->words, d->info.class_name[c], NAN, &id));
    if (id != c) return GDI_H5_REFUSE(&d->file, "classes", "%s twice, or too many", d->info.class_name[c]);
    d->words.word[c].rank = c;
  }
  return GD_OK;
}

static gd_status take_found(gd_dataset *d) {
  mapping m = mapping_of(d, 0, NULL);
  GD_TRY(gdi_h5_array_each_text(&d->y, 0, d->info.n, add_text, &m));
  GD_TRY(gdi_class_names(&d->words, &d->info.class_name));
  d->info.classes = d->words.n;
  return gdi_notes_add(&d->info.notes, GDI_TEXT_NOTE, d->info.y_name, (long long)d->words.n);
}

gd_status gdi_classes_of_text(gd_dataset *d) {
  return d->info.class_name ? take_named(d) : take_found(d);
}

static gd_status read_numbers(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  GD_TRY(gdi_h5_array_read(&d->y, GD_I64, lo, hi, to));
  for (int64_t i = 0; d->ignored != GD_IGNORED && i < (hi - lo) * d->info.targets; i++)
    if (to[i] == d->ignored) to[i] = GD_IGNORED;
  return GD_OK;
}

gd_status gdi_dataset_labels(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  if (d->y_as != GDI_Y_STORED) return gdi_labels_read(d, lo, hi, to);
  if (!d->y.text) return read_numbers(d, lo, hi, to);
  mapping m = mapping_of(d, lo, to);
  return gdi_h5_array_each_text(&d->y, lo, hi, map_text, &m);
}

/* ---- enumerations ---- */

gd_status gdi_classes_of_members(gd_dataset *d) {
  enum { MOST = 256 };
  int64_t value[MOST], classes = 0;
  char name[MOST][GD_MAX_CLASS_NAME];
  const int n = gdi_h5_array_members(&d->y, MOST, value, name);
  for (int i = 0; i < n; i++) {
    if (value[i] < 0 || value[i] >= MOST) return GD_OK; /* they stay numbers */
    classes = value[i] >= classes ? value[i] + 1 : classes;
  }
  if (classes == 0) return GD_OK;
  d->info.class_name = calloc((size_t)classes, sizeof *d->info.class_name);
  if (!d->info.class_name) return GD_FAIL(GD_ERR_OOM, "no memory for class names");
  d->info.classes = classes;
  for (int64_t c = 0; c < classes; c++)
    snprintf(d->info.class_name[c], GD_MAX_CLASS_NAME, "%lld", (long long)c);
  for (int i = 0; i < n; i++) strcpy(d->info.class_name[value[i]], name[i]);
  return GD_OK;
}
