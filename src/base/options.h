/* What readers of settings know of the options. */
#ifndef GDI_BASE_OPTIONS_H
#define GDI_BASE_OPTIONS_H

#include "gd/options.h"

/* The name of the option that `key` is, or is short for; NULL: of none. */
const char *gdi_option_key(const char *key);
/* Does the option of this key hold a tree? */
bool gdi_option_is_tree(const char *key);

#endif
