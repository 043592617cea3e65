#include "base/words.h"

#include <stdio.h>
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
  return GD_FAIL(GD_ERR_USAGE, "unknown %s '%.64s'; there are:%s", what, word, list);
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
