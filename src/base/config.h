/* How settings are made, for their readers. */
#ifndef GDI_BASE_CONFIG_H
#define GDI_BASE_CONFIG_H

#include "gd/config.h"

gd_status gdi_settings_init(gd_settings *s) GD_CHECKED;
/* Copies key ('-' becomes '_') and value (may be NULL); `file` must outlive s, NULL: the command line. */
gd_status gdi_settings_add(gd_settings *s, const char *key, const char *value, const char *file,
                           int line) GD_CHECKED;

#endif
