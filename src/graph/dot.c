/* The recorded graph as Graphviz DOT: leaves are boxes, operations ellipses, edges carry shapes. */
#include "graph/graph.h"

static void edge(FILE *f, const gd_tensor *x, const void *to) {
  char shape[GDI_SHAPE_TEXT];
  fprintf(f, "  n%p -> n%p [label=\"%s\"];\n", x->node ? (void *)x->node : (void *)x, to,
          gdi_shape_text(x, shape, sizeof shape));
}

/* A name from outside may hold anything: quotes and backslashes are escaped, control characters left out. */
static void quoted(FILE *f, const char *name) {
  for (; *name; name++) {
    if (*name == '"' || *name == '\\') fputc('\\', f);
    if ((unsigned char)*name >= ' ') fputc(*name, f);
  }
}

static void leaf(FILE *f, const gd_tensor *x) {
  char what[GDI_SHAPE_TEXT + 8];
  fprintf(f, "  n%p [shape=box, style=filled, fillcolor=\"%s\", label=\"", (const void *)x,
          x->requires_grad ? "#cfe8cf" : "#eeeeee");
  if (x->name) {
    quoted(f, x->name);
    fputs("\\n", f);
  }
  fprintf(f, "%s\"];\n", gd_tensor_describe(x, what, sizeof what));
}

/* A leaf is written where it is used first: has an older record of this pass used it? */
static bool used_before(const gd_node *n, int input, uint64_t pass) {
  for (int i = 0; i < input; i++)
    if (n->in[i] == n->in[input]) return true;
  for (const gd_node *older = n->previous; older; older = older->previous)
    for (int i = 0; older->pass == pass && i < older->n_in; i++)
      if (older->in[i] == n->in[input]) return true;
  return false;
}

gd_status gd_tape_write_dot(const gd_tape *t, const gd_tensor *root, FILE *f) {
  GD_TRY(gd_tape_status(t));
  if (!root || !root->node) return GD_FAIL(GD_ERR_NO_GRAD, "nothing is recorded that leads to this tensor");
  uint64_t pass = ++((gd_tape *)t)->pass;
  root->node->pass = pass;
  fputs("digraph graph_of_operations {\n  rankdir=TB;\n  node [fontname=\"Helvetica\", fontsize=11];\n"
        "  edge [fontname=\"Helvetica\", fontsize=9, color=\"#666666\"];\n",
        f);
  for (gd_node *n = root->node; n; n = n->previous)
    for (int i = 0; n->pass == pass && i < n->n_in; i++)
      if (n->in[i] && n->in[i]->node) n->in[i]->node->pass = pass;
  for (const gd_node *n = root->node; n; n = n->previous) {
    if (n->pass != pass) continue;
    fprintf(f, "  n%p [shape=ellipse, label=\"%s\"];\n", (const void *)n, gdi_op_name(n->op));
    for (int i = 0; i < n->n_in; i++) {
      if (!n->in[i]) continue;
      if (!n->in[i]->node && !used_before(n, i, pass)) leaf(f, n->in[i]);
      edge(f, n->in[i], n);
    }
  }
  char what[GDI_SHAPE_TEXT + 8];
  fprintf(f,
          "  root [shape=box, style=\"filled,bold\", fillcolor=\"#ffe9c9\", label=\"%s%s%s\"];\n  n%p -> "
          "root;\n}\n",
          root->name ? root->name : "", root->name ? "\\n" : "", gd_tensor_describe(root, what, sizeof what),
          (const void *)root->node);
  return ferror(f) ? GD_FAIL(GD_ERR_WRITE, "could not write the graph") : GD_OK;
}
