/* Branches side by side over the same input: joined along a dimension, or added. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"
#include "nn/layers.h"

typedef struct branches {
  gd_module base; /* its children "0", "1", ... */
  int dim;        /* of a tensor with its batch, along which concat joins */
} branches;

enum { MAX_BRANCHES = 64 };

/* All branches as children; out[i] is the shape that branch i makes. */
static gd_status build_all(gd_module *m, gd_build *b, gd_shape out[MAX_BRANCHES], int *n) {
  const gd_tree *list = gd_arg_tree(b, "branches");
  if (list->kind != GD_TREE_LIST || list->n < 1 || list->n > MAX_BRANCHES)
    return GD_FAIL(GD_ERR_USAGE, "%s: expected a list of 1 to %d branches, each a list of layers, as in %s",
                   b->cls->word, MAX_BRANCHES, b->cls->example);
  *n = list->n;
  for (int i = 0; i < *n; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    out[i] = b->in[0];
    GD_TRY(gdi_build_one(b, m, name, list->item[i], &out[i]));
  }
  return GD_OK;
}

static gd_status do_not_fit(const gd_build *b, int i, const gd_shape *first, const gd_shape *other,
                            const char *how) {
  char one[160], two[160];
  return GD_FAIL(GD_ERR_SHAPE, "%s: branch 0 gives %s, but branch %d %s: %s", b->cls->word,
                 gd_shape_text(first, one, sizeof one), i, gd_shape_text(other, two, sizeof two), how);
}

/* ---- concat ---- */

static const gd_arg concat_args[] = {
    {"branches", GD_ARG_TREE, NULL, 0, 0, NULL, "list of lists of layers"},
    {"dim", GD_ARG_INT, "1", -GD_MAX_DIMS, GD_MAX_DIMS, NULL, "dimension along which they are joined"},
    {0},
};

static gd_tensor *concat_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  gd_tensor *y[MAX_BRANCHES];
  for (int i = 0; i < m->n_children; i++)
    if (!(y[i] = gd_forward(m->child[i].module, t, x))) return NULL;
  return gd_concat(t, y, m->n_children, ((const branches *)m)->dim);
}

static gd_status concat_build(gd_module *m, gd_build *b) {
  gd_shape out[MAX_BRANCHES];
  int n, dim;
  GD_TRY(build_all(m, b, out, &n));
  b->out[0] = out[0];
  GD_TRY(gd_shape_dim(&out[0], gd_arg_i64(b, "dim"), &dim));
  ((branches *)m)->dim = dim + 1;
  for (int i = 1; i < n; i++) {
    gd_shape same = out[i];
    if (same.ndim == out[0].ndim) same.dim[dim] = out[0].dim[dim];
    if (!gdi_shape_equal(&same, &out[0]))
      return do_not_fit(b, i, &out[0], &out[i], "beside the dimension that is joined they must be equal");
    if (__builtin_add_overflow(b->out[0].dim[dim], out[i].dim[dim], &b->out[0].dim[dim]))
      return do_not_fit(b, i, &out[0], &out[i], "too large");
  }
  return gd_shape_numel(&b->out[0]) < 0 ? GD_FAIL(GD_ERR_SHAPE, "concat: too large") : GD_OK;
}

const gd_module_class gdi_concat_class = {.name = "Concat",
                                          .word = "concat",
                                          .about = "branches over the same input, joined along a dimension",
                                          .example = "concat: {branches: [[{linear: 8}, relu], []], dim: 1}",
                                          .args = concat_args,
                                          .bytes = sizeof(branches),
                                          .forward = concat_forward,
                                          .shape = gdi_shape_of_children,
                                          .build = concat_build};

/* ---- sum ---- */

static const gd_arg sum_args[] = {
    {"branches", GD_ARG_TREE, NULL, 0, 0, NULL, "list of lists of layers"},
    {0},
};

static gd_tensor *sum_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  gd_tensor *y = gd_forward(m->child[0].module, t, x);
  for (int i = 1; y && i < m->n_children; i++) {
    gd_tensor *other = gd_forward(m->child[i].module, t, x);
    y = other ? gd_add(t, y, other) : NULL;
  }
  return y;
}

static gd_status sum_build(gd_module *m, gd_build *b) {
  gd_shape out[MAX_BRANCHES];
  int n;
  GD_TRY(build_all(m, b, out, &n));
  b->out[0] = out[0];
  for (int i = 1; i < n; i++)
    if (!gdi_shape_equal(&out[i], &out[0])) return do_not_fit(b, i, &out[0], &out[i], "they do not add up");
  return GD_OK;
}

const gd_module_class gdi_sum_class = {.name = "Sum",
                                       .word = "sum",
                                       .about = "branches over the same input, added",
                                       .example = "sum: [[{linear: 8}, relu], [{linear: 8}]]",
                                       .args = sum_args,
                                       .bytes = sizeof(branches),
                                       .forward = sum_forward,
                                       .shape = gdi_shape_of_children,
                                       .build = sum_build};
