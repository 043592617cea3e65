/* How often each class occurs in a part of a set, and in which samples. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/notes.h"
#include "data/order.h"

enum { LABELS = 1 << 16 }; /* that are read at once */

/* Of a source whose samples are made as they are asked for: the others of its fields are made too, and forgotten. */
static gd_status made(gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  int64_t *y = malloc(d->y_row + d->x_row);
  gd_status st = y ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to count labels");
  for (int64_t i = lo; st == GD_OK && i < hi; i++) {
    st = gdi_dataset_read(d, i, i + 1, (char *)y + d->y_row, y);
    if (st == GD_OK) gdi_labels_of_row(d, y, to + (i - lo) * d->info.targets);
  }
  free(y);
  return st;
}

/* From memory, where further fields may lie between them. */
static void held(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  for (int64_t i = lo; i < hi; i++)
    gdi_labels_of_row(d, d->loaded_y + (size_t)i * d->y_row, to + (i - lo) * d->info.targets);
}

/* Labels of the samples lo .. hi-1, from memory or from the file. */
static gd_status labels(gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) {
  if (!d->loaded_y) return d->source ? made(d, lo, hi, to) : gdi_dataset_labels(d, lo, hi, to);
  held(d, lo, hi, to);
  return GD_OK;
}

/* f(user, sample, class) for all labels of a part that are a class, in the order of the set. */
static gd_status each_label(gd_dataset *d, const gd_order *part,
                            void (*f)(void *user, int64_t sample, int64_t class), void *user) {
  const gd_data_info *i = &d->info;
  if (!i->labels) return GD_FAIL(GD_ERR_USAGE, "%s holds no labels to count", i->path);
  const int64_t each = i->targets, rows = each < LABELS ? LABELS / each : 1;
  uint8_t *bit = NULL;
  int64_t *y = malloc((size_t)(rows * each) * sizeof *y);
  gd_status st = y ? gdi_order_mark(part, &bit) : GD_FAIL(GD_ERR_OOM, "no memory to read labels");
  for (int64_t lo = 0; st == GD_OK && lo < i->n; lo += rows) {
    const int64_t hi = lo + rows < i->n ? lo + rows : i->n;
    st = labels(d, lo, hi, y);
    for (int64_t k = 0; st == GD_OK && k < (hi - lo) * each; k++) {
      const int64_t s = lo + k / each;
      if (bit[s / 8] >> s % 8 & 1 && y[k] >= 0 && y[k] < i->classes) f(user, s, y[k]);
    }
  }
  free(bit), free(y);
  return st;
}

static void count(void *user, int64_t sample, int64_t class) {
  (void)sample;
  ((int64_t *)user)[class]++;
}

gd_status gd_label_counts(gd_dataset *d, const gd_order *part, int64_t counts[]) {
  memset(counts, 0, (size_t)d->info.classes * sizeof *counts);
  return each_label(d, part, count, counts);
}

/* ---- what is odd about them ---- */

static const char *class_text(const gd_data_info *i, int64_t c, char buf[24]) {
  snprintf(buf, 24, "%lld", (long long)c);
  return i->class_name ? i->class_name[c] : buf;
}

/* Accuracy alone hides what becomes of rare classes. */
static gd_status note_uneven(char **notes, const gd_data_info *i, const int64_t *counts) {
  enum { MUCH = 10 };
  int64_t most = 0, least = -1;
  char text[2][24];
  for (int64_t c = 0; c < i->classes; c++) {
    if (counts[c] > counts[most]) most = c;
    if (counts[c] > 0 && (least < 0 || counts[c] < counts[least])) least = c;
  }
  if (least < 0 || counts[most] < MUCH * counts[least]) return GD_OK;
  return gdi_notes_add(
      notes,
      "%s: classes are uneven: %lld of %lld %s are \"%s\", %lld \"%s\"; --class-weights auto lets "
      "all classes count as much, and eval tells the balanced accuracy",
      i->y_name, (long long)counts[most], (long long)(i->n * i->targets), i->y_ndim ? "labels" : "samples",
      class_text(i, most, text[0]), (long long)counts[least], class_text(i, least, text[1]));
}

