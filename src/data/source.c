/* Data sets that a program makes: the list of them, and one as an open data set. */
#include "data/source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"

enum { MAX_SOURCES = 32 };

static const gd_dataset_source *list[MAX_SOURCES];

gd_status gd_dataset_register(const gd_dataset_source *s) {
  if (!s->name || !gdi_is_word(s->name) || !s->open || !s->read)
    return GD_FAIL(GD_ERR_USAGE,
                   "a data set needs a word for a name, open and read: \"%.64s\" has not all of them",
                   s->name ? s->name : "");
  for (int i = 0; i < MAX_SOURCES; i++) {
    if (list[i] == s) return GD_OK;
    if (list[i] && strcmp(list[i]->name, s->name) == 0)
      return GD_FAIL(GD_ERR_USAGE, "there is a data set \"%s\" already: choose another name", s->name);
    if (list[i]) continue;
    list[i] = s;
    return GD_OK;
  }
  return GD_FAIL(GD_ERR_USAGE, "data set %s: there are %d already", s->name, MAX_SOURCES);
}

const gd_dataset_source *gd_dataset_source_find(const char *name) {
  const size_t n = strcspn(name, ":");
  for (int i = 0; i < MAX_SOURCES && list[i]; i++)
    if (strlen(list[i]->name) == n && strncmp(list[i]->name, name, n) == 0) return list[i];
  return NULL;
}

double gd_source_arg(const char *args, const char *name, double otherwise) {
  const size_t n = strlen(name);
  for (const char *at = args; *at; at += strcspn(at, ","), at += *at == ',') {
    if (strncmp(at, name, n) != 0 || at[n] != '=') continue;
    char *end;
    const double v = strtod(at + n + 1, &end);
    return end > at + n + 1 && (*end == 0 || *end == ',') ? v : NAN;
  }
  return otherwise;
}

/* ---- one that is open */

static gd_status refuse(const gd_dataset *d, const char *field, const char *why) {
  return GD_FAIL(GD_ERR_DATA, "%s: field %.60s: %s", d->info.path, field ? field : "?", why);
}

static int64_t numel(const gd_source_field *f) {
  int64_t n = 1;
  for (int i = 0; i < f->ndim; i++)
    if (f->shape[i] < 1 || __builtin_mul_overflow(n, f->shape[i], &n)) return -1;
  return n;
}

static gd_status check_field(const gd_dataset *d, const gd_source_field *f, int i) {
  const bool number = f->dtype != GD_BF16;
  if (!f->name || !*f->name) return refuse(d, NULL, "it has no name");
  if (f->ndim < 0 || f->ndim > GD_MAX_DIMS - 1 || numel(f) < 1)
    return refuse(d, f->name, "no shape of a sample");
  if (!number) return refuse(d, f->name, "u8, i32, i64, f32 or f64 are what read() may write");
  if (f->index && f->dtype != GD_I64) return refuse(d, f->name, "an index is i64");
  if (i == 1 && f->classes && f->dtype != GD_I64) return refuse(d, f->name, "labels are i64");
  if (i == 1 && !f->classes && f->dtype != GD_F64)
    return refuse(d, f->name, "real targets are f64; labels need `classes`");
  return GD_OK;
}

static void describe_x(gd_dataset *d, const gd_source_info *s) {
  const gd_source_field *x = &s->field[0];
  gd_data_info *i = &d->info;
  snprintf(i->x_name, sizeof i->x_name, "%.63s", x->name);
  i->n = s->n, i->ndim = x->ndim, i->x_type = x->dtype, i->x_index = x->index;
  memcpy(i->sample, x->shape, (size_t)x->ndim * sizeof *i->sample);
  i->x_scale = x->scale != 0 ? x->scale : 1;
  d->features = numel(x);
}

static gd_status describe_y(gd_dataset *d, const gd_source_info *s) {
  const gd_source_field *y = &s->field[1];
  gd_data_info *i = &d->info;
  i->targets = 1, i->y_vector = true;
  if (s->n_fields < 2) return GD_OK;
  snprintf(i->y_name, sizeof i->y_name, "%.63s", y->name);
  i->labels = y->classes > 0, i->classes = y->classes;
  i->targets = numel(y), i->y_vector = y->ndim == 0;
  if (i->labels) i->y_ndim = y->ndim, memcpy(i->y_sample, y->shape, (size_t)y->ndim * sizeof *y->shape);
  if (!i->labels || !y->class_name) return GD_OK;
  i->class_name = calloc((size_t)i->classes, sizeof *i->class_name);
  if (!i->class_name) return GD_FAIL(GD_ERR_OOM, "no memory for class names");
  for (int64_t c = 0; c < i->classes; c++)
    snprintf(i->class_name[c], GD_MAX_CLASS_NAME, "%s", y->class_name[c]);
  return GD_OK;
}

static gd_status fail_with_text(const gd_dataset *d, gd_status st) {
  char cause[300];
  snprintf(cause, sizeof cause, "%.299s", gd_error_last()->message);
  return GD_FAIL(st, "%s: %s", d->info.path, cause);
}

gd_status gdi_source_open(gd_dataset *d, const gd_dataset_source *source, const char *name) {
  gd_source_info s = {0};
  const char *colon = strchr(name, ':');
  snprintf(d->info.path, sizeof d->info.path, "%.4000s", name);
  d->source = source;
  gd_status st = source->open(&s, colon ? colon + 1 : "", &d->source_user);
  d->source_open = st == GD_OK;
  if (st != GD_OK) return fail_with_text(d, st);
  if (s.n < 1 || s.n_fields < 1 || s.n_fields > GD_MAX_FIELDS)
    return GD_FAIL(GD_ERR_DATA, "%s: %lld samples of %d fields", d->info.path, (long long)s.n, s.n_fields);
  for (int f = 0; f < s.n_fields; f++) GD_TRY(check_field(d, &s.field[f], f));
  describe_x(d, &s);
  GD_TRY(describe_y(d, &s));
  for (int f = 2; f < s.n_fields; f++) GD_TRY(gdi_dataset_add_field(d, &s.field[f], NULL));
  gdi_dataset_measure(d);
  return GD_OK;
}

void gdi_source_close(gd_dataset *d) {
  if (d->source_open && d->source->close) d->source->close(d->source_user);
  d->source_open = false;
}

/* Samples of x and y alone go all at once; with more fields, which lie in one row, one after the other. */
gd_status gdi_source_read(gd_dataset *d, int64_t lo, int64_t hi, char *x, char *y) {
  enum { AT_ONCE = 512 };
  const int64_t most = d->info.n_more ? 1 : AT_ONCE;
  int64_t index[AT_ONCE];
  for (int64_t at = lo; at < hi; at += most) {
    const int64_t n = hi - at < most ? hi - at : most;
    char *row = y + (size_t)(at - lo) * d->y_row;
    void *field[GD_MAX_FIELDS] = {x + (size_t)(at - lo) * d->x_row, row};
    for (int f = 0; f < d->info.n_more; f++) field[2 + f] = row + d->more[f].offset;
    for (int64_t i = 0; i < n; i++) index[i] = at + i;
    if (d->info.n_more)
      memset(row, 0, d->y_row); /* also what lies between fields has the same bits everywhere */
    gd_status st = d->source->read(d->source_user, n, index, field);
    if (st != GD_OK) return fail_with_text(d, st);
  }
  if (!d->info.y_name[0]) memset(y, 0, (size_t)(hi - lo) * d->y_row);
  return GD_OK;
}
