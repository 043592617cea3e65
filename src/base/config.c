#include "gd/config.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"

enum { MAX_WORD = 63 };

static char *copy(gd_arena *a, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *p = gd_arena_alloc(a, bytes);
  return p ? memcpy(p, text, bytes) : NULL;
}

static bool same_key(const char *a, const char *b) {
  for (; *a && *b; a++, b++)
    if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) return false;
  return *a == *b;
}

const gd_setting *gd_settings_get(const gd_settings *s, const char *key) {
  for (int i = 0; i < s->n; i++)
    if (same_key(s->item[i].key, key)) return &s->item[i];
  return NULL;
}

gd_status gdi_settings_init(gd_settings *s) {
  *s = (gd_settings){0};
  GD_TRY(gd_arena_new(&s->arena, "settings"));
  s->item = gd_arena_alloc(s->arena, GD_MAX_SETTINGS * sizeof *s->item);
  return s->item ? GD_OK : GD_ERR_OOM;
}

gd_status gdi_settings_add(gd_settings *s, const char *key, const char *value, const char *file, int line) {
  if (s->n == GD_MAX_SETTINGS) return GD_FAIL(GD_ERR_USAGE, "more than %d settings", GD_MAX_SETTINGS);
  char *name = copy(s->arena, key), *text = value ? copy(s->arena, value) : NULL;
  if (!name || (value && !text)) return GD_ERR_OOM;
  for (char *p = name; *p; p++)
    if (*p == '-') *p = '_';
  s->item[s->n++] = (gd_setting){.key = name, .value = text, .file = file, .line = line};
  return GD_OK;
}

gd_status gd_settings_set(gd_settings *s, const char *key, const char *value) {
  if (!s->arena) GD_TRY(gdi_settings_init(s));
  gd_setting *old = (gd_setting *)gd_settings_get(s, key);
  if (!old) return gdi_settings_add(s, key, value, NULL, 0);
  char *text = copy(s->arena, value);
  if (!text) return GD_ERR_OOM;
  *old = (gd_setting){.key = old->key, .value = text};
  return GD_OK;
}

void gd_settings_free(gd_settings *s) {
  gd_arena_free(s->arena);
  *s = (gd_settings){0};
}

const char *gd_setting_where(const gd_setting *s, char *buf, size_t bytes) {
  if (s->file)
    snprintf(buf, bytes, "%s:%d", s->file, s->line);
  else
    snprintf(buf, bytes, "--%s", s->key);
  return buf;
}

static gd_status not_a(const gd_setting *s, const char *what) {
  char where[256];
  return GD_FAIL(GD_ERR_USAGE, "%s%s%s: '%s' is not %s", gd_setting_where(s, where, sizeof where),
                 s->file ? ": " : "", s->file ? s->key : "", s->value, what);
}

gd_status gd_setting_i64(const gd_setting *s, int64_t lo, int64_t hi, int64_t *out) {
  const char *digits = s->value + strspn(s->value, "+-");
  if (digits > s->value + 1 || !*digits || digits[strspn(digits, "0123456789")])
    return not_a(s, "a whole number");
  errno = 0;
  int64_t value = strtoll(s->value, NULL, 10);
  if (errno) return not_a(s, "a whole number of 64 bits");
  char range[80];
  if (hi == INT64_MAX)
    snprintf(range, sizeof range, "a whole number of at least %lld", (long long)lo);
  else
    snprintf(range, sizeof range, "a whole number from %lld to %lld", (long long)lo, (long long)hi);
  if (value < lo || value > hi) return not_a(s, range);
  *out = value;
  return GD_OK;
}

/* strtod in the locale "C" over the whole of `text`; NaN when it is not a decimal number. */
static double number(const char *text) {
  const char *p = text + (*text == '+' || *text == '-');
  if (strcmp(p, "inf") == 0) return *text == '-' ? -INFINITY : INFINITY;
  if (!*p || p[strspn(p, "0123456789.eE+-")]) return NAN;
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!c) return NAN;
  char *end;
  double value = strtod_l(text, &end, c);
  freelocale(c);
  return *end || isinf(value) ? NAN : value;
}

gd_status gd_setting_f64(const gd_setting *s, double lo, double hi, double *out) {
  double value = number(s->value);
  if (isnan(value)) return not_a(s, "a number");
  char range[80];
  if (isinf(hi))
    snprintf(range, sizeof range, "a number of at least %g", lo);
  else
    snprintf(range, sizeof range, "a number from %g to %g", lo, hi);
  if (value < lo || value > hi) return not_a(s, range);
  *out = value;
  return GD_OK;
}

gd_status gd_setting_bool(const gd_setting *s, bool *out) {
  static const char *const words[] = {"true",  "True",  "TRUE",  "yes", "on",  "1",
                                      "false", "False", "FALSE", "no",  "off", "0"};
  const int n = sizeof words / sizeof *words;
  for (int i = 0; i < n; i++)
    if (strcmp(s->value, words[i]) == 0) {
      *out = i < n / 2;
      return GD_OK;
    }
  return not_a(s, "true or false");
}

static int min(int a, int b) {
  return a < b ? a : b;
}

/* Edits that turn a into b: insert, delete, replace a letter, swap two neighbours (optimal string alignment).
 * '-' and '_' are equal. */
static int edit_distance(const char *a, const char *b) {
  const int n = (int)strlen(a), m = (int)strlen(b);
  if (n > MAX_WORD || m > MAX_WORD) return MAX_WORD;
  int row[3][MAX_WORD + 1]; /* row[i % 3][j]: distance of the first i letters of a to the first j of b */
  for (int j = 0; j <= m; j++) row[0][j] = j;
  for (int i = 1; i <= n; i++) {
    int *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= m; j++) {
      char x = a[i - 1] == '-' ? '_' : a[i - 1], y = b[j - 1] == '-' ? '_' : b[j - 1];
      now[j] = min(min(before[j], now[j - 1]) + 1, before[j - 1] + (x != y));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = min(now[j], two_before[j - 2] + 1);
    }
  }
  return row[n % 3][m];
}

const char *gd_nearest(const char *word, const char *const words[]) {
  const char *best = NULL;
  int best_distance = 4;
  for (int i = 0; words[i]; i++) {
    const char *dot = strrchr(words[i], '.'), *part[] = {words[i], dot ? dot + 1 : words[i]};
    for (int k = 0; k < 2; k++) {
      int distance = edit_distance(word, part[k]);
      size_t letters = strlen(word) > strlen(part[k]) ? strlen(word) : strlen(part[k]);
      int allowed = letters < 2 ? 0 : letters <= 4 ? 1 : letters <= 7 ? 2 : 3;
      if (distance <= allowed && distance < best_distance) best = words[i], best_distance = distance;
    }
  }
  return best;
}
