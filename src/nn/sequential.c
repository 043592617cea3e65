/* Modules one after the other. */
#include <stdio.h>

#include "nn/build.h"
#include "nn/layers.h"

static const gd_arg args[] = {
    {"body", GD_ARG_TREE, NULL, 0, 0, NULL, "list of layers"},
    {0},
};

/* A child may run those after it in its own kernel. */
static gd_status forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  for (int i = 0; i < m->n_children; i++) {
    gd_module *child = m->child[i].module;
    const gd_child *next = &m->child[i + 1];
    const int taken =
        child->cls->absorbs && *n == 1 ? child->cls->absorbs(child, next, m->n_children - i - 1) : 0;
    if (taken > 0) {
      gd_tape_enter(t, &child->scope);
      x[0] = x[0] ? child->cls->forward_fused(child, t, x[0], next, taken) : NULL;
      gd_tape_leave(t);
    } else {
      GD_TRY(gd_forward_n(child, t, n, x));
    }
    i += taken;
  }
  return gd_tape_status(t);
}

static gd_status build(gd_module *m, gd_build *b) {
  return gdi_build_entries(b, m, gd_arg_tree(b, "body"), &b->n_out, b->out);
}

const gd_module_class gdi_sequential_class = {.name = "Sequential",
                                              .word = "sequential",
                                              .about = "layers one after the other",
                                              .example = "sequential: [{linear: 64}, relu]",
                                              .args = args,
                                              .forward_n = forward_n,
                                              .in_order = true,
                                              .shape = gdi_shape_of_children,
                                              .build = build};

gd_status gd_sequential_new(gd_module **out, gd_device *d, gd_dtype dtype) {
  return gd_module_new(out, &gdi_sequential_class, 0, d, dtype);
}

gd_status gd_sequential_append(gd_module *sequential, gd_module *child) {
  char name[16];
  snprintf(name, sizeof name, "%d", sequential->n_children);
  return gd_module_add_child(sequential, name, child);
}
