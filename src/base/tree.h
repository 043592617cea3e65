/* Making trees. */
#ifndef GDI_BASE_TREE_H
#define GDI_BASE_TREE_H

#include "gd/config.h"

/* A node with room for n items, and keys where it is a map; NULL without memory. `file` is kept. */
gd_tree *gdi_tree_node(gd_arena *a, gd_tree_kind kind, int n, const char *file, int line, int column);
gd_tree *gdi_tree_scalar(gd_arena *a, const char *text, size_t length, const char *file, int line,
                         int column);
/* Item i of a map. Errors: GD_ERR_OOM, also for a value of NULL */
gd_status gdi_tree_put(gd_tree *map, gd_arena *a, int i, const char *key, size_t length,
                       gd_tree *value) GD_CHECKED;
const char *gdi_tree_copy_text(gd_arena *a, const char *text, size_t length);

/* tree_yaml.c: a whole text of YAML; tree_text.c: give a root its canonical text. */
gd_status gdi_tree_from_yaml(gd_tree **out, gd_arena *a, const char *text, const char *name) GD_CHECKED;
gd_status gdi_tree_set_text(gd_tree *root, gd_arena *a) GD_CHECKED;

/* A root, with its text, from a list or, as a list of one, from a map. */
gd_status gdi_tree_root(gd_tree **out, gd_arena *a, gd_tree *value) GD_CHECKED;
/* The same tree in another arena. */
gd_status gdi_tree_copy(gd_tree **out, gd_arena *a, const gd_tree *tree) GD_CHECKED;

#endif
