#include "base/words.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 63, MAX_DISTANCE = 3 };

static int min3(int a, int b, int c) {
  int m = a < b ? a : b;
  return m < c ? m : c;
}

/* Levenshtein distance by rows: at[j] is the distance between the first i letters of a and the first j of b.
 */
static int distance(const char *a, const char *b) {
  int at[MAX_WORD + 1];
  const int na = (int)strlen(a), nb = (int)strlen(b);
  if (na > MAX_WORD || nb > MAX_WORD) return MAX_DISTANCE + 1;
  for (int j = 0; j <= nb; j++) at[j] = j;
  for (int i = 1; i <= na; i++) {
    int diagonal = at[0];
    at[0] = i;
    for (int j = 1; j <= nb; j++) {
      int next = min3(at[j] + 1, at[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = at[j];
      at[j] = next;
    }
  }
  return at[nb];
}

const char *gd_nearest(const char *word, const char *const words[]) {
  const char *nearest = NULL;
  for (int i = 0, best = MAX_DISTANCE + 1; words[i]; i++) {
    int d = distance(word, words[i]);
    if (d < best) best = d, nearest = words[i];
  }
  return nearest;
}

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
