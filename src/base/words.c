#include "base/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

gd_status gdi_word_index(int *out, const char *what, const char *word, const char *const words[]) {
  char list[256] = "";
  for (int i = 0, n = 0; words[i]; i++) {
    if (strcmp(word, words[i]) == 0) {
      *out = i;
      return GD_OK;
    }
    if (n < (int)sizeof list) n += snprintf(list + n, sizeof list - (size_t)n, " %s", words[i]);
  }
  const char *nearest = gd_nearest(word, words);
  if (nearest) return GD_FAIL(GD_ERR_USAGE, "unknown %s '%.64s': did you mean '%s'?", what, word, nearest);
  return *list ? GD_FAIL(GD_ERR_USAGE, "unknown %s '%.64s'; there are:%s", what, word, list)
               : GD_FAIL(GD_ERR_USAGE, "unknown %s '%.64s': there are none", what, word);
}

void gdi_print_real(char *buf, size_t bytes, double v) {
  snprintf(buf, bytes, "%.0f", v);
  if (fabs(v) < 1e15 && strtod(buf, NULL) == v) return;
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(buf, bytes, "%.*g", digits, v);
    if (strtod(buf, NULL) == v) return;
  }
}

bool gdi_is_listed(const char *word, const char *list) {
  const size_t n = strlen(word);
  for (const char *at = list; at && n && (at = strstr(at, word)); at++)
    if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
  return false;
}

void gdi_print_quoted(FILE *f, const char *text) {
  fputc('"', f);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', f);
    if ((unsigned char)*text < ' ')
      fprintf(f, "\\u%04x", (unsigned)*text);
    else
      fputc(*text, f);
  }
  fputc('"', f);
}

bool gdi_glob(const char *pattern, const char *text) {
  const char *star = NULL, *tried = NULL; /* the last *, and where what it stands for ends */
  while (*text) {
    if (*pattern == '*')
      star = pattern++, tried = text;
    else if (*pattern == '?' || *pattern == *text)
      pattern++, text++;
    else if (star)
      pattern = star + 1, text = ++tried;
    else
      return false;
  }
  while (*pattern == '*') pattern++;
  return !*pattern;
}

bool gdi_is_word(const char *word) {
  static const char digits[] = "0123456789";
  const size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
  return n > 0 && n <= 40 && !word[n] && !strchr(digits, word[0]);
}

gd_status gdi_numbers_parse(double **out, int64_t *n, const char *key, const char *text, double lo,
                            double hi) {
  static const char between[] = " \t\n,[]";
  const size_t length = strlen(text);
  *n = 0;
  *out =
      calloc(length / 2 + 1, sizeof **out); /* a number and what separates it take two characters at least */
  char *copy = *out ? strdup(text) : NULL, *save;
  gd_status st = copy ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read %s", key);
  for (char *w = copy ? strtok_r(copy, between, &save) : NULL; st == GD_OK && w;
       w = strtok_r(NULL, between, &save))
    st = gd_setting_f64(&(gd_setting){.key = key, .value = w}, lo, hi, &(*out)[(*n)++]);
  free(copy);
  if (st != GD_OK) free(*out), *out = NULL, *n = 0;
  return st;
}
