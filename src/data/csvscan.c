/* The first look at all cells: how many of each kind a column has, and where the first of each stands. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/import.h"

/* ---- the first record of a file ---- */

static gd_status add_columns(gdi_import *m, const gdi_csv *c) {
  m->columns = c->n;
  m->column = calloc((size_t)c->n, sizeof *m->column);
  if (!m->column) return GD_FAIL(GD_ERR_OOM, "no memory for %d columns", c->n);
  m->line_of_names = c->line;
  for (int i = 0; i < c->n; i++) {
    gdi_column *k = &m->column[i];
    const char *name = c->field[i].text;
    k->at = -1, k->counts = k->empty = true;
    if (!m->header) continue;
    if (i == 0 && *name == '#' && !c->field[i].quoted) name += 1 + strspn(name + 1, " ");
    if (strlen(name) >= GD_MAX_COLUMN_NAME)
      return GD_FAIL(GD_ERR_DATA,
                     "%s:%lld:%d: a name of more than %d bytes: --header false, if these are no names",
                     c->path, (long long)c->line, i + 1, GD_MAX_COLUMN_NAME - 1);
    k->name = strdup(name);
    if (!k->name) return GD_FAIL(GD_ERR_OOM, "no memory for column names");
  }
  return GD_OK;
}

static gd_status check_same_header(const gdi_import *m, const gdi_csv *c) {
  if (c->n != m->columns)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld: %d columns, but the first file has %d", c->path, (long long)c->line,
                   c->n, m->columns);
  for (int i = m->n_files > 1 && m->header ? 0 : m->columns; i < m->columns; i++)
    if (strcmp(c->field[i].text, m->column[i].name) != 0 && (i > 0 || c->field[i].text[0] != '#'))
      return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: the column is called \"%.40s\", in the first file \"%.40s\"",
                     c->path, (long long)c->line, i + 1, c->field[i].text, m->column[i].name);
  return GD_OK;
}

/* *more: a record of values is at hand. */
static gd_status first_record(gdi_import *m, gdi_csv *c, bool *more) {
  GD_TRY(gdi_csv_next(c, more));
  if (!*more) return GD_FAIL(GD_ERR_DATA, "%s: the file is empty", c->path);
  if (!m->column) {
    GD_TRY(add_columns(m, c));
    GD_TRY(gdi_columns_choose(m, c->path));
  } else {
    GD_TRY(check_same_header(m, c));
  }
  if (!m->header) return GD_OK;
  GD_TRY(gdi_csv_next(c, more));
  return *more ? GD_OK : GD_FAIL(GD_ERR_DATA, "%s: nothing follows the header", c->path);
}

/* ---- cells ---- */

static void remember(gdi_first *f, int file, const gdi_csv *c, int i) {
  if (f->line) return;
  f->file = file, f->line = c->line;
  snprintf(f->text, sizeof f->text, "%s", c->field[i].text);
}

/* May it hold classes or categories? Then its values are kept. */
static bool keeps_words(const gdi_import *m, const gdi_column *k) {
  if (k->asked) return true;
  if (k->use == GDI_FEATURE && !m->o->one_hot && !m->o->index) return false;
  for (int kind = 0; kind < GDI_CELLS; kind++)
    if (kind != GDI_CELL_TEXT && kind != GDI_CELL_MISSING && k->count[kind] > 0) return false;
  return true;
}

static gd_status scan_cell(gdi_import *m, int file, const gdi_csv *c, int i, gdi_cell cell, double value) {
  gdi_column *k = &m->column[i];
  k->count[cell]++;
  remember(&k->first[cell], file, c, i);
  k->counts &=
      cell == GDI_CELL_NUMBER && (k->count[cell] == 1 ? value == 0 || value == 1 : value == k->previous + 1);
  k->previous = value;
  if (cell == GDI_CELL_MISSING || !keeps_words(m, k)) return GD_OK;
  int64_t id;
  GD_TRY(gdi_words_add(&k->words, c->field[i].raw, cell == GDI_CELL_NUMBER ? value : NAN, &id));
  if (id < 0) remember(&k->too_many, file, c, i);
  if (c->field[i].blanks && cell == GDI_CELL_TEXT) remember(&k->blanks, file, c, i);
  return GD_OK;
}

static gd_status scan_record(gdi_import *m, int file, const gdi_csv *c, gdi_cell *cell, double *value) {
  bool drops = false;
  for (int i = 0; i < m->columns; i++) {
    if (m->column[i].use == GDI_DROPPED) continue;
    cell[i] = gdi_cell_of(&m->cells, c->field[i].text, &value[i]);
    m->column[i].empty &= !c->field[i].quoted && c->field[i].text[0] == 0;
    drops |= cell[i] == GDI_CELL_MISSING && gdi_missing_drops(m, i);
  }
  m->rows++;
  m->dropped += drops;
  for (int i = 0; i < m->columns; i++) {
    if (m->column[i].use == GDI_DROPPED) continue;
    if (!drops)
      GD_TRY(scan_cell(m, file, c, i, cell[i], value[i]));
    else if (cell[i] == GDI_CELL_MISSING)
      m->column[i].count[GDI_CELL_MISSING]++, remember(&m->column[i].first[GDI_CELL_MISSING], file, c, i);
  }
  return GD_OK;
}

