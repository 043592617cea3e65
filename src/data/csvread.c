/* Records as RFC 4180 has them, and as others write them: any delimiter, runs of blanks, CR, LF or both, comments. */
#include "data/csv.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 1 << 17, MAX_RECORD_BYTES = 1 << 24, MAX_FIELDS = 1 << 18, END = -1 };

gd_status gdi_csv_open(gdi_csv *c, gdi_text *text, const gdi_dialect *d) {
  *c = (gdi_csv){.path = text->stream.path, .dialect = d, .text = text, .next_line = 1, .room = WINDOW_BYTES};
  c->window = malloc(c->room);
  return c->window ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read %s", c->path);
}

gd_status gdi_csv_open_memory(gdi_csv *c, const char *path, char *bytes, size_t n, const gdi_dialect *d) {
  *c = (gdi_csv){.path = path, .dialect = d, .window = bytes, .have = n, .next_line = 1};
  return GD_OK;
}

void gdi_csv_close(gdi_csv *c) {
  if (c->text) free(c->window);
  free(c->field), free(c->record), free(c->start);
  *c = (gdi_csv){0};
}

/* ---- characters ---- */

static gd_status refill(gdi_csv *c) {
  c->at = c->have = 0;
  return c->text ? gdi_text_read(c->text, c->window, c->room, &c->have) : GD_OK;
}

/* What comes next, END at the end of the file. */
static gd_status peek(gdi_csv *c, int *out) {
  if (c->at == c->have && c->text) GD_TRY(refill(c));
  *out = c->at < c->have ? (unsigned char)c->window[c->at] : END;
  return GD_OK;
}

static gd_status keep(gdi_csv *c, const char *from, size_t n) {
  if (c->used + n + 1 > c->record_room) {
    size_t room = c->record_room ? c->record_room : 256;
    while (room < c->used + n + 1) room *= 2;
    char *record = room <= 2 * MAX_RECORD_BYTES ? realloc(c->record, room) : NULL;
    if (!record)
      return GD_FAIL(GD_ERR_DATA, "%s:%lld: the record is longer than %d MiB: is a quote not closed?",
                     c->path, (long long)c->line, MAX_RECORD_BYTES >> 20);
    c->record = record, c->record_room = room;
  }
  memcpy(c->record + c->used, from, n);
  c->used += n;
  return GD_OK;
}

static bool is_blank(int ch) {
  return ch == ' ' || ch == '\t';
}

static bool ends_line(int ch) {
  return ch == '\n' || ch == '\r' || ch == END;
}

static bool ends_field(const gdi_dialect *d, int ch) {
  return ends_line(ch) || (d->delimiter == ' ' ? is_blank(ch) : ch == d->delimiter) ||
         (d->comment && ch == d->comment);
}

/* Blanks that are no delimiters. */
static gd_status skip_blanks(gdi_csv *c, int *next, bool *any) {
  GD_TRY(peek(c, next));
  while (is_blank(*next) && (c->dialect->delimiter == ' ' || *next != c->dialect->delimiter)) {
    c->at++, *any = true;
    GD_TRY(peek(c, next));
  }
  return GD_OK;
}

/* Past the end of the line: LF, CR or CR LF. */
static gd_status end_line(gdi_csv *c) {
  int ch;
  GD_TRY(peek(c, &ch));
  if (ch == END) return GD_OK;
  c->at++;
  c->next_line++;
  if (ch != '\r') return GD_OK;
  GD_TRY(peek(c, &ch));
  if (ch == '\n')
    c->at++;
  else
    c->lone_cr = true;
  return GD_OK;
}

static gd_status skip_line(gdi_csv *c) {
  int ch;
  GD_TRY(peek(c, &ch));
  while (!ends_line(ch)) {
    c->at++;
    GD_TRY(peek(c, &ch));
  }
  return end_line(c);
}

static gd_status refuse_nul(const gdi_csv *c) {
  return GD_FAIL(GD_ERR_DATA, "%s:%lld: a NUL character: this is not text, or its --encoding is another",
                 c->path, (long long)c->line);
}

