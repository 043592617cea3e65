/* The whole of a column decides what it is; a cell that contradicts the others is named, with what to say about it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/import.h"

/* ---- messages ---- */

typedef struct place {
  const gdi_import *m;
  int column;
  char text[128], word[128]; /* the column for people, and for options */
} place;

static place place_of(const gdi_import *m, int column) {
  place p = {.m = m, .column = column};
  gdi_column_text(m, column, p.text);
  gdi_column_word(m, column, p.word);
  return p;
}

/* What says how groups of digits are meant. */
static void grouping_hint(const char *text, char out[160]) {
  const char *comma = strrchr(text, ','), *point = strrchr(text, '.');
  if (comma && point)
    snprintf(out, 160, "%s if its digits are grouped by three",
             comma < point ? "--thousands ," : "--decimal , --thousands .");
  else if (comma && strchr(text, ',') == comma)
    snprintf(out, 160,
             "--thousands , if its comma groups digits by three; --decimal , if it is the decimal sign");
  else if (point && strchr(text, '.') == point)
    snprintf(out, 160,
             "--thousands . if its point groups digits by three; --decimal . if it is the decimal sign");
  else
    snprintf(out, 160, "--thousands \"%s\" if its digits are grouped by three",
             comma                ? ","
             : point              ? "."
             : strchr(text, '\'') ? "'"
             : strchr(text, '_')  ? "_"
                                  : " ");
}

/* What to say next about a cell of this kind among numbers. */
static void hint_of(const place *p, gdi_cell kind, const char *text, char out[400]) {
  const gdi_column *k = &p->m->column[p->column];
  char groups[160];
  switch (kind) {
  case GDI_CELL_COMMA: snprintf(out, 400, "--decimal , if the comma is the decimal sign"); return;
  case GDI_CELL_POINT: snprintf(out, 400, "--decimal . or --thousands . say what a point is"); return;
  case GDI_CELL_GROUPED: grouping_hint(text, groups), snprintf(out, 400, "%s", groups); return;
  case GDI_CELL_RANGE:
    snprintf(out, 400, "it is not finite as a 64-bit number; --missing \"%.40s\" if it means no value", text);
    return;
  case GDI_CELL_UNIT:
    snprintf(out, 400, "write numbers without units; --drop %.60s leaves the column out", p->word);
    return;
  case GDI_CELL_OTHER_DATE:
    snprintf(out, 400, "dates are read as 2019-01-31 only; --drop %.60s leaves the column out", p->word);
    return;
  case GDI_CELL_DATE:
    snprintf(out, 400,
             "a column of dates alone becomes days since 1970 by --dates number; --drop %.60s leaves it out",
             p->word);
    return;
  default: break;
  }
  if (k->use == GDI_WEIGHT)
    snprintf(out, 400, "--weight names a column of numbers");
  else if (k->use == GDI_TARGET)
    snprintf(out, 400, "--missing \"%.40s\" if it means no value; --classes if the column holds classes",
             text);
  else
    snprintf(out, 400,
             "--missing \"%.40s\" if it means no value; --categorical one-hot:%.60s if the column holds "
             "categories; "
             "--drop %.60s leaves it out",
             text, p->word, p->word);
}

static int64_t cells_of(const gdi_column *k) {
  int64_t n = 0;
  for (int i = 0; i < GDI_CELLS; i++) n += i == GDI_CELL_MISSING ? 0 : k->count[i];
  return n;
}

#define REFUSE_AT(p, first_, fmt, ...)                                                                       \
  GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: %s " fmt, gdi_file_text((p)->m, (first_)->file),                         \
          (long long)(first_)->line, (p)->column + 1, (p)->text __VA_OPT__(, ) __VA_ARGS__)

/* The first cell that is no number, of a column where others are, or might be. */
static gd_status refuse_odd(const place *p) {
  const gdi_column *k = &p->m->column[p->column];
  int odd = -1;
  char hint[400], share[80];
  for (int i = 0; i < GDI_CELLS; i++)
    if (i != GDI_CELL_NUMBER && i != GDI_CELL_MISSING && k->count[i] > 0 &&
        (odd < 0 || k->first[i].file < k->first[odd].file ||
         (k->first[i].file == k->first[odd].file && k->first[i].line < k->first[odd].line)))
      odd = i;
  const gdi_first *f = &k->first[odd];
  hint_of(p, (gdi_cell)odd, f->text, hint);
  const bool first = !p->m->header && f->line == p->m->line_of_names && odd == GDI_CELL_TEXT;
  if (k->count[GDI_CELL_NUMBER] > 0)
    snprintf(share, sizeof share, "as %lld of %lld cells are", (long long)k->count[GDI_CELL_NUMBER],
             (long long)cells_of(k));
  else
    snprintf(share, sizeof share, "nor is any other of its %lld cells", (long long)cells_of(k));
  return REFUSE_AT(p, f, "holds \"%.40s\", not a number, %s: %s%s", f->text, share,
                   first ? "--header if this line holds names; " : "", hint);
}

