/*
 * The canonical text of a tree: its one-line form where that can say it, else one line of YAML. Runs are compared by
 * it, and checkpoints keep it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"
#include "base/words.h"

/* Letters that mean nothing to YAML nor to the one-line form. */
static bool is_plain(const char *text) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+/-";
  if (!*text || text[strspn(text, letters)]) return false;
  return *text != '-' || (text[1] >= '0' && text[1] <= '9') || text[1] == '.';
}

/* ---- one line ---- */

static bool in_a_word(const gd_tree *value) {
  if (value->kind == GD_TREE_SCALAR) return is_plain(value->text);
  bool can = value->kind == GD_TREE_MAP && value->n > 0;
  for (int i = 0; can && i < value->n; i++)
    can = is_plain(value->key[i]) && value->item[i]->kind == GD_TREE_SCALAR && is_plain(value->item[i]->text);
  return can;
}

static bool on_a_line(const gd_tree *root) {
  bool can = root->kind == GD_TREE_LIST;
  for (int i = 0; can && i < root->n; i++) {
    const gd_tree *e = root->item[i];
    can = e->kind == GD_TREE_SCALAR
              ? is_plain(e->text)
              : e->kind == GD_TREE_MAP && e->n == 1 && is_plain(e->key[0]) && in_a_word(e->item[0]);
  }
  return can;
}

static void print_word(FILE *f, const gd_tree *e) {
  if (e->kind == GD_TREE_SCALAR) {
    fputs(e->text, f);
    return;
  }
  const gd_tree *value = e->item[0];
  fprintf(f, "%s:%s", e->key[0], value->kind == GD_TREE_SCALAR ? value->text : "");
  for (int i = 0; value->kind == GD_TREE_MAP && i < value->n; i++)
    fprintf(f, "%s%s=%s", i ? "," : "", value->key[i], value->item[i]->text);
}

/* ---- YAML ---- */

static void print_text(FILE *f, const char *text) {
  if (is_plain(text))
    fputs(text, f);
  else
    gdi_print_quoted(f, text);
}

static void print_yaml(FILE *f, const gd_tree *t) {
  if (t->kind == GD_TREE_SCALAR) {
    print_text(f, t->text);
    return;
  }
  fputc(t->kind == GD_TREE_LIST ? '[' : '{', f);
  for (int i = 0; i < t->n; i++) {
    if (i) fputs(", ", f);
    if (t->key) print_text(f, t->key[i]), fputs(": ", f);
    print_yaml(f, t->item[i]);
  }
  fputc(t->kind == GD_TREE_LIST ? ']' : '}', f);
}

gd_status gdi_tree_set_text(gd_tree *root, gd_arena *a) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *f = open_memstream(&text, &bytes);
  if (!f) return GD_FAIL(GD_ERR_OOM, "no memory for the text of a tree");
  if (on_a_line(root))
    for (int i = 0; i < root->n; i++) {
      if (i) fputc(' ', f);
      print_word(f, root->item[i]);
    }
  else
    print_yaml(f, root);
  const bool whole = !ferror(f);
  if (fclose(f) == 0 && whole) root->text = gdi_tree_copy_text(a, text, bytes);
  free(text);
  return root->text ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the text of a tree");
}
