/* Choosing one word of a closed list, with help for who mistyped it. */
#ifndef GDI_BASE_WORDS_H
#define GDI_BASE_WORDS_H

#include "gd/config.h"

/* Index of `word` in `words` (NULL-terminated), or GD_ERR_USAGE that names the nearest and all of them. */
gd_status gdi_word_index(int *out, const char *what, const char *word, const char *const words[]) GD_CHECKED;

#endif