/* Most cells are text; some are numbers. */
static gd_status refuse_mixture(const place *p) {
  const gdi_column *k = &p->m->column[p->column];
  const gdi_first *n = &k->first[GDI_CELL_NUMBER], *t = &k->first[GDI_CELL_TEXT];
  return REFUSE_AT(
      p, n, "holds the number \"%.40s\", but \"%.40s\" in line %lld: %s takes all as %s as they are written",
      n->text, t->text, (long long)t->line, k->use == GDI_TARGET ? "--classes" : "--categorical one-hot",
      k->use == GDI_TARGET ? "classes" : "categories");
}

static gd_status refuse_missing(const place *p) {
  const gdi_column *k = &p->m->column[p->column];
  const gdi_first *f = &k->first[GDI_CELL_MISSING];
  const bool text = k->take == GDI_CLASSES || k->take == GDI_ONE_HOT || k->take == GDI_INDEX;
  return REFUSE_AT(
      p, f,
      "has no value (\"%.40s\"), %lld of %lld cells like it: --on-missing drop leaves such rows out%s%s",
      f->text, (long long)k->count[GDI_CELL_MISSING], (long long)(cells_of(k) + k->count[GDI_CELL_MISSING]),
      k->use != GDI_FEATURE ? "" : ", --on-missing 0 puts a number there, --drop leaves the column out",
      text && *f->text ? ", --missing none takes it as the text that it is" : "");
}

/* ---- one column ---- */

static bool only(const gdi_column *k, gdi_cell kind) {
  return k->count[kind] > 0 && k->count[kind] == cells_of(k);
}

static gd_status judge_words(const place *p, gdi_import *m) {
  gdi_column *k = &m->column[p->column];
  const bool numbers = only(k, GDI_CELL_NUMBER);
  if (k->too_many.line)
    return REFUSE_AT(p, &k->too_many,
                     "has more than %d different values (\"%.40s\" is one too many): is it a number, or an "
                     "identifier? --drop %.60s leaves it out",
                     GDI_MAX_WORDS, k->too_many.text, p->word);
  k->n_words = gdi_words_rank(&k->words, numbers);
  if (k->n_words < 0) return GD_FAIL(GD_ERR_OOM, "no memory for %lld texts", (long long)k->words.n);
  if (k->n_words < k->words.n)
    gdi_note(m, "%s: %lld spellings stand for %lld values: equal numbers are one class", p->text,
             (long long)k->words.n, (long long)k->n_words);
  if (k->blanks.line && !m->o->trim)
    gdi_note(m, "%s: text keeps the blanks around it, as in line %lld (else --trim)", p->text,
             (long long)k->blanks.line);
  for (int64_t i = 0; i < k->words.n && k->take == GDI_CLASSES; i++)
    if (strlen(k->words.word[i].text) >= GD_MAX_CLASS_NAME)
      return GD_FAIL(GD_ERR_DATA, "%s: %s: a class name longer than %d bytes: \"%.80s\"", gdi_file_text(m, 0),
                     p->text, GD_MAX_CLASS_NAME - 1, k->words.word[i].text);
  return GD_OK;
}

/* A column of text alone. */
static gd_status judge_text(const place *p, gdi_import *m) {
  gdi_column *k = &m->column[p->column];
  const gdi_first *f = &k->first[GDI_CELL_TEXT];
  if (k->use == GDI_TARGET && m->n_targets > 1)
    return REFUSE_AT(p, f, "holds \"%.40s\": classes need exactly one target column, not %d", f->text,
                     m->n_targets);
  if (k->use == GDI_TARGET) {
    k->take = GDI_CLASSES;
    gdi_note(m, "%s is the target: all its cells are text, so they are classes", p->text);
    return judge_words(p, m);
  }
  if (!m->o->one_hot && !m->o->index)
    return REFUSE_AT(
        p, f,
        "holds \"%.40s\", not a number, and all its cells are text: --categorical one-hot makes columns of "
        "0 and 1 of its values (index: their numbers), --drop %.60s leaves it out",
        f->text, p->word);
  k->take = m->o->one_hot ? GDI_ONE_HOT : GDI_INDEX;
  return judge_words(p, m);
}

