/* Columns by name or position: which are targets, features or left out. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "data/import.h"
#include "gd/config.h"

const char *gdi_column_text(const gdi_import *m, int column, char buf[128]) {
  const char *name = m->column[column].name;
  if (name && !*name)
    snprintf(buf, 128, "column %d, which has no name,", column);
  else if (name)
    snprintf(buf, 128, "column %d (%.90s)", column, m->column[column].name);
  else
    snprintf(buf, 128, "column %d", column);
  for (char *c = buf; *c; c++)
    if ((unsigned char)*c < ' ') *c = '?';
  return buf;
}

const char *gdi_column_word(const gdi_import *m, int column, char buf[128]) {
  const char *name = m->column[column].name;
  const bool plain = name && *name && strlen(name) < 60 &&
                     strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.") == strlen(name);
  snprintf(buf, 128, "%d", column);
  if (plain && strspn(name, "0123456789") != strlen(name)) snprintf(buf, 128, "%s", name);
  return buf;
}

void gdi_note(gdi_import *m, const char *fmt, ...) {
  va_list args;
  if (!m->notes) return;
  va_start(args, fmt);
  vfprintf(m->notes, fmt, args);
  va_end(args);
  fputc('\n', m->notes);
}

/* ---- finding ---- */

static gd_status named_twice(const gdi_import *m, const char *what, const char *word, int a, int b) {
  return GD_FAIL(GD_ERR_USAGE,
                 "--%s %s: columns %d and %d are both named \"%.60s\": choose one by its position", what,
                 word, a, b, m->column[a].name);
}

/* *column -1: no column has this name. */
static gd_status find_name(const gdi_import *m, const char *what, const char *word, int *column) {
  *column = -1;
  for (int i = 0; m->header && i < m->columns; i++) {
    if (strcmp(m->column[i].name, word) != 0) continue;
    if (*column >= 0) return named_twice(m, what, word, *column, i);
    *column = i;
  }
  return GD_OK;
}

static bool position(const char *s, size_t n, int columns, int *out) {
  if (n == 0 || n > 8 || strspn(s, "0123456789") < n) return false;
  *out = atoi(s);
  return *out < columns;
}

static gd_status no_column(const gdi_import *m, const char *what, const char *word) {
  if (!m->header)
    return GD_FAIL(GD_ERR_USAGE, "--%s: no column \"%s\": %d columns, numbered from 0 (names need --header)",
                   what, word, m->columns);
  const char **name = calloc((size_t)m->columns + 1, sizeof *name), *near = NULL;
  for (int i = 0; name && i < m->columns; i++) name[i] = m->column[i].name;
  if (name) near = gd_nearest(word, name);
  free(name);
  return GD_FAIL(
      GD_ERR_USAGE, "--%s: no column \"%s\"%s%.60s%s: %d columns, named in the first line or numbered from 0",
      what, word, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "", m->columns);
}

typedef struct picked {
  int *at, n;
  bool *taken;
} picked;

static gd_status pick(picked *p, const char *what, const char *word, int column) {
  if (p->taken[column]) return GD_FAIL(GD_ERR_USAGE, "--%s: column \"%s\" is given twice", what, word);
  p->taken[column] = true;
  p->at[p->n++] = column;
  return GD_OK;
}

/* A word of a list: a name, "last", a position or two with - between. */
static gd_status pick_word(const gdi_import *m, picked *p, const char *what, const char *word) {
  int from, to;
  GD_TRY(find_name(m, what, word, &from));
  if (from >= 0) return pick(p, what, word, from);
  if (strcmp(word, "last") == 0) return pick(p, what, word, m->columns - 1);
  if (position(word, strlen(word), m->columns, &from)) return pick(p, what, word, from);
  const char *dash = strchr(word, '-');
  if (!dash || !position(word, (size_t)(dash - word), m->columns, &from) ||
      !position(dash + 1, strlen(dash + 1), m->columns, &to) || to < from)
    return no_column(m, what, word);
  for (int i = from; i <= to; i++) GD_TRY(pick(p, what, word, i));
  return GD_OK;
}

/* The next word of a list of RFC 4180 in place; *rest NULL after the last. */
static char *next_word(char **rest) {
  char *from = *rest, *to, *at;
  if (*from != '"') {
    at = strchr(from, ',');
    *rest = at ? at + 1 : NULL;
    if (at) *at = 0;
    return from;
  }
  for (at = from + 1, to = from; *at && (*at != '"' || at[1] == '"'); at++) {
    at += *at == '"';
    *to++ = *at;
  }
  if (*at) at++;
  *rest = *at == ',' ? at + 1 : NULL;
  *to = 0;
  return from;
}

gd_status gdi_columns_listed(const gdi_import *m, const char *what, const char *list, int **out, int *n) {
  char *words = strdup(list), *rest = words;
  picked p = {calloc((size_t)m->columns + 1, sizeof(int)), 0, calloc((size_t)m->columns + 1, 1)};
  gd_status st = words && p.at && p.taken ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for columns");
  int whole = -1;
  if (st == GD_OK && strchr(list, ',')) st = find_name(m, what, list, &whole); /* a name that holds a comma */
  if (st == GD_OK && whole >= 0) st = pick(&p, what, list, whole), rest = NULL;
  while (st == GD_OK && rest) st = pick_word(m, &p, what, next_word(&rest));
  free(words), free(p.taken);
  if (st != GD_OK) free(p.at), p.at = NULL;
  *out = p.at, *n = p.n;
  return st;
}

/* ---- choosing ---- */

