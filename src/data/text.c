#include "data/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RAW_BYTES = 1 << 16, SAMPLE_BYTES = 1 << 20 };

/* ---- which encoding ---- */

/* Is it UTF-8, but for a character that the sample cuts? Text that holds characters of UTF-8 beside other bytes is damaged
 * UTF-8, which an error will tell, rather than of another encoding. */
static bool is_utf8(const uint8_t *s, size_t n) {
  size_t whole = 0, bad = 0;
  for (size_t i = 0; i < n;) {
    const size_t more = s[i] < 0x80 ? 0 : s[i] >= 0xF0 ? 3 : s[i] >= 0xE0 ? 2 : 1;
    bool good = s[i] < 0x80 || (s[i] >= 0xC2 && s[i] <= 0xF4);
    for (size_t k = 1; good && k <= more && i + k < n; k++) good = (s[i + k] & 0xC0) == 0x80;
    whole += good && more > 0 && i + more < n;
    bad += !good;
    i += good ? 1 + more : 1;
  }
  return bad == 0 || whole > 0;
}

static const char *guess_encoding(const uint8_t *s, size_t n, const char **because) {
  size_t zeros[2] = {0}, controls = 0;
  *because = "its byte order mark";
  if (n >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0) return *because = NULL, "UTF-8";
  if (n >= 4 && memcmp(s, "\xFF\xFE\0\0", 4) == 0) return "UTF-32LE";
  if (n >= 2 && memcmp(s, "\xFF\xFE", 2) == 0) return "UTF-16LE";
  if (n >= 2 && memcmp(s, "\xFE\xFF", 2) == 0) return "UTF-16BE";
  for (size_t i = 0; i < n; i++) zeros[i % 2] += s[i] == 0, controls += s[i] >= 0x80 && s[i] < 0xA0;
  *because = "every second byte is zero";
  if (zeros[1] > n / 5 && zeros[0] < n / 50 + 1) return "UTF-16LE";
  if (zeros[0] > n / 5 && zeros[1] < n / 50 + 1) return "UTF-16BE";
  *because = NULL;
  if (is_utf8(s, n)) return "UTF-8";
  *because = "it is not UTF-8";
  return controls ? "WINDOWS-1252" : "ISO-8859-1";
}

/* NULs that are not those of UTF-16. */
static gd_status refuse_zeros(const gdi_text *t, const uint8_t *s, size_t n) {
  const char *because, *encoding = guess_encoding(s, n, &because);
  const uint8_t *zero = memchr(s, 0, n);
  const bool wide = strncmp(encoding, "UTF-16", 6) == 0 || strncmp(encoding, "UTF-32", 6) == 0;
  long long line = 1;
  if (!zero || wide) return GD_OK;
  for (const uint8_t *p = s; p < zero; p++) line += *p == '\n';
  return GD_FAIL(GD_ERR_DATA, "%s:%lld: a NUL byte: this is no text, or its --encoding is another",
                 t->stream.path, line);
}

static gd_status guess(gdi_text *t) {
  uint8_t *sample = malloc(SAMPLE_BYTES);
  if (!sample) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", t->stream.path);
  size_t n = 0, got = 1;
  gd_status st = GD_OK;
  while (st == GD_OK && got > 0 && n < SAMPLE_BYTES) {
    st = gdi_stream_read(&t->stream, sample + n, SAMPLE_BYTES - n, &got);
    n += st == GD_OK ? got : 0;
  }
  if (st == GD_OK) st = refuse_zeros(t, sample, n);
  if (st == GD_OK) snprintf(t->encoding, sizeof t->encoding, "%s", guess_encoding(sample, n, &t->because));
  free(sample);
  return st == GD_OK ? gdi_stream_rewind(&t->stream) : st;
}

/* ---- open and close ---- */

static gd_status begin(gdi_text *t, const char *encoding) {
  t->raw = malloc(RAW_BYTES);
  if (!t->raw) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", t->stream.path);
  if (!encoding) GD_TRY(guess(t));
  if (encoding && strcasecmp(encoding, "latin-1") == 0) encoding = "ISO-8859-1";
  if (encoding && strcasecmp(encoding, "ansi") == 0) encoding = "WINDOWS-1252";
  if (encoding && snprintf(t->encoding, sizeof t->encoding, "%s", encoding) >= (int)sizeof t->encoding)
    return GD_FAIL(GD_ERR_USAGE, "encoding %.40s...: no encoding has such a name", encoding);
  t->convert = iconv_open("UTF-8", t->encoding);
  if (t->convert != (iconv_t)-1) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE,
                 "encoding \"%s\" is not known here: utf-8, utf-16, latin1, windows-1252 ... (iconv -l)",
                 t->encoding);
}

gd_status gdi_text_open(gdi_text *t, const char *path, const char *encoding) {
  *t = (gdi_text){.convert = (iconv_t)-1, .line = 1};
  GD_TRY(gdi_stream_open(&t->stream, path));
  const gd_status st = begin(t, encoding);
  if (st != GD_OK) gdi_text_close(t);
  return st;
}

gd_status gdi_text_rewind(gdi_text *t) {
  t->have = 0;
  t->ended = t->begun = false;
  t->line = 1;
  iconv(t->convert, NULL, NULL, NULL, NULL);
  return gdi_stream_rewind(&t->stream);
}

void gdi_text_close(gdi_text *t) {
  if (t->raw && t->convert != (iconv_t)-1) iconv_close(t->convert);
  free(t->raw);
  if (t->stream.in) gdi_stream_close(&t->stream);
  *t = (gdi_text){.convert = (iconv_t)-1, .stream.fd = -1};
}

/* ---- reading ---- */

static gd_status not_encoded(const gdi_text *t, const char *at) {
  return GD_FAIL(GD_ERR_DATA,
                 "%s:%lld: byte 0x%02X is not %s: say what it is with --encoding (utf-8, latin1, "
                 "windows-1252, utf-16 ...)",
                 t->stream.path, (long long)t->line, (unsigned)(uint8_t)*at, t->encoding);
}

static void count_lines(gdi_text *t, const char *from, size_t n) {
  for (const char *p = from; (p = memchr(p, '\n', (size_t)(from + n - p))) != NULL; p++) t->line++;
}

static gd_status fill(gdi_text *t) {
  size_t got;
  if (t->ended || t->have == RAW_BYTES) return GD_OK;
  GD_TRY(gdi_stream_read(&t->stream, t->raw + t->have, RAW_BYTES - t->have, &got));
  t->have += got;
  t->ended = got == 0;
  return GD_OK;
}

gd_status gdi_text_read(gdi_text *t, char *to, size_t bytes, size_t *got) {
  for (*got = 0; *got == 0;) {
    GD_TRY(fill(t));
    if (t->have == 0 && t->ended) return GD_OK;
    char *in = t->raw, *out = to;
    size_t left = t->have, room = bytes;
    const size_t code = iconv(t->convert, &in, &left, &out, &room);
    const int why = code == (size_t)-1 ? errno : 0;
    *got = bytes - room;
    count_lines(t, to, *got);
    if (why == EILSEQ || (why == EINVAL && t->ended)) return not_encoded(t, in);
    memmove(t->raw, in, left);
    t->have = left;
    if (!t->begun && *got >= 3 && memcmp(to, "\xEF\xBB\xBF", 3) == 0) {
      memmove(to, to + 3, *got -= 3);
    }
    t->begun |= *got > 0;
  }
  return GD_OK;
}
