/* CSV import: which columns are targets, and whether they are classes, is decided at the first record. */
#include "data/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/names.h"
#include "data/table.h"

enum { MAX_CLASSES = 1 << 16 };

typedef struct import {
  const gd_csv_options *o;
  int columns;
  char **name; /* [columns] from the header, or NULL */
  int *target; /* [columns] 1 + which target a column is; 0: a feature */
  int n_targets;
  bool classes;
  double *value; /* [rows][columns - (classes)] features, then targets */
  int64_t rows, room;
  int64_t *label; /* [rows]: class in order of appearance */
  struct class_name {
    char text[GD_MAX_CLASS_NAME];
    double number;
    bool is_number;
    int64_t id;
  } * class; /* sorted: numbers first */
  int64_t n_classes;
} import;

static void import_free(import *m) {
  for (int i = 0; m->name && i < m->columns; i++) free(m->name[i]);
  free(m->name), free(m->target), free(m->value), free(m->label), free(m->class);
}

/* "column 3 (alcohol)" */
static const char *column_name(const import *m, int column, char buf[96]) {
  if (m->name)
    snprintf(buf, 96, "column %d (%.60s)", column, m->name[column]);
  else
    snprintf(buf, 96, "column %d", column);
  return buf;
}

/* ---- the first record ---- */

static gd_status keep_header(import *m, const gdi_csv *c) {
  m->name = calloc((size_t)c->n, sizeof *m->name);
  for (int i = 0; m->name && i < c->n; i++)
    if (!(m->name[i] = strdup(c->field[i]))) return GD_FAIL(GD_ERR_OOM, "no memory for column names");
  return m->name ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for column names");
}

/* A column by name or 0-based number; -1: there is none. */
static int find_column(const import *m, const char *word) {
  for (int i = 0; m->name && i < m->columns; i++)
    if (strcmp(m->name[i], word) == 0) return i;
  if (strcmp(word, "last") == 0) return m->columns - 1;
  char *end;
  long column = strtol(word, &end, 10);
  return *word >= '0' && *word <= '9' && *end == 0 && column < m->columns ? (int)column : -1;
}

static gd_status choose_targets(import *m, const char *path) {
  char words[4096], *rest = words;
  if (snprintf(words, sizeof words, "%s", m->o->target ? m->o->target : "last") >= (int)sizeof words)
    return GD_FAIL(GD_ERR_USAGE, "the list of target columns is too long");
  m->target = calloc((size_t)m->columns, sizeof *m->target);
  if (!m->target) return GD_FAIL(GD_ERR_OOM, "no memory for %d columns", m->columns);
  if (strcmp(words, "none") == 0 && find_column(m, words) < 0) return GD_OK;
  for (char *word; (word = strsep(&rest, ",")) != NULL;) {
    int column = find_column(m, word);
    if (column < 0)
      return GD_FAIL(GD_ERR_USAGE, "%s: no target column \"%s\": %d columns, %s", path, word, m->columns,
                     m->name ? "named in the first line" : "numbered from 0 (names need a header)");
    if (m->target[column]) return GD_FAIL(GD_ERR_USAGE, "target column \"%s\" is given twice", word);
    m->target[column] = ++m->n_targets;
  }
  if (m->n_targets == m->columns)
    return GD_FAIL(GD_ERR_DATA, "%s: every column is a target; no features are left", path);
  return GD_OK;
}

static gd_status begin(import *m, gdi_csv *c, bool *more) {
  m->columns = c->n;
  if (m->o->header) {
    GD_TRY(keep_header(m, c));
    GD_TRY(gdi_csv_next(c, more));
    if (!*more) return GD_FAIL(GD_ERR_DATA, "%s: nothing follows the header", c->path);
  }
  GD_TRY(choose_targets(m, c->path));
  m->classes = m->o->classes;
  double number;
  for (int i = 0; i < c->n; i++)
    if (m->target[i] && c->field[i][0] && !gdi_csv_number(c->field[i], &number)) m->classes = true;
  if (m->classes && m->n_targets != 1)
    return GD_FAIL(GD_ERR_DATA, "%s: classes need exactly one target column, not %d", c->path, m->n_targets);
  return GD_OK;
}