static gd_status choose_targets(gdi_import *m, const char *path) {
  const char *list = m->o->target ? m->o->target : "last";
  int none = -1;
  if (strcmp(list, "none") == 0) GD_TRY(find_name(m, "target", list, &none));
  if (strcmp(list, "none") == 0 && none < 0) return GD_OK;
  if (!m->o->target) { /* the last of those that are not left out */
    char word[16];
    int last = m->columns - 1;
    while (last > 0 && m->column[last].use != GDI_FEATURE) last--;
    snprintf(word, sizeof word, "%d", last);
    m->target = malloc(sizeof *m->target);
    if (!m->target) return GD_FAIL(GD_ERR_OOM, "no memory for columns");
    m->target[0] = last, m->n_targets = 1;
  } else {
    GD_TRY(gdi_columns_listed(m, "target", list, &m->target, &m->n_targets));
  }
  for (int k = 0; k < m->n_targets; k++) {
    gdi_column *c = &m->column[m->target[k]];
    if (c->use != GDI_FEATURE)
      return GD_FAIL(GD_ERR_USAGE, "%s: column %d is a target and %s", path, m->target[k],
                     c->use == GDI_WEIGHT ? "the weight" : "among those of --drop");
    c->use = GDI_TARGET, c->at = k;
  }
  return GD_OK;
}

static gd_status choose_weight(gdi_import *m, const char *path) {
  int *list = NULL, n = 0;
  m->weight = -1;
  if (!m->o->weight) return GD_OK;
  GD_TRY(gdi_columns_listed(m, "weight", m->o->weight, &list, &n));
  const int column = list[0];
  free(list);
  if (n != 1)
    return GD_FAIL(GD_ERR_USAGE, "--weight \"%s\": one column has the weights of samples", m->o->weight);
  if (m->column[column].use == GDI_DROPPED)
    return GD_FAIL(GD_ERR_USAGE, "%s: column %d is the weight and among those of --drop", path, column);
  m->column[column].use = GDI_WEIGHT;
  m->weight = column;
  return GD_OK;
}

static gd_status choose_dropped(gdi_import *m) {
  int *list = NULL, n = 0;
  if (!m->o->drop || !*m->o->drop) return GD_OK;
  GD_TRY(gdi_columns_listed(m, "drop", m->o->drop, &list, &n));
  for (int k = 0; k < n; k++) m->column[list[k]].use = GDI_DROPPED;
  free(list);
  return GD_OK;
}

static gd_status choose_features(gdi_import *m, const char *path) {
  char text[128];
  if (m->o->features) {
    GD_TRY(gdi_columns_listed(m, "features", m->o->features, &m->feature, &m->n_features));
    for (int k = 0; k < m->n_features; k++)
      if (m->column[m->feature[k]].use != GDI_FEATURE)
        return GD_FAIL(GD_ERR_USAGE, "%s: %s is among those of --features and %s", path,
                       gdi_column_text(m, m->feature[k], text),
                       m->column[m->feature[k]].use == GDI_TARGET   ? "a target"
                       : m->column[m->feature[k]].use == GDI_WEIGHT ? "the weight"
                                                                    : "those of --drop");
    for (int i = 0; i < m->columns; i++)
      m->column[i].use = m->column[i].use == GDI_FEATURE ? GDI_DROPPED : m->column[i].use;
  } else {
    m->feature = malloc(((size_t)m->columns + 1) * sizeof *m->feature);
    if (!m->feature) return GD_FAIL(GD_ERR_OOM, "no memory for columns");
    for (int i = 0; i < m->columns; i++)
      if (m->column[i].use == GDI_FEATURE) m->feature[m->n_features++] = i;
  }
  for (int k = 0; k < m->n_features; k++)
    m->column[m->feature[k]].use = GDI_FEATURE, m->column[m->feature[k]].at = k;
  return m->n_features
             ? GD_OK
             : GD_FAIL(GD_ERR_DATA, "%s: %s; no features are left", path,
                       m->columns == 1 ? "its lines have one field (--delimiter says what is between "
                                         "fields), and that is the target"
                                       : "every column is a target, a weight or left out");
}

static gd_status ask(gdi_import *m, const char *what, const char *list, gdi_take take) {
  int *column = NULL, n = 0;
  if (!list || strcmp(list, "*") == 0 || !*list) return GD_OK;
  GD_TRY(gdi_columns_listed(m, what, list, &column, &n));
  gd_status st = GD_OK;
  for (int k = 0; st == GD_OK && k < n; k++) {
    gdi_column *c = &m->column[column[k]];
    if (c->use == GDI_TARGET)
      st = GD_FAIL(GD_ERR_USAGE, "--%s: column %d is the target; --classes makes its values classes", what,
                   column[k]);
    c->asked = true, c->take = take;
  }
  free(column);
  return st;
}

gd_status gdi_columns_choose(gdi_import *m, const char *path) {
  GD_TRY(choose_dropped(m));
  GD_TRY(choose_weight(m, path));
  GD_TRY(choose_targets(m, path));
  GD_TRY(choose_features(m, path));
  GD_TRY(ask(m, "categorical one-hot", m->o->one_hot, GDI_ONE_HOT));
  GD_TRY(ask(m, "categorical index", m->o->index, GDI_INDEX));
  if (m->o->classes && m->n_targets != 1)
    return GD_FAIL(GD_ERR_DATA, "%s: classes need exactly one target column, not %d", path, m->n_targets);
  if (m->o->classes) m->column[m->target[0]].asked = true, m->column[m->target[0]].take = GDI_CLASSES;
  return GD_OK;
}