static gd_status judge_dates(const place *p, gdi_import *m) {
  gdi_column *k = &m->column[p->column];
  const gdi_first *f = &k->first[GDI_CELL_DATE];
  if (m->o->dates == GD_DATES_REFUSED)
    return REFUSE_AT(
        p, f,
        "holds dates (\"%.40s\"): --dates number makes them days since 1970, --dates drop leaves them out",
        f->text);
  k->take = GDI_DATE;
  if (m->o->dates == GD_DATES_DROPPED && k->use == GDI_FEATURE) k->use = GDI_DROPPED, k->at = -1;
  gdi_note(m,
           k->use == GDI_DROPPED ? "%s holds dates, and is left out"
                                 : "%s holds dates: days since 1970-01-01, UTC",
           p->text);
  return GD_OK;
}

static gd_status judge_values(const place *p, gdi_import *m) {
  gdi_column *k = &m->column[p->column];
  const int64_t numbers = k->count[GDI_CELL_NUMBER], texts = k->count[GDI_CELL_TEXT];
  if (k->use == GDI_WEIGHT && !only(k, GDI_CELL_NUMBER)) return refuse_odd(p);
  if (k->asked) return judge_words(p, m);
  if (only(k, GDI_CELL_TEXT)) return judge_text(p, m);
  if (only(k, GDI_CELL_DATE)) return judge_dates(p, m);
  k->take = GDI_NUMBER;
  if (only(k, GDI_CELL_NUMBER)) return GD_OK;
  return numbers > 0 && texts > numbers && numbers + texts == cells_of(k) ? refuse_mixture(p) : refuse_odd(p);
}

/* 0, 1, 2 ... in a column without a name, in the first of a longer table, or where the name says it. */
static bool is_index(const gdi_column *k, int i, int64_t rows) {
  static const char *const names[] = {"id", "index", "idx", "row", "Unnamed: 0", ""};
  enum { MANY = 10 };
  if (!k->counts || rows < 3) return false;
  for (size_t n = 0; k->name && n < sizeof names / sizeof *names; n++)
    if (strcasecmp(k->name, names[n]) == 0) return true;
  return i == 0 && rows >= MANY;
}

static gd_status judge_column(gdi_import *m, int i) {
  gdi_column *k = &m->column[i];
  const place p = place_of(m, i);
  if (k->use == GDI_DROPPED) return GD_OK;
  const bool refused = m->o->on_missing == GD_MISSING_REFUSED ||
                       (k->use != GDI_FEATURE && m->o->on_missing == GD_MISSING_FILLED);
  if (cells_of(k) == 0 && k->use == GDI_FEATURE && m->rows > m->dropped)
    return REFUSE_AT(&p, &k->first[GDI_CELL_MISSING], "has no value in any row: --drop %.60s leaves it out",
                     p.word);
  if (cells_of(k) > 0) GD_TRY(judge_values(&p, m));
  if (k->use != GDI_DROPPED && refused && k->count[GDI_CELL_MISSING] > 0) return refuse_missing(&p);
  if (k->count[GDI_CELL_MISSING] > 0 && m->o->on_missing == GD_MISSING_FILLED && k->use == GDI_FEATURE)
    gdi_note(m,
             k->take == GDI_ONE_HOT ? "%s: %lld missing cells are 0 for every category"
                                    : "%s: %lld missing cells become %g",
             p.text, (long long)k->count[GDI_CELL_MISSING], m->o->fill);
  if (k->use == GDI_FEATURE && is_index(k, i, m->rows))
    gdi_note(m, "warning: %s counts the rows, as an index does: --drop %.60s leaves it out", p.text, p.word);
  return GD_OK;
}

/* After some were left out: the features that stay, where they lie in a sample, and what they are called. */
static void place_features(gdi_import *m) {
  int n = 0;
  int64_t x = 0;
  for (int i = 0; i < m->n_features; i++) {
    gdi_column *k = &m->column[m->feature[i]];
    if (k->use != GDI_FEATURE) continue;
    m->feature[n] = m->feature[i];
    k->at = n++;
    k->x = x, k->n_x = k->take == GDI_ONE_HOT ? k->n_words : 1;
    x += k->n_x;
  }
  m->n_features = n;
}

gd_status gdi_csv_judge(gdi_import *m) {
  for (int i = 0; i < m->columns; i++) GD_TRY(judge_column(m, i));
  place_features(m);
  if (m->n_features == 0) return GD_FAIL(GD_ERR_DATA, "%s: no features are left", gdi_file_text(m, 0));
  if (m->rows == m->dropped)
    return GD_FAIL(GD_ERR_DATA, "%s: each of its %lld rows lacks a value", gdi_file_text(m, 0),
                   (long long)m->rows);
  if (m->dropped)
    gdi_note(m, "%lld of %lld rows lack a value and are left out", (long long)m->dropped, (long long)m->rows);
  return GD_OK;
}
