/* The second look: values into the table that the first made room for. */
#include <stdlib.h>
#include <string.h>

#include "data/import.h"
#include "data/names.h"
#include "data/table.h"

static gd_status changed(const gdi_csv *c) {
  return GD_FAIL(GD_ERR_DATA, "%s:%lld: the file changed while it was read", c->path, (long long)c->line);
}

/* ---- cells ---- */

static gd_status put_feature(const gdi_import *m, const gdi_csv *c, int i, double *row) {
  const gdi_column *k = &m->column[i];
  double value, *to = row + k->x;
  const gdi_cell cell = gdi_cell_of(&m->cells, c->field[i].text, &value);
  if (cell == GDI_CELL_MISSING) { /* one_hot: zeros, as allocated */
    if (k->take != GDI_ONE_HOT) *to = m->o->fill;
    return GD_OK;
  }
  if (k->take == GDI_NUMBER || k->take == GDI_DATE) {
    if (cell != (k->take == GDI_DATE ? GDI_CELL_DATE : GDI_CELL_NUMBER)) return changed(c);
    *to = value;
    return GD_OK;
  }
  const int64_t word = gdi_words_find(&k->words, c->field[i].raw);
  if (word < 0) return changed(c);
  const int64_t rank = k->words.word[word].rank;
  if (k->take == GDI_ONE_HOT)
    to[rank] = 1;
  else
    *to = (double)rank;
  return GD_OK;
}

static gd_status put_target(const gdi_import *m, const gdi_csv *c, int i, gd_table *t, int64_t row) {
  const gdi_column *k = &m->column[i];
  const char *text = c->field[i].text;
  if (k->take == GDI_CLASSES) {
    const int64_t word = gdi_words_find(&k->words, c->field[i].raw);
    if (word < 0) return changed(c);
    ((int64_t *)t->y)[row] = k->words.word[word].rank;
    return GD_OK;
  }
  const gdi_cell cell = gdi_cell_of(&m->cells, text, (double *)t->y + row * t->targets + k->at);
  return cell == (k->take == GDI_DATE ? GDI_CELL_DATE : GDI_CELL_NUMBER) ? GD_OK : changed(c);
}

static gd_status put_weight(const gdi_import *m, const gdi_csv *c, double *to) {
  if (gdi_cell_of(&m->cells, c->field[m->weight].text, to) != GDI_CELL_NUMBER) return changed(c);
  if (*to >= 0) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s:%lld: the weight %g is below 0", c->path, (long long)c->line, *to);
}

static bool drops(const gdi_import *m, const gdi_csv *c) {
  double value;
  if (m->o->on_missing != GD_MISSING_DROPS_ROW) return false;
  for (int i = 0; i < m->columns; i++)
    if (gdi_missing_drops(m, i) && gdi_cell_of(&m->cells, c->field[i].text, &value) == GDI_CELL_MISSING)
      return true;
  return false;
}

static gd_status fill_record(gd_table *t, const gdi_import *m, const gdi_csv *c, int64_t *row) {
  if (drops(m, c)) return GD_OK;
  if (*row == t->n) return changed(c);
  for (int k = 0; k < m->n_features; k++)
    GD_TRY(put_feature(m, c, m->feature[k], (double *)t->x + *row * t->sample[0]));
  for (int k = 0; k < m->n_targets; k++) GD_TRY(put_target(m, c, m->target[k], t, *row));
  if (t->w) GD_TRY(put_weight(m, c, &t->w[*row]));
  ++*row;
  return GD_OK;
}

static gd_status fill_file(gd_table *t, gdi_import *m, gdi_csv *c, int64_t *row) {
  bool more;
  GD_TRY(gdi_csv_next(c, &more));
  if (more && m->header) GD_TRY(gdi_csv_next(c, &more));
  while (more) {
    GD_TRY(fill_record(t, m, c, row));
    GD_TRY(gdi_csv_next(c, &more));
  }
  return GD_OK;
}

static gd_status fill_files(gd_table *t, gdi_import *m) {
  int64_t row = 0;
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < m->n_files; i++) {
    gdi_csv c = {0};
    st = gdi_import_open(m, i, &c);
    c.columns = m->columns;
    if (st == GD_OK) st = fill_file(t, m, &c, &row);
    gdi_import_close(m, i, &c);
  }
  if (st == GD_OK && row != t->n)
    st = GD_FAIL(GD_ERR_DATA, "%s: the file changed while it was read", m->file[0]);
  return st;
}

/* ---- names ---- */

static gd_status fill_classes(gd_table *t, const gdi_column *k) {
  t->classes = k->n_words;
  t->class_name = calloc((size_t)t->classes + 1, sizeof *t->class_name);
  if (!t->class_name) return GD_FAIL(GD_ERR_OOM, "no memory for class names");
  for (int64_t i = k->words.n - 1; i >= 0; i--) /* of equal numbers the first spelling stays */
    snprintf(t->class_name[k->words.word[i].rank], sizeof *t->class_name, "%s", k->words.word[i].text);
  return GD_OK;
}

static gd_status put_name(const gdi_import *m, gdi_column_name to, const char *column, const char *category) {
  const int n = snprintf(to, sizeof(gdi_column_name), "%s%s%s", column, *category ? "=" : "", category);
  if (n < (int)sizeof(gdi_column_name)) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s: the name \"%.60s=%.60s...\" is longer than %d bytes", m->file[0], column,
                 category, GD_MAX_COLUMN_NAME - 1);
}

