/* The dialect of a table, from its first records; what can be read in two ways is an error that asks. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/import.h"

enum { SAMPLE_BYTES = 1 << 20, RECORDS = 1000, MOST_COUNTED = 512 };

typedef struct sample {
  const char *path;
  char *bytes;
  size_t n;
  bool whole; /* it is all of the file */
} sample;

static gd_status take_sample(sample *s, gdi_text *t) {
  s->path = t->stream.path;
  s->bytes = malloc(SAMPLE_BYTES + 1);
  if (!s->bytes) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", s->path);
  size_t got = 1;
  while (got > 0 && s->n + 16 < SAMPLE_BYTES) {
    GD_TRY(gdi_text_read(t, s->bytes + s->n, SAMPLE_BYTES - s->n, &got));
    s->n += got;
  }
  s->whole = got == 0;
  while (!s->whole && s->n > 0 && s->bytes[s->n - 1] != '\n' && s->bytes[s->n - 1] != '\r') s->n--;
  s->bytes[s->n] = 0;
  return gdi_text_rewind(t);
}

/* ---- lines before the table ---- */

/* "sep=;", which Excel writes and reads; true: the line is there. */
static bool separator_line(const sample *s, char *delimiter) {
  const char *p = s->bytes + (s->bytes[0] == '"');
  if (s->n < 6 || strncasecmp(p, "sep=", 4) != 0) return false;
  *delimiter = p[4];
  p += 5 + (s->bytes[0] == '"');
  return *p == '\r' || *p == '\n';
}

static int64_t comment_lines(const sample *s) {
  int64_t n = 0;
  const char *p = s->bytes;
  while (*p == '#') {
    p += strcspn(p, "\r\n");
    p += *p == '\r' && p[1] == '\n' ? 2 : *p != 0;
    n++;
  }
  return n;
}

/* ---- the delimiter ---- */

typedef struct trial {
  char delimiter;
  int fields;            /* that most records have */
  bool quoted;           /* it stands in fields that are quoted */
  double agree, numeric; /* share of records with as many; share of their cells that could be numbers */
} trial;

static bool numeric_cell(const gdi_import *m, const gdi_field *f) {
  double v;
  return (!m->o->decimal && gdi_cell_numeric(f->text)) ||
         gdi_cell_of(&m->cells, f->text, &v) == GDI_CELL_NUMBER;
}

/* The sample cut at this delimiter; what is no record ends it. */
static gd_status try_delimiter(const gdi_import *m, const sample *s, trial *t) {
  gdi_csv c;
  gdi_dialect d = m->dialect;
  int records = 0, seen[MOST_COUNTED] = {0},
      wide = 0; /* seen[0]: as many as the first that has MOST_COUNTED or more */
  int64_t cells = 0, numbers = 0;
  bool more = true;
  d.delimiter = t->delimiter;
  GD_TRY(gdi_csv_open_memory(&c, s->path, s->bytes, s->n, &d));
  c.ragged = true;
  while (records < RECORDS && gdi_csv_next(&c, &more) == GD_OK && more) {
    records++;
    if (c.n >= MOST_COUNTED && !wide) wide = c.n;
    if (c.n < MOST_COUNTED) seen[c.n]++;
    if (c.n == wide) seen[0]++;
    for (int i = 0; i < c.n; i++) {
      cells++, numbers += numeric_cell(m, &c.field[i]);
      t->quoted |= c.field[i].quoted && strchr(c.field[i].text, t->delimiter);
    }
  }
  gdi_csv_close(&c);
  int most = 0;
  for (int i = 1; i < MOST_COUNTED; i++)
    if (seen[i] > seen[most]) most = i;
  t->fields = most ? most : wide;
  t->agree = records ? (double)seen[most] / records : 0;
  t->numeric = cells ? (double)numbers / (double)cells : 0;
  return GD_OK;
}

static bool splits(const trial *t) {
  return t->fields > 1 && t->agree == 1;
}

/* Is a better? Where both cut every record alike, the one whose cells are numbers; blanks only if nothing else is. */
static bool better(const trial *a, const trial *b) {
  if (splits(a) != splits(b)) return splits(a);
  if (!splits(a)) return (a->fields > 1 ? a->agree : 0) > (b->fields > 1 ? b->agree : 0);
  const double handicap = (b->delimiter == ' ' ? 0.25 : 0) - (a->delimiter == ' ' ? 0.25 : 0);
  return a->numeric + handicap > b->numeric;
}

/* May the lines be meant so after all? Those of unequal length that hold numbers, as in a damaged file; and blanks. */
static bool rivals(const trial *other, const trial *best) {
  if (!splits(best) || other->fields < 2) return false;
  if (other->delimiter == ' ')
    return best->delimiter != '\t' && splits(other) && other->numeric >= best->numeric;
  if (splits(other) && best->delimiter != ' ' && other->fields > best->fields) return true;
  return other->agree >= 0.5 && (best->delimiter == ' ' || other->numeric > best->numeric);
}

