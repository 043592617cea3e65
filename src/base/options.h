/* What readers of settings know of the options. */
#ifndef GDI_BASE_OPTIONS_H
#define GDI_BASE_OPTIONS_H

#include "gd/options.h"

/* The name of the option that `key` is, or is short for; NULL: of none. */
const char *gdi_option_key(const char *key);
/*
 * Settings that are found out when a run begins, unless they are given: learning rate, micro-batch, length of a schedule.
 * The keys of those that are not given yet, separated by blanks, into `keys`, of GDI_FOUND_OUT bytes.
 */
enum { GDI_FOUND_OUT = 300 };
void gdi_options_found_out(const gd_options *o, char keys[GDI_FOUND_OUT]);
/* gd_options_print(), but the settings `keys` (NULL: none) as they were before, and their values in a comment. */
void gdi_options_print_given(const gd_options *o, const char *keys, FILE *f);
/* Does the option of this key hold a tree? */
bool gdi_option_is_tree(const char *key);

#endif
