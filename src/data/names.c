#include "data/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

enum { MAX_COLUMNS = 1 << 20 };

void gd_names_free(gd_names *n) {
  free(n->x), free(n->y);
  *n = (gd_names){0};
}

gd_status gdi_names_new(gdi_column_name **out, int64_t n) {
  *out = calloc((size_t)n + 1, sizeof **out);
  return *out ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the names of %lld columns", (long long)n);
}

bool gdi_names_same(const gdi_column_name *a, int64_t n_a, const gdi_column_name *b, int64_t n_b) {
  if (n_a == 0 || n_b == 0) return true;
  bool same = n_a == n_b;
  for (int64_t i = 0; same && i < n_a; i++) same = strcmp(a[i], b[i]) == 0;
  return same;
}

const char *gdi_names_text(const gdi_column_name *name, int64_t n, char *buf, size_t bytes) {
  enum { MORE = 32 }; /* bytes of " and 12345 more" */
  size_t at = 0;
  *buf = 0;
  for (int64_t i = 0; i < n; i++) {
    const size_t length = strlen(name[i]);
    if (at + length + 2 + MORE > bytes) {
      snprintf(buf + at, bytes - at, "%s%lld more", i ? " and " : "", (long long)(n - i));
      break;
    }
    at += (size_t)snprintf(buf + at, bytes - at, "%s%s", i ? ", " : "", name[i]);
  }
  for (char *c = buf; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
  return buf;
}

/* ---- in files ---- */

static gd_status check_list(const gdi_h5_array *a, int64_t n) {
  if (!a->text || a->ndim != 1 || a->width >= GD_MAX_COLUMN_NAME || a->n > MAX_COLUMNS)
    return GDI_H5_REFUSE(a->file, a->name,
                         "names of columns must be a list of fixed strings of up to %d bytes",
                         GD_MAX_COLUMN_NAME - 1);
  if (n >= 0 && a->n != n)
    return GDI_H5_REFUSE(a->file, a->name, "%lld names for %lld columns", (long long)a->n, (long long)n);
  return GD_OK;
}

gd_status gdi_names_read_list(gdi_column_name **out, int64_t *n, gd_arena *arena, gdi_h5 *f,
                              const char *array) {
  gdi_h5_array a;
  const int64_t wanted = *n;
  *out = NULL, *n = 0;
  if (wanted == 0 || !gdi_h5_has(f, array)) return GD_OK;
  GD_TRY(gdi_h5_array_open(&a, f, array));
  gd_status st = check_list(&a, wanted);
  if (st == GD_OK && arena) *out = gd_arena_zalloc(arena, (size_t)a.n * sizeof **out);
  if (st == GD_OK && arena && !*out) st = GD_ERR_OOM;
  if (st == GD_OK && !arena) st = gdi_names_new(out, a.n);
  if (st == GD_OK) st = gdi_h5_array_read_text(&a, sizeof **out, **out);
  if (st == GD_OK) *n = a.n;
  gdi_h5_array_close(&a);
  return st;
}

gd_status gdi_names_open(gd_names *n, gdi_h5 *f, int64_t n_x, int64_t n_y) {
  n->n_x = n_x, n->n_y = n_y;
  GD_TRY(gdi_names_read_list(&n->x, &n->n_x, NULL, f, "x_names"));
  return gdi_names_read_list(&n->y, &n->n_y, NULL, f, "y_names");
}

static gd_status put_list(gdi_h5_writer *w, const char *array, const gdi_column_name *name, int64_t n) {
  size_t width = 1;
  if (n <= 0) return GD_OK;
  for (int64_t i = 0; i < n; i++) width = strlen(name[i]) > width ? strlen(name[i]) : width;
  char *text = calloc((size_t)n, width);
  if (!text) return GD_FAIL(GD_ERR_OOM, "no memory for the names of %lld columns", (long long)n);
  for (int64_t i = 0; i < n; i++) memcpy(text + (size_t)i * width, name[i], strlen(name[i]));
  const gd_status st = gdi_h5_put_text(w, array, n, width, text);
  free(text);
  return st;
}

gd_status gdi_names_put(gdi_h5_writer *w, const gd_names *n, const char *x, const char *y) {
  GD_TRY(put_list(w, x, n->x, n->n_x));
  return put_list(w, y, n->y, n->n_y);
}

/* ---- matching ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(**(const gdi_column_name *const *)a, **(const gdi_column_name *const *)b);
}

/* What the file is called, what it has and what the model takes, for messages. */
typedef struct matching {
  const char *path, *what;
  const gdi_column_name *have, *want;
  int64_t n_have, n_want;
} matching;

static gd_status refuse_missing(const matching *m, const int64_t *map) {
  char lacks[400], has[300];
  gdi_column_name *missing;
  int64_t n = 0;
  GD_TRY(gdi_names_new(&missing, m->n_want));
  for (int64_t i = 0; i < m->n_want; i++)
    if (map[i] < 0) memcpy(missing[n++], m->want[i], sizeof *missing);
  const gd_status st = GD_FAIL(
      GD_ERR_DATA, "%s: the model was trained on %lld %s; of these the file lacks %s. Its %lld are: %s%s",
      m->path, (long long)m->n_want, m->what, gdi_names_text(missing, n, lacks, sizeof lacks),
      (long long)m->n_have, gdi_names_text(m->have, m->n_have, has, sizeof has),
      n > 0 && strchr(missing[0], '=') ? " (import csv --like TRAIN.h5 gives it the same categories)" : "");
  free(missing);
  return st;
}

static gd_status find_each(const matching *m, const gdi_column_name **sorted, int64_t *map) {
  bool all = true;
  for (int64_t i = 0; i < m->n_have; i++) sorted[i] = &m->have[i];
  qsort(sorted, (size_t)m->n_have, sizeof *sorted, by_name);
  for (int64_t i = 0; i < m->n_want; i++) {
    const gdi_column_name *name = &m->want[i];
    const gdi_column_name **at = bsearch(&name, sorted, (size_t)m->n_have, sizeof *sorted, by_name);
    map[i] = at ? *at - m->have : -1;
    all &= at != NULL;
    if (at && ((at > sorted && by_name(at - 1, at) == 0) ||
               (at + 1 < sorted + m->n_have && by_name(at, at + 1) == 0)))
      return GD_FAIL(GD_ERR_DATA, "%s: two %s are named \"%.80s\": rename one", m->path, m->what, *name);
  }
  return all ? GD_OK : refuse_missing(m, map);
}

/* *map: [n_want], or NULL where the file has them as they are wanted. Owner: caller */
static gd_status match(const matching *m, int64_t **map) {
  if (m->n_want == 0 || gdi_names_same(m->have, m->n_have, m->want, m->n_want)) return GD_OK;
  const gdi_column_name **sorted = malloc((size_t)m->n_have * sizeof *sorted);
  *map = malloc((size_t)m->n_want * sizeof **map);
  const gd_status st = sorted && *map ? find_each(m, sorted, *map)
                                      : GD_FAIL(GD_ERR_OOM, "no memory for the names of %s", m->path);
  free(sorted);
  return st;
}

/* What the columns are called from now on. */
static gd_status rename_columns(gdi_column_name **name, int64_t *n, const matching *m, const int64_t *map) {
  gdi_column_name *renamed;
  if (!map) return GD_OK;
  GD_TRY(gdi_names_new(&renamed, m->n_want));
  memcpy(renamed, m->want, (size_t)m->n_want * sizeof *renamed);
  free(*name);
  *name = renamed, *n = m->n_want;
  return GD_OK;
}

gd_status gd_dataset_match(gd_dataset *d, const gd_names *model) {
  gd_data_info *i = &d->info;
  const matching x = {i->path, "columns", i->names.x, model->x, i->names.n_x, model->n_x};
  const matching y = {i->path, "targets", i->names.y, model->y, i->names.n_y, i->labels ? 0 : model->n_y};
  if (d->loaded_x)
    return GD_FAIL(GD_ERR_USAGE, "%s: match the columns before the values are loaded", i->path);
  GD_TRY(match(&x, &d->x_map));
  GD_TRY(match(&y, &d->y_map));
  GD_TRY(rename_columns(&i->names.x, &i->names.n_x, &x, d->x_map));
  GD_TRY(rename_columns(&i->names.y, &i->names.n_y, &y, d->y_map));
  if (d->x_map) d->features = i->sample[0] = model->n_x;
  if (d->y_map) i->targets = model->n_y;
  gdi_dataset_measure(d);
  return GD_OK;
}