/* ---- classes: numbers in their order, then texts in theirs ---- */

static int compare_class(const struct class_name *a, const struct class_name *b) {
  if (a->is_number != b->is_number) return a->is_number ? -1 : 1;
  if (a->is_number) return (a->number > b->number) - (a->number < b->number);
  return strcmp(a->text, b->text);
}

/* How others write that there is no value, or none that can be computed with. */
static bool is_missing(const char *text) {
  static const char *const words[] = {"nan",  "+nan", "-nan", "na",   "n/a", "null",
                                      "none", "inf",  "+inf", "-inf", "?"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasecmp(text, words[i]) == 0) return true;
  return *text == 0;
}

static gd_status add_class(import *m, const gdi_csv *c, int column, int64_t *label) {
  struct class_name wanted = {.id = m->n_classes};
  const char *text = c->field[column];
  if (strlen(text) >= sizeof wanted.text)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: a class name longer than %zu bytes", c->path, (long long)c->line,
                   column + 1, sizeof wanted.text - 1);
  strcpy(wanted.text, text);
  wanted.is_number = gdi_csv_number(text, &wanted.number);
  int64_t lo = 0, hi = m->n_classes;
  while (lo < hi) {
    int64_t mid = (lo + hi) / 2;
    int order = compare_class(&m->class[mid], &wanted);
    if (order == 0) {
      *label = m->class[mid].id;
      return GD_OK;
    }
    if (order < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (m->n_classes == MAX_CLASSES)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: more than %d classes: is it a number to predict?", c->path,
                   (long long)c->line, column + 1, MAX_CLASSES);
  if (!m->class) m->class = malloc(MAX_CLASSES * sizeof *m->class);
  if (!m->class) return GD_FAIL(GD_ERR_OOM, "no memory for classes");
  memmove(m->class + lo + 1, m->class + lo, (size_t)(m->n_classes - lo) * sizeof *m->class);
  m->class[lo] = wanted;
  *label = m->n_classes++;
  return GD_OK;
}

/* ---- records ---- */

static gd_status add_row_room(import *m) {
  if (m->rows < m->room) return GD_OK;
  int64_t room = m->room ? 2 * m->room : 1024;
  double *value = realloc(m->value, (size_t)room * (size_t)m->columns * sizeof *value);
  if (value) m->value = value;
  int64_t *label = realloc(m->label, (size_t)room * sizeof *label);
  if (label) m->label = label;
  if (!value || !label) return GD_FAIL(GD_ERR_OOM, "no memory for %lld rows", (long long)room);
  m->room = room;
  return GD_OK;
}

static const char *not_a_number_hint(const import *m, int column) {
  if (m->target[column]) return "";
  return m->rows == 0 && !m->name
             ? " (--header, if the first line holds names; only a target may be text: --target N)"
             : " (only a target may be text)";
}

static gd_status add_record(import *m, const gdi_csv *c) {
  GD_TRY(add_row_room(m));
  int n_features = m->columns - m->n_targets, feature = 0;
  double *row = m->value + m->rows * m->columns;
  for (int i = 0; i < m->columns; i++) {
    char where[96];
    const char *text = c->field[i];
    if (is_missing(text))
      return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: %s has no value (\"%s\")", c->path, (long long)c->line, i + 1,
                     column_name(m, i, where), text);
    if (m->target[i] && m->classes) {
      GD_TRY(add_class(m, c, i, &m->label[m->rows]));
      continue;
    }
    int at = m->target[i] ? n_features + m->target[i] - 1 : feature++;
    if (!gdi_csv_number(text, &row[at]))
      return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: %s holds \"%.40s\", not a number%s", c->path,
                     (long long)c->line, i + 1, column_name(m, i, where), text, not_a_number_hint(m, i));
  }
  m->rows++;
  return GD_OK;
}

