/* Words of closed lists, with help for those who mistype one; and texts in quotes. */
#ifndef GDI_BASE_WORDS_H
#define GDI_BASE_WORDS_H

#include <stdio.h>

#include "gd/config.h"

/* Index of `word` in `words` (NULL-terminated), or GD_ERR_USAGE that names the nearest and all of them. */
gd_status gdi_word_index(int *out, const char *what, const char *word, const char *const words[]) GD_CHECKED;
/* "text" with what must be escaped in JSON and in double-quoted YAML. */
void gdi_print_quoted(FILE *f, const char *text);

#endif
