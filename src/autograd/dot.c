/*
 * The recorded graph as Graphviz DOT: leaves are boxes, operations ellipses, and edges carry shapes. Operations are numbered
 * as they were recorded, and a leaf has the place where it is used first: the same graph is the same text.
 */
#include "autograd/autograd.h"

typedef struct drawing {
  FILE *f;
  const gd_node *last;
  uint64_t backward_id;
  int boxes;
} drawing;

/* ---- names of nodes ---- */

static int number(const drawing *d, const gd_node *n) {
  int older = 0;
  for (n = n->previous; n; n = n->previous) older += n->backward_id == d->backward_id;
  return older;
}

typedef struct use {
  const gd_node *by;
  int input;
} use;

static use first_use(const drawing *d, const gd_tensor *leaf) {
  use first = {0};
  for (const gd_node *n = d->last; n; n = n->previous)
    for (int i = n->backward_id == d->backward_id ? n->n_in - 1 : -1; i >= 0; i--)
      if (n->in[i] == leaf) first = (use){n, i};
  return first;
}

/* "op3"; "op3_in1" of a leaf */
static void put_id(const drawing *d, const gd_tensor *x) {
  const use first = x->node ? (use){x->node, 0} : first_use(d, x);
  fprintf(d->f, "op%d", number(d, first.by));
  if (!x->node) fprintf(d->f, "_in%d", first.input);
}

/* ---- nodes and edges ---- */

/* A name from outside may hold anything: quotes and backslashes are escaped, control characters left out. */
static void quoted(FILE *f, const char *name) {
  for (; *name; name++) {
    if (*name == '"' || *name == '\\') fputc('\\', f);
    if ((unsigned char)*name >= ' ') fputc(*name, f);
  }
}

static void box(FILE *f, const gd_tensor *x, const char *color) {
  char what[GDI_SHAPE_TEXT + 8];
  fprintf(f, " [shape=box, style=filled, fillcolor=\"%s\", label=\"", color);
  if (x->name) {
    quoted(f, x->name);
    fputs("\\n", f);
  }
  if (!x->name && !x->node && x->ndim == 0)
    fprintf(f, "%g\"];\n", gd_item(x)); /* a constant is its value */
  else
    fprintf(f, "%s\"];\n", gd_tensor_describe(x, what, sizeof what));
}

static void operation(const drawing *d, const gd_node *n) {
  char what[96];
  fprintf(d->f, "  op%d [shape=ellipse, label=\"", number(d, n));
  quoted(d->f, gd_node_describe(n, what, sizeof what));
  fputs("\"];\n", d->f);
}

/* A leaf is written where it is used first: beside that operation. */
static void leaves_of(const drawing *d, const gd_node *n) {
  for (int i = 0; i < n->n_in; i++) {
    const gd_tensor *x = n->in[i];
    if (!x || x->node) continue;
    const use first = first_use(d, x);
    if (first.by != n || first.input != i) continue;
    fputs("  ", d->f);
    put_id(d, x);
    box(d->f, x, x->requires_grad ? "#cfe8cf" : "#eeeeee");
  }
}

static void edge(const drawing *d, const gd_tensor *x, const gd_node *to) {
  char shape[GDI_SHAPE_TEXT];
  fputs("  ", d->f);
  put_id(d, x);
  to ? fprintf(d->f, " -> op%d", number(d, to)) : fputs(" -> result", d->f);
  if (x->node && x->ndim) fprintf(d->f, " [label=\" %s\"]", gdi_shape_text(x, shape, sizeof shape));
  fputs(";\n", d->f);
}

/* ---- scopes as boxes ---- */

static bool within(const gd_scope *s, const gd_scope *outer) {
  while (s && s != outer) s = s->outer;
  return s == outer;
}

/* The scope inside `outer` that s is, or is in. */
static const gd_scope *step_towards(const gd_scope *s, const gd_scope *outer) {
  while (s->outer != outer) s = s->outer;
  return s;
}

/* A box is drawn around more than one operation; the outermost scope is the whole model and needs none. */
static bool has_box(const drawing *d, const gd_scope *s) {
  int n = 0;
  for (const gd_node *i = d->last; i; i = i->previous)
    n += i->backward_id == d->backward_id && within(i->scope, s);
  return s->outer && n > 1;
}

/* Has an older record, written later, shown this scope already? Scopes are written where their last record is. */
static bool newest_in(const drawing *d, const gd_node *n, const gd_scope *s) {
  for (const gd_node *i = d->last; i != n; i = i->previous)
    if (i->backward_id == d->backward_id && within(i->scope, s)) return false;
  return true;
}

static void nodes_in(drawing *d, const gd_scope *scope) {
  for (const gd_node *n = d->last; n; n = n->previous) {
    if (n->backward_id != d->backward_id || !within(n->scope, scope)) continue;
    if (n->scope == scope) {
      operation(d, n);
      leaves_of(d, n);
      continue;
    }
    const gd_scope *inner = step_towards(n->scope, scope);
    if (!newest_in(d, n, inner)) continue;
    const bool boxed = has_box(d, inner);
    if (boxed) {
      fprintf(
          d->f,
          "  subgraph cluster_%d {\n  style=\"rounded,filled\"; fillcolor=\"#00000008\"; color=\"#999999\"; "
          "fontname=\"Helvetica\"; fontsize=10; labeljust=l; label=\"",
          d->boxes++);
      quoted(d->f, inner->name);
      fputs(*inner->name ? "  " : "", d->f);
      quoted(d->f, inner->kind);
      fputs("\";\n", d->f);
    }
    nodes_in(d, inner);
    if (boxed) fputs("  }\n", d->f);
  }
}

gd_status gd_tape_write_dot(const gd_tape *t, const gd_tensor *root, FILE *f) {
  GD_TRY(gd_tape_status(t));
  if (!root || !root->node) return GD_FAIL(GD_ERR_NO_GRAD, "nothing is recorded that leads to this tensor");
  drawing d = {.f = f, .last = root->node, .backward_id = gdi_tape_mark_path((gd_tape *)t, root)};
  fputs("digraph graph_of_operations {\n  node [fontname=\"Helvetica\", fontsize=11];\n"
        "  edge [fontname=\"Helvetica\", fontsize=9, color=\"#666666\"];\n",
        f);
  nodes_in(&d, NULL);
  for (const gd_node *n = root->node; n; n = n->previous)
    for (int i = 0; n->backward_id == d.backward_id && i < n->n_in; i++)
      if (n->in[i]) edge(&d, n->in[i], n);
  fputs("  result", f);
  box(f, root, "#ffe9c9");
  edge(&d, root, NULL);
  fputs("}\n", f);
  return ferror(f) ? GD_FAIL(GD_ERR_WRITE, "could not write the graph") : GD_OK;
}