static gd_status check_same_header(const import *m, const gdi_csv *c) {
  if (c->n != m->columns)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld: %d columns, but the first file has %d", c->path, (long long)c->line,
                   c->n, m->columns);
  for (int i = 0; m->name && i < m->columns; i++)
    if (strcmp(c->field[i], m->name[i]) != 0)
      return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: the column is called \"%.40s\", in the first file \"%.40s\"",
                     c->path, (long long)c->line, i + 1, c->field[i], m->name[i]);
  return GD_OK;
}

static gd_status add_records(import *m, gdi_csv *c) {
  bool more;
  GD_TRY(gdi_csv_next(c, &more));
  if (!more) return GD_FAIL(GD_ERR_DATA, "%s: the file is empty", c->path);
  if (!m->target) {
    GD_TRY(begin(m, c, &more));
  } else {
    GD_TRY(check_same_header(m, c));
    if (m->name) GD_TRY(gdi_csv_next(c, &more));
  }
  while (more) {
    GD_TRY(add_record(m, c));
    GD_TRY(gdi_csv_next(c, &more));
  }
  return GD_OK;
}

/* ---- the table ---- */

static gd_status fill_classes(gd_table *t, const import *m) {
  int64_t *rank = malloc(((size_t)m->n_classes + 1) * sizeof *rank);
  t->class_name = calloc((size_t)m->n_classes + 1, sizeof *t->class_name);
  if (!rank || !t->class_name) {
    free(rank);
    return GD_FAIL(GD_ERR_OOM, "no memory for class names");
  }
  for (int64_t i = 0; i < m->n_classes; i++) {
    rank[m->class[i].id] = i;
    memcpy(t->class_name[i], m->class[i].text, GD_MAX_CLASS_NAME);
  }
  for (int64_t i = 0; i < t->n; i++) ((int64_t *)t->y)[i] = rank[m->label[i]];
  free(rank);
  return GD_OK;
}

static gd_status keep_names(gd_names *n, const import *m) {
  if (!m->name) return GD_OK;
  GD_TRY(gdi_names_new(&n->x, m->columns - m->n_targets));
  GD_TRY(gdi_names_new(&n->y, m->n_targets));
  for (int i = 0; i < m->columns; i++) {
    char *to = m->target[i] ? n->y[m->target[i] - 1] : n->x[n->n_x++];
    snprintf(to, sizeof *n->x, "%s", m->name[i]);
  }
  n->n_y = m->n_targets;
  return GD_OK;
}

static gd_status make_table(gd_table *t, const import *m) {
  int64_t d = m->columns - m->n_targets;
  *t = (gd_table){.n = m->rows, .ndim = 1, .sample = {d}, .x_type = GD_F64, .labels = m->classes};
  t->targets = m->n_targets;
  t->y_vector = m->n_targets == 1;
  t->classes = m->n_classes;
  GD_TRY(gdi_table_alloc(t));
  GD_TRY(keep_names(&t->names, m));
  for (int64_t i = 0; i < t->n; i++) {
    const double *row = m->value + i * m->columns;
    memcpy((double *)t->x + i * d, row, (size_t)d * sizeof *row);
    if (!t->labels) memcpy((double *)t->y + i * t->targets, row + d, (size_t)t->targets * sizeof *row);
  }
  return t->labels ? fill_classes(t, m) : GD_OK;
}

gd_status gd_import_csv(gd_table *out, const char *const files[], int n, const gd_csv_options *o) {
  static const gd_csv_options plain;
import m = {.o = o ? o: & plain };
  gd_table t = {0};
  gd_status st = n > 0 ? GD_OK : GD_FAIL(GD_ERR_USAGE, "no CSV files");
  for (int i = 0; st == GD_OK && i < n; i++) {
    gdi_csv c;
    st = gdi_csv_open(&c, files[i]);
    if (st == GD_OK) st = add_records(&m, &c);
    gdi_csv_close(&c);
  }
  if (st == GD_OK) st = make_table(&t, &m);
  if (st != GD_OK) gd_table_free(&t);
  import_free(&m);
  *out = t;
  return st;
}
