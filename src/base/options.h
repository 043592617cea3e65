/* What readers of settings know of the options. */
#ifndef GDI_BASE_OPTIONS_H
#define GDI_BASE_OPTIONS_H

#include "gd/options.h"

/* Does the option of this key hold a tree? */
bool gdi_option_is_tree(const char *key);

#endif
