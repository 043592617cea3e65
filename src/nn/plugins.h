/* What a checkpoint says of plug-ins, against those that are loaded. */
#ifndef GDI_NN_PLUGINS_H
#define GDI_NN_PLUGINS_H

#include "gd/plugin.h"

typedef enum gdi_plugins_match {
  GDI_PLUGINS_SAME,
  GDI_PLUGINS_CHANGED,
  GDI_PLUGINS_MISSING
} gdi_plugins_match;

/*
 * Are those of `needed` ("mine.so:<SHA-256> ...", or NULL) loaded? `buf` gets the name of the first that is not, or
 * that is another file of the same name.
 */
gdi_plugins_match gdi_plugins_compare(const char *needed, char *buf, size_t bytes);
/*
 * Without them nothing goes on; another file of that name is a warning. `path`: the checkpoint, `model`: its model.
 * Errors: GD_ERR_USAGE, which plug-in is needed and for what
 */
gd_status gdi_plugins_need(const char *needed, const char *path, const char *model) GD_CHECKED;

#endif