static const char *delimiter_text(char c, char buf[8]) {
  if (c == '\t') return "tab";
  if (c == ' ') return "space";
  snprintf(buf, 8, "\"%c\"", c);
  return buf;
}

static gd_status refuse_both(const sample *s, const trial *a, const trial *b) {
  char text[2][8];
  return GD_FAIL(
      GD_ERR_DATA,
      "%s: fields could be delimited by %s (%d in a line) or by %s (%d): say which with --delimiter", s->path,
      delimiter_text(a->delimiter, text[0]), a->fields, delimiter_text(b->delimiter, text[1]), b->fields);
}

/* A sign that numbers are written with delimits fields where such numbers stand in quotes. */
static bool possible(const gdi_import *m, const trial *t) {
  return t->quoted || (t->delimiter != m->o->decimal && t->delimiter != m->o->thousands);
}

static gd_status guess_delimiter(gdi_import *m, const sample *s) {
  trial t[] = {
      {.delimiter = ','}, {.delimiter = ';'}, {.delimiter = '\t'}, {.delimiter = '|'}, {.delimiter = ' '}};
  enum { TRIALS = sizeof t / sizeof *t };
  char text[8];
  for (int i = 0; i < TRIALS; i++) GD_TRY(try_delimiter(m, s, &t[i]));
  const trial *best = possible(m, &t[0]) ? &t[0] : &t[1];
  for (int i = 1; i < TRIALS; i++)
    if (possible(m, &t[i]) && better(&t[i], best)) best = &t[i];
  for (int i = 0; i < TRIALS; i++)
    if (&t[i] != best && possible(m, &t[i]) &&
        ((splits(best) && splits(&t[i]) && !better(best, &t[i])) || rivals(&t[i], best)))
      return refuse_both(s, best, &t[i]);
  for (int i = 0; i < TRIALS; i++)
    if (!possible(m, &t[i]) && !splits(best) && splits(&t[i]))
      return GD_FAIL(GD_ERR_DATA,
                     "%s: what is between the fields? Only %s, which numbers hold too: say --delimiter",
                     s->path, delimiter_text(t[i].delimiter, text));
  m->dialect.delimiter = best->delimiter;
  if (best->fields > 1)
    gdi_note(m, "delimiter %s: %d fields in %s line%s (else --delimiter)",
             delimiter_text(best->delimiter, text), best->fields, best->agree == 1 ? "every" : "most",
             best->agree == 1 ? "" : "s");
  else
    gdi_note(m, "one field in each line: none of , ; | tab and blanks delimits any (else --delimiter)");
  return GD_OK;
}

/* ---- the header ---- */

typedef struct evidence {
  int for_names, against; /* columns */
  int numbers;            /* cells of the first record that are some */
  int counting;           /* cells of it that say where they stand: 0, 1, 2 ... */
  int text_column;        /* one that speaks for names, and one against */
  int number_column;
  int records; /* below the first */
  bool empty;  /* there is no first */
} evidence;

/* How the first record differs from those below it: text over numbers is a name, a number is none. */
static gd_status weigh_header(const gdi_import *m, const sample *s, evidence *e) {
  gdi_csv c;
  bool more;
  GD_TRY(gdi_csv_open_memory(&c, s->path, s->bytes, s->n, &m->dialect));
  c.ragged = true;
  gd_status st = gdi_csv_next(&c, &more);
  const int n = st == GD_OK && more ? c.n : 0;
  bool *text = calloc((size_t)n + 1, sizeof *text);
  int *number = calloc((size_t)n + 1, sizeof *number), records = 0;
  if (!text || !number) st = GD_FAIL(GD_ERR_OOM, "no memory for %d columns", n);
  for (int i = 0, k = 0; st == GD_OK && i < n; i++) {
    double v;
    const gdi_cell cell = gdi_cell_of(&m->cells, c.field[i].text, &v);
    text[i] = cell == GDI_CELL_TEXT;
    e->numbers += cell != GDI_CELL_TEXT && cell != GDI_CELL_MISSING;
    k += cell == GDI_CELL_MISSING && i == 0;
    e->counting += cell == GDI_CELL_NUMBER && v == i - k;
    if (cell != GDI_CELL_TEXT && cell != GDI_CELL_MISSING) e->against++, e->number_column = i;
  }
  while (st == GD_OK && records < RECORDS && more) {
    if (gdi_csv_next(&c, &more) != GD_OK || !more) break;
    for (int i = 0; i < n && i < c.n; i++) number[i] += gdi_cell_numeric(c.field[i].text);
    records++;
  }
  for (int i = 0; i < n; i++)
    if (text[i] && 2 * number[i] > records) e->for_names++, e->text_column = i;
  e->records = records, e->empty = n == 0;
  free(text), free(number);
  gdi_csv_close(&c);
  return st;
}

