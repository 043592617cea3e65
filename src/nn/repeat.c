/* The same layers several times in a row, each time with parameters of their own. */
#include <stdio.h>

#include "nn/build.h"
#include "nn/layers.h"

static const gd_arg args[] = {
    {"times", GD_ARG_INT, NULL, 1, 1000, NULL, "how many times"},
    {"body", GD_ARG_TREE, NULL, 0, 0, NULL, "list of layers"},
    {0},
};

static gd_status forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  for (int i = 0; i < m->n_children; i++) GD_TRY(gd_forward_n(m->child[i].module, t, n, x));
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  const int64_t times = gd_arg_i64(b, "times");
  for (int64_t i = 0; i < times; i++) {
    char name[24];
    snprintf(name, sizeof name, "%lld", (long long)i);
    GD_TRY(gd_build_child(b, m, name, gd_arg_tree(b, "body"), &b->n_out, b->out));
  }
  return GD_OK;
}

const gd_module_class gdi_repeat_class = {.name = "Repeat",
                                          .word = "repeat",
                                          .about =
                                              "the same layers several times, each with its own parameters",
                                          .example = "repeat: {times: 3, body: [{linear: 64}, relu]}",
                                          .args = args,
                                          .forward_n = forward_n,
                                          .in_order = true,
                                          .shape = gdi_shape_of_children,
                                          .build = build};