/* ---- fields ---- */

/* What follows as long as no character of `stop`, nor NUL, comes. */
static gd_status keep_until(gdi_csv *c, const bool stop[256], int *next) {
  for (;;) {
    GD_TRY(peek(c, next));
    if (*next == END) return GD_OK;
    const char *from = c->window + c->at, *end = c->window + c->have, *p = from;
    while (p < end && !stop[(unsigned char)*p]) p++;
    GD_TRY(keep(c, from, (size_t)(p - from)));
    c->at += (size_t)(p - from);
    if (p == end) continue;
    if (*p == 0) return refuse_nul(c);
    *next = (unsigned char)*p;
    return GD_OK;
  }
}

/* A quoted field, from behind its opening quote. */
static gd_status quoted_field(gdi_csv *c) {
  const char quote = c->dialect->quote;
  bool stop[256] = {true};
  int ch, after;
  stop['\n'] = stop['\r'] = stop[(unsigned char)quote] = true;
  for (;;) {
    GD_TRY(keep_until(c, stop, &ch));
    if (ch == END)
      return GD_FAIL(GD_ERR_DATA,
                     "%s:%lld:%d: a quote is never closed: --quote none, if quotes mean nothing here",
                     c->path, (long long)c->line, c->n + 1);
    c->at++;
    if (ch == '\n' || ch == '\r') c->next_line += ch == '\n';
    if (ch == quote) {
      GD_TRY(peek(c, &after));
      if (after != quote) return GD_OK;
      c->at++;
    }
    GD_TRY(keep(c, &(char){(char)ch}, 1));
  }
}

static gd_status end_of_quoted(gdi_csv *c, int *next) {
  bool any = false;
  if (c->dialect->delimiter == ' ')
    GD_TRY(peek(c, next));
  else
    GD_TRY(skip_blanks(c, next, &any));
  if (ends_field(c->dialect, *next)) return GD_OK;
  return GD_FAIL(GD_ERR_DATA,
                 "%s:%lld:%d: something follows a closing quote: a quote inside a field stands twice, and "
                 "--quote none takes quotes as they are",
                 c->path, (long long)c->line, c->n + 1);
}

static gd_status plain_field(gdi_csv *c, int *next) {
  const gdi_dialect *d = c->dialect;
  bool stop[256] = {true};
  stop['\n'] = stop['\r'] = stop[(unsigned char)d->delimiter] = true;
  if (d->delimiter == ' ') stop['\t'] = true;
  if (d->comment) stop[(unsigned char)d->comment] = true;
  return keep_until(c, stop, next);
}

static gd_status add_field(gdi_csv *c) {
  if (c->n == c->field_room) {
    const int room = c->field_room ? 2 * c->field_room : 64;
    gdi_field *field = room <= MAX_FIELDS ? realloc(c->field, (size_t)room * sizeof *field) : NULL;
    if (field) c->field = field;
    size_t *start = field ? realloc(c->start, 2 * (size_t)room * sizeof *start) : NULL;
    if (!start)
      return GD_FAIL(GD_ERR_DATA, "%s:%lld: more than %d fields", c->path, (long long)c->line, c->n);
    c->start = start, c->field_room = room;
  }
  c->start[2 * c->n] = c->start[2 * c->n + 1] = c->used;
  c->field[c->n] = (gdi_field){0};
  return GD_OK;
}

/* Blanks at the ends of a field as written: kept for those who want text, and left out of a copy. */
static gd_status trim(gdi_csv *c) {
  const size_t start = c->start[2 * c->n];
  size_t from = start, to = c->used;
  while (from < to && is_blank(c->record[from])) from++;
  while (to > from && is_blank(c->record[to - 1])) to--;
  GD_TRY(keep(c, "", 1));
  if (from == start && to + 1 == c->used) return GD_OK;
  const size_t n = to - from;
  c->field[c->n].blanks = n > 0;
  c->start[2 * c->n + 1] = c->used;
  for (size_t i = 0; i < n; i++) GD_TRY(keep(c, &(char){c->record[from + i]}, 1));
  if (n == 0 || c->dialect->trim) c->start[2 * c->n] = c->start[2 * c->n + 1];
  return keep(c, "", 1);
}

