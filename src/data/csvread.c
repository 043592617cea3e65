#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "data/csv.h"

enum { MAX_LINE_BYTES = 1 << 24, MAX_FIELDS = 1 << 18 };

gd_status gdi_csv_open(gdi_csv *c, const char *path) {
  gdi_file f;
  *c = (gdi_csv){.path = path, .next_line = 1};
  GD_TRY(gdi_file_open(&f, path));
  gd_status st = GD_OK;
  if (f.compressed) {
    st = GD_FAIL(GD_ERR_DATA, "%s: compressed; unpack it first", path);
  } else {
    c->text = malloc(f.bytes + 1);
    st = c->text ? gdi_file_read(&f, "text", c->text, f.bytes)
                 : GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
  }
  gdi_file_close(&f);
  if (st != GD_OK) {
    gdi_csv_close(c);
    return st;
  }
  c->at = c->text, c->end = c->text + f.bytes;
  *c->end = 0;
  if (f.bytes >= 3 && memcmp(c->text, "\xEF\xBB\xBF", 3) == 0) c->at += 3; /* a byte order mark */
  return GD_OK;
}

void gdi_csv_close(gdi_csv *c) {
  free(c->text), free(c->field);
  c->text = NULL, c->field = NULL;
}

static gd_status grow(gdi_csv *c) {
  if (c->n < c->room) return GD_OK;
  int room = c->room ? 2 * c->room : 64;
  char **field = room <= MAX_FIELDS ? realloc(c->field, (size_t)room * sizeof *field) : NULL;
  if (!field)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld: more than %d fields", c->path, (long long)c->line, c->room);
  c->field = field, c->room = room;
  return GD_OK;
}

static char *trim(char *from, char *to) {
  while (from < to && (*from == ' ' || *from == '\t')) from++;
  while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r')) to--;
  *to = 0;
  return from;
}

/* A quoted field, from behind its opening quote: unquoted in place. Returns its end, NULL if it has none. */
static char *unquote(gdi_csv *c, char *from, char **past) {
  char *to = from;
  for (; from < c->end; from++) {
    if (*from == '"') {
      if (from[1] != '"') {
        *past = from + 1;
        return to;
      }
      from++;
    }
    if (*from == '\n') c->next_line++;
    *to++ = *from;
  }
  return NULL;
}

static bool ends_field(const gdi_csv *c, const char *p) {
  return p >= c->end || *p == '\n' || *p == c->delimiter;
}

/* The field at c->at, which then stands on the delimiter or the end of the line behind it. */
static gd_status cut_field(gdi_csv *c, char **from, char **to) {
  char *start = c->at;
  while (start < c->end && (*start == ' ' || *start == '\t') && *start != c->delimiter) start++;
  if (*start != '"') {
    for (*to = *from = start; !ends_field(c, *to); ++*to) {
    }
    c->at = *to;
    return GD_OK;
  }
  *from = start + 1;
  *to = unquote(c, start + 1, &c->at);
  if (!*to)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: a quote is never closed", c->path, (long long)c->line, c->n + 1);
  while (!ends_field(c, c->at) && (*c->at == ' ' || *c->at == '\r')) c->at++;
  if (ends_field(c, c->at)) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s:%lld:%d: something follows a closing quote", c->path, (long long)c->line,
                 c->n + 1);
}

static gd_status cut_record(gdi_csv *c) {
  c->n = 0;
  for (bool last = false; !last; c->at++) {
    char *from, *to;
    GD_TRY(grow(c));
    GD_TRY(cut_field(c, &from, &to));
    last = c->at >= c->end || *c->at == '\n'; /* before the end of the field is written over it */
    c->field[c->n++] = trim(from, to);
  }
  return GD_OK;
}

static char find_delimiter(const gdi_csv *c) {
  bool quoted = false;
  for (const char *p = c->at; p < c->end && (quoted || *p != '\n'); p++) {
    if (*p == '"') quoted = !quoted;
    if (!quoted && (*p == ',' || *p == ';' || *p == '\t')) return *p;
  }
  return ',';
}

static gd_status check_line(const gdi_csv *c) {
  size_t left = (size_t)(c->end - c->at), most = left < MAX_LINE_BYTES ? left : MAX_LINE_BYTES;
  const char *stop = memchr(c->at, '\n', most);
  if (!stop && left > MAX_LINE_BYTES)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld: the line is longer than %d MiB", c->path, (long long)c->line,
                   MAX_LINE_BYTES >> 20);
  if (memchr(c->at, 0, stop ? (size_t)(stop - c->at) : left))
    return GD_FAIL(GD_ERR_DATA, "%s:%lld: a NUL byte: this is not text", c->path, (long long)c->line);
  return GD_OK;
}

static bool blank(const gdi_csv *c) {
  return c->n == 1 && c->field[0][0] == 0;
}

gd_status gdi_csv_next(gdi_csv *c, bool *more) {
  do {
    *more = c->at < c->end;
    if (!*more) return GD_OK;
    c->line = c->next_line++;
    GD_TRY(check_line(c));
    if (!c->delimiter) c->delimiter = find_delimiter(c);
    GD_TRY(cut_record(c));
  } while (blank(c));
  if (c->columns == 0) c->columns = c->n;
  if (c->n != c->columns)
    return GD_FAIL(GD_ERR_DATA, "%s:%lld: %d fields, but the first line has %d", c->path, (long long)c->line,
                   c->n, c->columns);
  return GD_OK;
}

static locale_t c_locale;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

bool gdi_csv_number(const char *text, double *out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_c_locale);
  if (!*text || strspn(text, "+-.0123456789eE") != strlen(text)) return false; /* no nan, inf, 0x10 */
  char *end;
  *out = strtod_l(text, &end, c_locale);
  return *end == 0 && isfinite(*out);
}