static gd_status guess_header(gdi_import *m, const sample *s) {
  evidence e = {0};
  const int64_t line = m->dialect.skip + 1;
  GD_TRY(weigh_header(m, s, &e));
  if (m->o->header != GD_HEADER_GUESS) {
    m->header = m->o->header == GD_HEADER_YES;
    if (m->header && e.numbers > 0 && e.for_names == 0)
      gdi_note(m, "warning: the first line, whose names --header takes, holds numbers: --header false if it "
                  "is a row of the data");
    return GD_OK;
  }
  if (e.for_names > 0 && e.against > 0 && e.against <= e.for_names)
    return GD_FAIL(
        GD_ERR_DATA,
        "%s: is the first line one of names? Column %d of it is text over numbers, column %d a number: say "
        "--header true or --header false",
        s->path, e.text_column, e.number_column);
  m->header = e.for_names > 0 && e.against == 0;
  if (m->header)
    gdi_note(m, "line %lld holds names: text stands over numbers (else --header false)", (long long)line);
  else if (e.numbers > 0)
    gdi_note(m, "line %lld is data, not names: it holds numbers (else --header)", (long long)line);
  else if (e.records == 0)
    m->header = !e.empty; /* names, and nothing follows */
  else
    return GD_FAIL(
        GD_ERR_DATA,
        "%s: is the first line one of names? No column of numbers tells: say --header true or --header false",
        s->path);
  if (!m->header && e.counting > 3 && e.counting == e.numbers)
    gdi_note(m, "warning: the first line counts 0, 1, 2 ...: names given by pandas? Then say --header");
  return GD_OK;
}

/* ---- the whole ---- */

/* Are the first lines, which begin with #, comments? Or is the last of them one of names, as numpy.savetxt writes it? */
static gd_status judge_comments(gdi_import *m, const sample *s, int64_t comments) {
  gdi_dialect *d = &m->dialect;
  trial with = {.delimiter = d->delimiter}, without = with;
  evidence below = {0}, itself = {0};
  d->skip += comments - 1;
  GD_TRY(try_delimiter(m, s, &with));
  const int64_t line = ++d->skip;
  GD_TRY(try_delimiter(m, s, &without));
  if (with.agree == 1 && with.fields == without.fields && with.fields > 1 && m->o->header != GD_HEADER_NO) {
    GD_TRY(weigh_header(m, s, &below));
    d->skip--;
    GD_TRY(weigh_header(m, s, &itself));
    const bool names = itself.for_names > 0 && itself.against == 0,
               follow = below.for_names > 0 && below.against == 0;
    if (names == follow)
      return GD_FAIL(
          GD_ERR_DATA,
          "%s:%lld: is this line, which begins with # and has as many fields as the others, a comment "
          "(--comment \"#\") or a part of the table (--comment none)?",
          s->path, (long long)line);
    if (names)
      gdi_note(
          m, "line %lld is no comment although it begins with #: it names the columns (else --comment \"#\")",
          (long long)line);
    d->skip += follow;
  }
  if (d->skip > 0)
    gdi_note(m, "%lld line%s that begin%s with # left out (else --comment none)", (long long)d->skip,
             d->skip > 1 ? "s" : "", d->skip > 1 ? "" : "s");
  return GD_OK;
}

static gd_status guess(gdi_import *m, const sample *s) {
  const gd_csv_options *o = m->o;
  gdi_dialect *d = &m->dialect;
  char separator, text[8];
  if (separator_line(s, &separator)) {
    d->skip = 1;
    if (!o->delimiter) {
      d->delimiter = separator;
      gdi_note(m, "delimiter %s: line 1 says so, \"sep=\" (else --delimiter)",
               delimiter_text(separator, text));
    }
  }
  const int64_t comments = o->comment ? 0 : comment_lines(s);
  if (!d->delimiter) {
    d->skip += comments;
    GD_TRY(guess_delimiter(m, s));
    d->skip -= comments;
  }
  if (comments == 0) return guess_header(m, s);
  GD_TRY(judge_comments(m, s, comments));
  return guess_header(m, s);
}

gd_status gdi_csv_guess(gdi_import *m) {
  sample s = {0};
  gdi_text *t = &m->text[0];
  gd_status st = gdi_import_text(m, 0);
  if (st == GD_OK) st = take_sample(&s, t);
  if (st == GD_OK && gdi_stream_packed(&t->stream))
    gdi_note(m, "%s: %s data", s.path, gdi_stream_packed(&t->stream));
  if (st == GD_OK && t->because) gdi_note(m, "encoding %s: %s (else --encoding)", t->encoding, t->because);
  if (st == GD_OK) st = guess(m, &s);
  free(s.bytes);
  if (!t->stream.copied) gdi_text_close(t);
  return st;
}
