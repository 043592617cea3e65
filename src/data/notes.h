/* Lines on what was taken for what, and which option overrides it. "warning: " begins those that may be mistakes. */
#ifndef GDI_DATA_NOTES_H
#define GDI_DATA_NOTES_H

#include "gd/status.h"

/* *notes: malloc'd, or NULL while there are none. */
gd_status gdi_notes_add(char **notes, const char *fmt, ...) GD_CHECKED __attribute__((format(printf, 2, 3)));

#endif
