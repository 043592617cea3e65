/* A set of texts with a number for each, in the order of their first appearance. */
#ifndef GDI_DATA_WORDS_H
#define GDI_DATA_WORDS_H

#include "gd/status.h"

typedef struct gdi_words {
  int64_t n, room;
  struct gdi_word {
    char *text;
    double number; /* NaN: it is none */
    int64_t rank;  /* among all, after gdi_words_rank() */
  } * word;
  int32_t *slot; /* 1 + a word; 0: free */
  int64_t slots; /* a power of two */
} gdi_words;

enum { GDI_MAX_WORDS = 1 << 16 };

/* The number of `text`, which is added where it is new; -1: it is new, and there are too many. Errors: GD_ERR_OOM */
gd_status gdi_words_add(gdi_words *w, const char *text, double number, int64_t *id) GD_CHECKED;
/* -1: not in the set. */
int64_t gdi_words_find(const gdi_words *w, const char *text);
/* Ranks: numbers by value, then texts by strcmp. merge: equal numbers share one. Returns how many ranks there are. */
int64_t gdi_words_rank(gdi_words *w, bool merge);
void gdi_words_free(gdi_words *w);

#endif
