/* Modules one after the other. */
#include <stdio.h>

#include "nn/layers.h"

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  for (int i = 0; x && i < m->n_children; i++) {
    gd_module *child = m->child[i].module;
    gd_activation act = GD_ACT_NONE;
    if (child->cls == &gdi_linear_class && i + 1 < m->n_children)
      act = gdi_activation_fusable(m->child[i + 1].module);
    if (act != GD_ACT_NONE) {
      x = gdi_linear_forward((gdi_linear *)child, t, x, act);
      i++;
    } else {
      x = gd_forward(child, t, x);
    }
  }
  return x;
}

static const gd_module_class sequential_class = {"Sequential", forward, NULL, NULL};

gd_status gd_sequential_new(gd_module **out, gd_device *d, gd_dtype dtype) {
  return gd_module_new(out, &sequential_class, sizeof(gd_module), d, dtype);
}

gd_status gd_sequential_append(gd_module *sequential, gd_module *child) {
  char name[16];
  snprintf(name, sizeof name, "%d", sequential->n_children);
  return gd_module_add_child(sequential, name, child);
}
