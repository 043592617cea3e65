/* The same layers several times in a row, each time with parameters of their own. */
#include <stdio.h>

#include "nn/build.h"
#include "nn/layers.h"

static const gd_arg args[] = {
    {"times", GD_ARG_INT, NULL, 1, 1000, NULL, "how many times"},
    {"body", GD_ARG_TREE, NULL, 0, 0, NULL, "list of layers"},
    {"recompute", GD_ARG_BOOL, "false", 0, 0, NULL,
     "keep only what enters each body; backward computes it again"},
    {0},
};

/* What gd_recompute() is told of a body: its parameters and statistics, listed at the first forward. */
typedef struct leaves {
  int n;
  gd_tensor **tensor;
} leaves;

typedef struct repeat {
  gd_module base;
  bool recompute;
  leaves *of; /* [children], or NULL */
} repeat;

static gd_status list_leaves(gd_module *body, gd_arena *a, leaves *out) {
  const int params = gd_module_params(body, NULL, 0), all = params + gd_module_statistics(body, NULL, 0);
  gd_named *list = gd_arena_alloc(a, ((size_t)all + 1) * sizeof *list);
  *out = (leaves){all, gd_arena_alloc(a, ((size_t)all + 1) * sizeof *out->tensor)};
  if (!list || !out->tensor) return GD_ERR_OOM;
  gd_module_params(body, list, params);
  gd_module_statistics(body, list + params, all - params);
  for (int i = 0; i < all; i++) out->tensor[i] = list[i].tensor;
  return GD_OK;
}

static gd_status list_all_leaves(repeat *r) {
  gd_module *m = &r->base;
  leaves *of = gd_arena_alloc(m->arena, (size_t)m->n_children * sizeof *of);
  if (!of) return GD_ERR_OOM;
  for (int i = 0; i < m->n_children; i++) GD_TRY(list_leaves(m->child[i].module, m->arena, &of[i]));
  r->of = of;
  return GD_OK;
}

static gd_tensor *run_body(gd_tape *t, gd_tensor *const x[], int n, void *body) {
  gd_tensor *io[GD_MAX_FIELDS];
  for (int i = 0; i < n; i++) io[i] = x[i];
  gd_status st = gd_forward_n(body, t, &n, io);
  if (st == GD_OK && n != 1)
    st = GD_FAIL(GD_ERR_USAGE, "repeat: a body with %d outputs cannot be recomputed, only one with one", n);
  return st == GD_OK ? io[0] : gd_tape_fail(t, st);
}

static gd_status forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  repeat *r = (repeat *)m;
  if (r->recompute && !r->of) GD_TRY(list_all_leaves(r));
  for (int i = 0; i < m->n_children; i++) {
    if (!r->recompute) {
      GD_TRY(gd_forward_n(m->child[i].module, t, n, x));
      continue;
    }
    x[0] = gd_recompute(t, run_body, m->child[i].module, *n, x, r->of[i].n, r->of[i].tensor);
    *n = 1;
    GD_TRY(gd_tape_status(t));
  }
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  const int64_t times = gd_arg_i64(b, "times");
  ((repeat *)m)->recompute = gd_arg_bool(b, "recompute");
  for (int64_t i = 0; i < times; i++) {
    char name[24];
    snprintf(name, sizeof name, "%lld", (long long)i);
    GD_TRY(gd_build_child(b, m, name, gd_arg_tree(b, "body"), &b->n_out, b->out));
  }
  return GD_OK;
}

const gd_module_class gdi_repeat_class = {.name = "Repeat",
                                          .word = "repeat",
                                          .about = "the same layers several times, each with own parameters",
                                          .example = "repeat: {times: 3, body: [{linear: 64}, relu]}",
                                          .args = args,
                                          .bytes = sizeof(repeat),
                                          .forward_n = forward_n,
                                          .in_order = true,
                                          .shape = gdi_shape_of_children,
                                          .build = build};