static gd_status note_counts(char **notes, const gd_data_info *i, const int64_t *counts) {
  int64_t present = 0, first = -1;
  for (int64_t c = 0; c < i->classes; c++) {
    present += counts[c] > 0;
    if (counts[c] > 0 && first < 0) first = c;
  }
  const bool named = i->class_name && strcmp(i->class_name[0], "0") != 0;
  if (present == 1)
    return gdi_notes_add(notes,
                         "warning: %s: every label is %lld: one class alone, and nothing to tell apart",
                         i->y_name, (long long)first);
  if (first > 0 && !named)
    return gdi_notes_add(
        notes,
        "warning: %s: labels begin at %lld, not 0: class 0 stays empty. Classes are counted from 0: subtract "
        "%lld, "
        "unless 0 is a class that only other data have; --target-type numbers if it is a quantity",
        i->y_name, (long long)first, (long long)first);
  return GD_OK;
}

gd_status gdi_note_labels(char **notes, gd_dataset *d, bool weighed) {
  if (!d->info.labels || (d->source && !d->loaded_y)) return GD_OK;
  const gd_order all = gd_order_all(d->info.n, 0);
  int64_t *counts = calloc((size_t)d->info.classes + 1, sizeof *counts);
  if (!counts) return GD_FAIL(GD_ERR_OOM, "no memory to count labels");
  gd_status st = gd_label_counts(d, &all, counts);
  if (st == GD_OK) st = note_counts(notes, &d->info, counts);
  if (st == GD_OK && !weighed) st = note_uneven(notes, &d->info, counts);
  free(counts);
  return st;
}

/* ---- lists ---- */

typedef struct filling {
  int64_t *sample, *next; /* [classes] where the next sample of a class goes */
} filling;

static void put(void *user, int64_t sample, int64_t class) {
  const filling *x = user;
  x->sample[x->next[class]++] = sample;
}

/* next[class] becomes where its samples begin; those without any have no list. */
static void lay_out(gd_class_lists *l, const int64_t *counts, int64_t classes, int64_t *next) {
  int64_t at = 0;
  for (int64_t c = 0; c < classes; c++) {
    next[c] = at;
    if (counts[c] > 0) l->first[l->classes++] = at;
    at += counts[c];
  }
  l->first[l->classes] = at;
}

gd_status gd_class_lists_new(gd_class_lists *out, gd_dataset *d, const gd_order *part) {
  const size_t classes = d->info.labels ? (size_t)d->info.classes : 0;
  *out = (gd_class_lists){0};
  if (d->info.y_ndim > 0)
    return GD_FAIL(
        GD_ERR_USAGE,
        "%s: a sample with many labels is of no one class, by which sampler: balanced could draw it: "
        "class_weights: auto lets classes count as much",
        d->info.path);
  int64_t *counts = calloc(2 * classes + 1, sizeof *counts), *next = counts ? counts + classes : NULL;
  *out = (gd_class_lists){0, calloc(classes + 1, sizeof *out->first),
                          calloc((size_t)part->n + 1, sizeof *out->sample)};
  gd_status st = counts && out->first && out->sample
                     ? GD_OK
                     : GD_FAIL(GD_ERR_OOM, "no memory for lists of %lld samples", (long long)part->n);
  if (st == GD_OK) st = gd_label_counts(d, part, counts);
  if (st == GD_OK) lay_out(out, counts, (int64_t)classes, next);
  if (st == GD_OK) st = each_label(d, part, put, &(filling){out->sample, next});
  if (st == GD_OK && out->classes == 0)
    st = GD_FAIL(GD_ERR_DATA, "%s: no sample of this part has a class", d->info.path);
  free(counts);
  if (st != GD_OK) gd_class_lists_free(out);
  return st;
}

void gd_class_lists_free(gd_class_lists *l) {
  free(l->first), free(l->sample);
  *l = (gd_class_lists){0};
}