static gd_status scan_records(gdi_import *m, int file, gdi_csv *c) {
  bool more;
  GD_TRY(first_record(m, c, &more));
  gdi_cell *cell = malloc((size_t)m->columns * sizeof *cell);
  double *value = malloc((size_t)m->columns * sizeof *value);
  gd_status st = cell && value ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %d columns", m->columns);
  while (st == GD_OK && more) {
    st = scan_record(m, file, c, cell, value);
    if (st == GD_OK) st = gdi_csv_next(c, &more);
  }
  free(cell), free(value);
  m->lone_cr |= c->lone_cr;
  if (!m->blank_quote) m->blank_quote = c->blank_quote;
  return st;
}

static gd_status scan_files(gdi_import *m) {
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < m->n_files; i++) {
    gdi_csv c = {0};
    st = gdi_import_open(m, i, &c);
    if (st == GD_OK && m->column) c.columns = m->columns;
    if (st == GD_OK) st = scan_records(m, i, &c);
    gdi_import_close(m, i, &c);
  }
  return st;
}

/* ---- the decimal sign ---- */

/* Some cells are numbers if the comma is the decimal sign, and none has a point or groups of digits. */
static bool comma_is_decimal(const gdi_import *m) {
  int64_t commas = 0, others = 0;
  if (m->o->decimal || m->o->thousands) return false;
  for (int i = 0; i < m->columns; i++) {
    const gdi_column *k = &m->column[i];
    commas += k->count[GDI_CELL_COMMA];
    others += k->count[GDI_CELL_GROUPED] > 0 && !strchr(k->first[GDI_CELL_GROUPED].text, ',');
    others += k->asked && k->count[GDI_CELL_COMMA] > 0;
  }
  return commas > 0 && others == 0;
}

static void forget_cells(gdi_import *m) {
  m->rows = m->dropped = 0;
  for (int i = 0; i < m->columns; i++) {
    gdi_column *k = &m->column[i];
    gdi_words_free(&k->words);
    memset(k->count, 0, sizeof k->count), memset(k->first, 0, sizeof k->first);
    k->too_many.line = k->blanks.line = 0;
    k->counts = true;
  }
}

/* A file whose numbers have points as well as commas stays as it is: its odd cells are named. */
static gd_status try_comma(gdi_import *m) {
  int64_t points = 0;
  gdi_first first = {0};
  for (int i = 0; i < m->columns && !first.line; i++) first = m->column[i].first[GDI_CELL_COMMA];
  forget_cells(m);
  m->cells.decimal = ',';
  GD_TRY(scan_files(m));
  for (int i = 0; i < m->columns; i++)
    points += m->column[i].count[GDI_CELL_POINT] + m->column[i].count[GDI_CELL_GROUPED];
  if (points == 0) {
    gdi_note(m, "decimal sign \",\", as in \"%s\" in line %lld (else --decimal .)", first.text,
             (long long)first.line);
    return GD_OK;
  }
  forget_cells(m);
  m->cells.decimal = '.';
  return scan_files(m);
}

/* ---- a delimiter at the end of every line ---- */

/* A delimiter at the end of every line makes a last column without a name or a value. */
static bool drop_trailing(gdi_import *m) {
  const int last = m->columns - 1;
  gdi_column *k = &m->column[last];
  if (last < 1 || k->use == GDI_DROPPED || !k->empty || (k->name && *k->name) || m->o->features) return false;
  if (k->use == GDI_TARGET && m->o->target) return false;
  gdi_note(m,
           "column %d is empty in every row, as a delimiter at the end of each line makes it: it is left out",
           last);
  k->use = GDI_DROPPED, k->at = -1;
  return true;
}

/* The last column that is left is the target where none was named. */
static void move_target(gdi_import *m) {
  if (m->o->target || m->n_targets == 0 || m->column[m->target[0]].use != GDI_DROPPED) return;
  int last = m->columns - 1;
  while (last > 0 && m->column[last].use != GDI_FEATURE) last--;
  m->target[0] = last;
  m->column[last].use = GDI_TARGET, m->column[last].at = 0;
  if (m->o->classes) m->column[last].asked = true, m->column[last].take = GDI_CLASSES;
}

gd_status gdi_csv_scan(gdi_import *m) {
  GD_TRY(scan_files(m));
  if (drop_trailing(m)) {
    move_target(m);
    forget_cells(m);
    GD_TRY(scan_files(m));
  }
  if (comma_is_decimal(m)) GD_TRY(try_comma(m));
  if (m->blank_quote)
    gdi_note(m, "blanks before a quote are left out, as in line %lld (else --quote none)",
             (long long)m->blank_quote);
  if (m->lone_cr) gdi_note(m, "lines end in CR alone, as on old Macintoshes");
  return GD_OK;
}
