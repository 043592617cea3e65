#include "data/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *text) { /* FNV-1a, and mixed: the low bits choose the slot */
  uint64_t h = 0xcbf29ce484222325u;
  for (; *text; text++) h = (h ^ (uint8_t)*text) * 0x100000001b3u;
  return h ^ h >> 29;
}

/* Where the text is, or the free slot where it belongs. */
static int64_t slot_of(const gdi_words *w, const char *text) {
  int64_t at = (int64_t)(hash(text) & (uint64_t)(w->slots - 1));
  while (w->slot[at] && strcmp(w->word[w->slot[at] - 1].text, text) != 0) at = (at + 1) & (w->slots - 1);
  return at;
}

static gd_status grow(gdi_words *w) {
  if (w->n < w->room) return GD_OK;
  const int64_t room = w->room ? 2 * w->room : 16, slots = 4 * room;
  struct gdi_word *word = realloc(w->word, (size_t)room * sizeof *word);
  if (word) w->word = word;
  int32_t *slot = calloc((size_t)slots, sizeof *slot);
  if (!word || !slot) {
    free(slot);
    return GD_FAIL(GD_ERR_OOM, "no memory for %lld texts", (long long)room);
  }
  free(w->slot);
  w->slot = slot, w->slots = slots, w->room = room;
  for (int64_t i = 0; i < w->n; i++) w->slot[slot_of(w, w->word[i].text)] = (int32_t)i + 1;
  return GD_OK;
}

int64_t gdi_words_find(const gdi_words *w, const char *text) {
  return w->n ? w->slot[slot_of(w, text)] - 1 : -1;
}

gd_status gdi_words_add(gdi_words *w, const char *text, double number, int64_t *id) {
  *id = gdi_words_find(w, text);
  if (*id >= 0 || w->n == GDI_MAX_WORDS) return GD_OK;
  GD_TRY(grow(w));
  struct gdi_word *new = &w->word[w->n];
  *new = (struct gdi_word){strdup(text), number, 0};
  if (!new->text) return GD_FAIL(GD_ERR_OOM, "no memory for a text");
  *id = w->n++;
  w->slot[slot_of(w, text)] = (int32_t)*id + 1;
  return GD_OK;
}

static int by_value(const void *a, const void *b) {
  const struct gdi_word *x = *(struct gdi_word *const *)a, *y = *(struct gdi_word *const *)b;
  if (isnan(x->number) != isnan(y->number)) return isnan(x->number) ? 1 : -1;
  if (x->number < y->number || x->number > y->number) return x->number < y->number ? -1 : 1;
  return strcmp(x->text, y->text);
}

int64_t gdi_words_rank(gdi_words *w, bool merge) {
  struct gdi_word **sorted = malloc((size_t)(w->n + 1) * sizeof *sorted);
  int64_t rank = -1;
  if (!sorted) return -1;
  for (int64_t i = 0; i < w->n; i++) sorted[i] = &w->word[i];
  qsort(sorted, (size_t)w->n, sizeof *sorted, by_value);
  for (int64_t i = 0; i < w->n; i++) {
    const bool same = merge && i > 0 && sorted[i]->number == sorted[i - 1]->number;
    sorted[i]->rank = same ? rank : ++rank;
  }
  free(sorted);
  return rank + 1;
}

void gdi_words_free(gdi_words *w) {
  for (int64_t i = 0; i < w->n; i++) free(w->word[i].text);
  free(w->word), free(w->slot);
  *w = (gdi_words){0};
}
