/* YAML as events: what settings and trees are read from. */
#ifndef GDI_BASE_YAML_H
#define GDI_BASE_YAML_H

#include <yaml.h>

#include "gd/config.h"

enum { GDI_YAML_MAX_BYTES = 1 << 20, GDI_TREE_LEVELS = 64, GDI_TREE_NODES = 1 << 16 };

typedef struct gdi_yaml {
  yaml_parser_t parser;
  yaml_event_t event; /* the present one */
  const char *file, *text;
  bool open;
  int nodes; /* of trees, read so far */
} gdi_yaml;

/* `file` (for messages) and `text` must outlive the reader, which is to be closed in any case. Errors: GD_ERR_USAGE */
gd_status gdi_yaml_open(gdi_yaml *y, const char *file, const char *text) GD_CHECKED;
void gdi_yaml_close(gdi_yaml *y);
gd_status gdi_yaml_next(gdi_yaml *y) GD_CHECKED;
int gdi_yaml_line(const gdi_yaml *y);
const char *gdi_yaml_scalar(const gdi_yaml *y);

/* GD_ERR_USAGE with file and line of the present event. */
#define GDI_YAML_REFUSE(y, ...) gdi_yaml_refuse((y), __LINE__, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) gd_status gdi_yaml_refuse(const gdi_yaml *y, int source_line,
                                                                const char *fmt, ...);

/* The tree that begins with the present event, to its last event. Not for roots: see gd_tree_parse(). */
gd_status gdi_yaml_tree(gdi_yaml *y, gd_arena *arena, gd_tree **out) GD_CHECKED;

#endif
