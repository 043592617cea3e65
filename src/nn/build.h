/* Inside the building of models: what all layers of one model share, and the values of arguments. */
#ifndef GDI_NN_BUILD_H
#define GDI_NN_BUILD_H

#include "base/arguments.h"
#include "gd/module.h"

enum { GDI_MAX_LEVELS = 64, GDI_MAX_LAYERS = 4096 };

/* One model under construction. */
typedef struct gdi_building {
  gd_arena *arena;     /* of values of arguments */
  char path[512];      /* "model.3.residual.body.0" */
  int layers;          /* made so far */
  bool told;           /* the error names its place already */
  const char *unknown; /* an argument that a build() asked for and its record does not have */
  int depth;           /* modules under construction */
  gd_module *open[GDI_MAX_LEVELS];
  const char *name[GDI_MAX_LEVELS]; /* of each in the one before it */
} gdi_building;

/* The values of b->cls's arguments from `given`: NULL (none), the main argument, or a map. Keys in `also` are left. */
gd_status gdi_args_read(gd_build *b, const gd_tree *given, const char *const also[]) GD_CHECKED;

/* Build every entry of a list as a child of `sequential`, named by its position. */
gd_status gdi_build_entries(gd_build *b, gd_module *sequential, const gd_tree *list, int *n,
                            gd_shape io[GD_MAX_FIELDS]) GD_CHECKED;

/* gd_build_child() for one input and one output. */
gd_status gdi_build_one(gd_build *b, gd_module *self, const char *name, const gd_tree *tree,
                        gd_shape *io) GD_CHECKED;

/* The shape rule of containers: their children have one. */
gd_status gdi_shape_of_children(gd_build *b) GD_CHECKED;
bool gdi_shape_equal(const gd_shape *a, const gd_shape *b);

/*
 * The parameter that `path` names ("embed.weight"), as seen from the innermost module under construction, else from
 * one around it. Errors: GD_ERR_USAGE with the nearest name
 */
gd_status gdi_find_shared(const gdi_building *all, const char *path, gd_named *out) GD_CHECKED;

/* GD_ERR_USAGE naming the nearest word that is registered, or all. */
gd_status gdi_module_class_unknown(const char *word) GD_CHECKED;

#endif
