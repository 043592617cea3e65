/* Modules one after the other. */
#include <stdio.h>

#include "nn/build.h"
#include "nn/layers.h"

static const gd_arg args[] = {
    {"body", GD_ARG_TREE, NULL, 0, 0, NULL, "list of layers"},
    {0},
};

/* Children from `first` up to `end`, one of which may run those after it in its own kernel. */
static gd_status run(gd_module *m, gd_tape *t, int first, int end, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  for (int i = first; i < end; i++) {
    gd_module *child = m->child[i].module;
    const gd_child *next = &m->child[i + 1];
    const int taken = child->cls->absorbs && *n == 1 ? child->cls->absorbs(child, next, end - i - 1) : 0;
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

static gd_status forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  return run(m, t, 0, m->n_children, n, x);
}

gd_tensor *gd_forward_children(gd_module *m, gd_tape *t, int first, int end, gd_tensor *x) {
  gd_tensor *io[GD_MAX_FIELDS] = {x};
  int n = 1;
  if (!x) return NULL;
  const gd_status st = run(m, t, first, end, &n, io);
  if (st == GD_OK && n == 1) return io[0];
  return gd_tape_fail(
      t, st != GD_OK
             ? st
             : GD_FAIL(GD_ERR_USAGE, "%s: its layers have %d outputs where one is wanted", m->cls->name, n));
}

/* The last child adds the residual. */
static gd_tensor *forward_added(gd_module *m, gd_tape *t, gd_tensor *x, gd_tensor *residual,
                                gd_activation act) {
  const int last = m->n_children - 1;
  return gd_forward_added(m->child[last].module, t, gd_forward_children(m, t, 0, last, x), residual, act);
}

static bool adds(const gd_module *m) {
  return m->n_children && gd_module_adds(m->child[m->n_children - 1].module);
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
                                              .adds = adds,
                                              .forward_added = forward_added,
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