/* The values behind the numbers of an index column, so that other values are not taken for the same: a|b|c */
static const char *index_text(const gdi_column *k, char buf[100]) {
  uint64_t sum = 0;
  size_t at = 0;
  buf[0] = 0;
  for (int64_t r = 0; r < k->n_words; r++)
    for (int64_t i = 0; i < k->words.n; i++) {
      const struct gdi_word *w = &k->words.word[i];
      if (k->n_words > 64 || w->rank != r) continue;
      at += at < 100 ? (size_t)snprintf(buf + at, 100 - at, "%s%s", r ? "|" : "", w->text) : 0;
      break;
    }
  if (at > 0 && at < 100) return buf;
  for (int64_t i = 0; i < k->words.n; i++) {
    uint64_t h = 0xcbf29ce484222325u + (uint64_t)k->words.word[i].rank;
    for (const char *p = k->words.word[i].text; *p; p++) h = (h ^ (uint8_t)*p) * 0x100000001b3u;
    sum += h;
  }
  snprintf(buf, 100, "%lld values, %016llx", (long long)k->n_words, (unsigned long long)sum);
  return buf;
}

static gd_status name_feature(const gdi_import *m, int i, gdi_column_name *to) {
  const gdi_column *k = &m->column[i];
  char position[16], values[100];
  snprintf(position, sizeof position, "%d", i);
  const char *name = k->name && *k->name ? k->name : position;
  if (k->take == GDI_INDEX) return put_name(m, to[k->x], name, index_text(k, values));
  if (k->take != GDI_ONE_HOT) return put_name(m, to[k->x], name, "");
  for (int64_t i_word = 0; i_word < k->words.n;
       i_word++) { /* of equal numbers the first spelling stays, or that of --like */
    const struct gdi_word *w = &k->words.word[m->o->like ? i_word : k->words.n - 1 - i_word];
    GD_TRY(put_name(m, to[k->x + w->rank], name, w->text));
  }
  return GD_OK;
}

/* Two columns of one name: the second is numbered, as pandas does. */
static void number_repeated(gdi_import *m, gdi_column_name *name, int64_t n) {
  for (int i = 0; i < m->columns; i++)
    for (int k = m->columns <= 4096 ? i + 1 : m->columns; k < m->columns; k++)
      if (m->header && m->column[k].use == GDI_FEATURE && m->column[i].use == GDI_FEATURE &&
          *m->column[i].name && strcmp(m->column[i].name, m->column[k].name) == 0 && m->column[k].x < n &&
          m->column[k].take != GDI_ONE_HOT) {
        snprintf(name[m->column[k].x], sizeof *name, "%.240s.%d", m->column[i].name, k);
        gdi_note(m, "columns %d and %d are both named \"%.60s\": the second is kept as \"%.80s\"", i, k,
                 m->column[i].name, name[m->column[k].x]);
      }
}

static bool is_category(const gdi_column *k) {
  return k->take == GDI_ONE_HOT || k->take == GDI_INDEX;
}

static gd_status fill_names(gd_names *n, gdi_import *m, int64_t features) {
  bool named = m->header;
  for (int k = 0; k < m->n_features; k++) named |= is_category(&m->column[m->feature[k]]);
  if (named) GD_TRY(gdi_names_new(&n->x, features));
  n->n_x = named ? features : 0;
  for (int k = 0; named && k < m->n_features; k++) GD_TRY(name_feature(m, m->feature[k], n->x));
  if (named) number_repeated(m, n->x, features);
  if (!m->header || m->n_targets == 0) return GD_OK;
  GD_TRY(gdi_names_new(&n->y, m->n_targets));
  n->n_y = m->n_targets;
  for (int k = 0; k < m->n_targets; k++) {
    const char *name = m->column[m->target[k]].name;
    snprintf(n->y[k], sizeof *n->y, "%s", name);
    if (!*name) snprintf(n->y[k], sizeof *n->y, "%d", m->target[k]);
  }
  return GD_OK;
}

gd_status gdi_csv_fill(gd_table *t, gdi_import *m) {
  int64_t x = 0;
  const gdi_column *target = m->n_targets ? &m->column[m->target[0]] : NULL;
  for (int k = 0; k < m->n_features; k++) x += m->column[m->feature[k]].n_x;
  *t = (gd_table){
      .n = m->rows - m->dropped, .ndim = 1, .sample = {x}, .x_type = GD_F64, .targets = m->n_targets};
  t->labels = target && target->take == GDI_CLASSES;
  t->y_vector = m->n_targets == 1;
  if (x > INT64_MAX / 16 / t->n)
    return GD_FAIL(GD_ERR_OOM, "no memory for %lld values in each row", (long long)x);
  GD_TRY(gdi_table_alloc(t));
  if (m->weight >= 0) t->w = calloc((size_t)t->n + 1, sizeof *t->w);
  if (m->weight >= 0 && !t->w) return GD_FAIL(GD_ERR_OOM, "no memory for %lld weights", (long long)t->n);
  if (t->labels) GD_TRY(fill_classes(t, target));
  GD_TRY(fill_names(&t->names, m, x));
  return fill_files(t, m);
}