/* One field, with its NUL; then *next is what ends it. */
static gd_status take_field(gdi_csv *c, int *next) {
  const gdi_dialect *d = c->dialect;
  GD_TRY(add_field(c));
  gdi_field *f = &c->field[c->n];
  GD_TRY(peek(c, next));
  while (is_blank(*next) && !ends_field(d, *next)) {
    GD_TRY(keep(c, &(char){(char)*next}, 1));
    c->at++;
    GD_TRY(peek(c, next));
  }
  f->quoted = d->quote && *next == d->quote;
  if (f->quoted) {
    if (c->used > c->start[2 * c->n] && !c->blank_quote) c->blank_quote = c->line;
    c->used = c->start[2 * c->n]; /* blanks before the quote are no part of the field */
    c->at++;
    GD_TRY(quoted_field(c));
    GD_TRY(end_of_quoted(c, next));
    GD_TRY(keep(c, "", 1));
  } else {
    GD_TRY(plain_field(c, next));
    GD_TRY(trim(c));
  }
  c->n++;
  return GD_OK;
}

/* ---- records ---- */

/* Behind a field: at the next one (*another), or past the end of the line. */
static gd_status pass_delimiter(gdi_csv *c, int next, bool *another) {
  bool any = false;
  if (c->dialect->delimiter == ' ') {
    GD_TRY(skip_blanks(c, &next, &any));
    *another = !ends_line(next) && next != c->dialect->comment;
  } else {
    *another = next == c->dialect->delimiter;
    if (*another) c->at++;
  }
  return *another ? GD_OK : skip_line(c); /* what is left is a comment */
}

static gd_status cut_record(gdi_csv *c) {
  bool another = true, any = false;
  int next = END;
  c->n = 0, c->used = 0;
  if (c->dialect->delimiter == ' ') GD_TRY(skip_blanks(c, &next, &any));
  while (another) {
    GD_TRY(take_field(c, &next));
    GD_TRY(pass_delimiter(c, next, &another));
  }
  for (int i = 0; i < c->n; i++) { /* it stays where it is from now on */
    c->field[i].raw = c->record + c->start[2 * i];
    c->field[i].text = c->record + c->start[2 * i + 1];
  }
  return GD_OK;
}

static bool is_blank_record(const gdi_csv *c) {
  return c->n == 1 && !c->field[0].quoted && c->field[0].text[strspn(c->field[0].text, " \t")] == 0;
}

static gd_status refuse_length(const gdi_csv *c) {
  const char *hint = "";
  if (c->n == c->columns + 1 && c->field[c->n - 1].text[0] == 0) hint = ": the line ends with a delimiter";
  if (c->n == c->columns + 1 && !*hint)
    hint =
        ": a delimiter inside a field needs quotes; names of rows need a name of their own in the first line";
  return GD_FAIL(GD_ERR_DATA, "%s:%lld: %d field%s, but the first line has %d%s", c->path, (long long)c->line,
                 c->n, c->n == 1 ? "" : "s", c->columns, hint);
}

gd_status gdi_csv_next(gdi_csv *c, bool *more) {
  int next;
  while (c->next_line <= c->dialect->skip) {
    GD_TRY(peek(c, &next));
    if (next == END) break;
    GD_TRY(skip_line(c));
  }
  do {
    GD_TRY(peek(c, &next));
    *more = next != END;
    if (!*more) return GD_OK;
    c->line = c->next_line;
    GD_TRY(cut_record(c));
  } while (is_blank_record(c));
  if (c->columns == 0) c->columns = c->n;
  return c->n == c->columns || c->ragged ? GD_OK : refuse_length(c);
}
