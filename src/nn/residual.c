/* A block with a way around it. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"
#include "nn/layers.h"

typedef struct residual {
  gd_module base;
  gd_module *body, *shortcut, *after; /* shortcut NULL: the input itself; after NULL: nothing */
} residual;

static const gd_arg args[] = {
    {"body", GD_ARG_TREE, NULL, 0, 0, NULL, "the layers that are gone around"},
    {"shortcut", GD_ARG_TREE, "", 0, 0, NULL, "layers of the way around, where shapes differ"},
    {"after", GD_ARG_TREE, "", 0, 0, NULL, "what follows the sum"},
    {0},
};

/* The sum, and a relu after it, may go into the body's last kernel. */
static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const residual *r = (const residual *)m;
  const gd_activation act = r->after ? r->after->cls->activation : GD_ACT_NONE;
  const bool fused = gd_module_adds(r->body) && act == GD_ACT_RELU;
  if (!fused && !gd_module_adds(r->body)) {
    gd_tensor *y = gd_forward(r->body, t, x), *around = r->shortcut ? gd_forward(r->shortcut, t, x) : x;
    if (y && around) y = gd_add(t, y, around);
    return r->after ? gd_forward(r->after, t, y) : y;
  }
  gd_tensor *around = r->shortcut ? gd_forward(r->shortcut, t, x) : x;
  gd_tensor *y = gd_forward_added(r->body, t, x, around, fused ? act : GD_ACT_NONE);
  return r->after && !fused ? gd_forward(r->after, t, y) : y;
}

/* A child of one input and one output, from an argument that may be left out. */
static gd_status child(residual *r, gd_build *b, const char *name, gd_shape *io, gd_module **out) {
  const gd_tree *tree = gd_arg_tree(b, name);
  if (!tree) return GD_OK;
  GD_TRY(gdi_build_one(b, &r->base, name, tree, io));
  *out = r->base.child[r->base.n_children - 1].module;
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  residual *r = (residual *)m;
  gd_shape body = b->in[0], around = b->in[0];
  GD_TRY(child(r, b, "body", &body, &r->body));
  GD_TRY(child(r, b, "shortcut", &around, &r->shortcut));
  if (!gdi_shape_equal(&body, &around)) {
    char one[160], other[160];
    return GD_FAIL(
        GD_ERR_SHAPE, "residual: the body gives %s, but %s %s: %s", gd_shape_text(&body, one, sizeof one),
        r->shortcut ? "the shortcut" : "the input is", gd_shape_text(&around, other, sizeof other),
        r->shortcut ? "they do not add up" : "give it a shortcut of layers that makes the same shape");
  }
  b->out[0] = body;
  return child(r, b, "after", &b->out[0], &r->after);
}

const gd_module_class gdi_residual_class = {
    .name = "Residual",
    .word = "residual",
    .about = "y = after(body(x) + shortcut(x)); without a shortcut, + x",
    .example = "residual: {body: [{linear: 64}, relu, {linear: 64}], after: relu}",
    .args = args,
    .bytes = sizeof(residual),
    .forward = forward,
    .shape = gdi_shape_of_children,
    .build = build};
