/* Words of closed lists, with help for those who mistype one; and texts in quotes. */
#ifndef GDI_BASE_WORDS_H
#define GDI_BASE_WORDS_H

#include <stdio.h>

#include "gd/config.h"

/* Index of `word` in `words` (NULL-terminated), or GD_ERR_USAGE that names the nearest and all of them. */
gd_status gdi_word_index(int *out, const char *what, const char *word, const char *const words[]) GD_CHECKED;
/* Is it a name as people write them: letters, digits and _, at most 40, not a digit first? */
bool gdi_is_word(const char *word);
/*
 * Numbers in [lo, hi] separated by blanks or commas, malloc'd; none for "". Errors: GD_ERR_USAGE naming `key`
 */
gd_status gdi_numbers_parse(double **out, int64_t *n, const char *key, const char *text, double lo,
                            double hi) GD_CHECKED;
/* The shortest decimal that reads back to the same double; whole numbers without an exponent. */
void gdi_print_real(char *buf, size_t bytes, double v);
/* Does `text` match: * stands for any characters, ? for one. */
bool gdi_glob(const char *pattern, const char *text);
/* Is `word` one of the words in `list`, which are separated by blanks? NULL: an empty list. */
bool gdi_is_listed(const char *word, const char *list);
/* "text" with what must be escaped in JSON and in double-quoted YAML. */
void gdi_print_quoted(FILE *f, const char *text);

#endif
