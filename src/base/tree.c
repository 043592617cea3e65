/* Trees: their nodes, and the one-line form, words with arguments: "linear:512 relu gpt:layers=4,heads=4". */
#include "base/tree.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WORDS = 4096, MAX_PAIRS = 64 };
static const char blanks[] = " \t\n";

/* ---- nodes ---- */

const char *gdi_tree_copy_text(gd_arena *a, const char *text, size_t length) {
  char *p = gd_arena_alloc(a, length + 1);
  if (!p) return NULL;
  memcpy(p, text, length);
  p[length] = 0;
  return p;
}

gd_tree *gdi_tree_node(gd_arena *a, gd_tree_kind kind, int n, const char *file, int line, int column) {
  gd_tree *t = gd_arena_zalloc(a, sizeof *t);
  if (!t) return NULL;
  *t = (gd_tree){.kind = kind, .n = n, .file = file, .line = line, .column = column};
  if (n == 0) return t;
  t->item = gd_arena_zalloc(a, (size_t)n * sizeof *t->item);
  if (kind == GD_TREE_MAP) t->key = gd_arena_zalloc(a, (size_t)n * sizeof *t->key);
  return !t->item || (kind == GD_TREE_MAP && !t->key) ? NULL : t;
}

gd_tree *gdi_tree_scalar(gd_arena *a, const char *text, size_t length, const char *file, int line,
                         int column) {
  gd_tree *t = gdi_tree_node(a, GD_TREE_SCALAR, 0, file, line, column);
  return t && (t->text = gdi_tree_copy_text(a, text, length)) ? t : NULL;
}

gd_status gdi_tree_put(gd_tree *map, gd_arena *a, int i, const char *key, size_t length, gd_tree *value) {
  char *name = (char *)gdi_tree_copy_text(a, key, length);
  if (!name || !value) return GD_ERR_OOM;
  for (char *c = name; *c; c++)
    if (*c == '-') *c = '_';
  ((const char **)map->key)[i] = name;
  ((gd_tree **)map->item)[i] = value;
  return GD_OK;
}

const gd_tree *gd_tree_get(const gd_tree *map, const char *key) {
  for (int i = 0; map && map->kind == GD_TREE_MAP && i < map->n; i++)
    if (strcmp(map->key[i], key) == 0) return map->item[i];
  return NULL;
}

gd_status gdi_tree_copy(gd_tree **out, gd_arena *a, const gd_tree *tree) {
  gd_tree *t = *out = gdi_tree_node(a, tree->kind, tree->n, NULL, tree->line, tree->column);
  if (!t) return GD_ERR_OOM;
  if (tree->file && !(t->file = gdi_tree_copy_text(a, tree->file, strlen(tree->file)))) return GD_ERR_OOM;
  if (tree->text && !(t->text = gdi_tree_copy_text(a, tree->text, strlen(tree->text)))) return GD_ERR_OOM;
  for (int i = 0; i < t->n; i++) {
    GD_TRY(gdi_tree_copy(&((gd_tree **)t->item)[i], a, tree->item[i]));
    if (t->key) GD_TRY(gdi_tree_put(t, a, i, tree->key[i], strlen(tree->key[i]), t->item[i]));
  }
  return GD_OK;
}

/* ---- one line ---- */

typedef struct line {
  gd_arena *arena;
  const char *name, *text;
} line;

static int column(const line *l, const char *at) {
  return (int)(at - l->text) + 1;
}

static gd_tree *scalar(const line *l, const char *at, size_t length) {
  return gdi_tree_scalar(l->arena, at, length, l->name, 0, column(l, at));
}

/* "layers=4" as item i of a map */
static gd_status pair(const line *l, gd_tree *map, int i, const char *at, const char *stop) {
  const char *equals = memchr(at, '=', (size_t)(stop - at));
  if (!equals || equals == at)
    return GD_FAIL(GD_ERR_USAGE, "%s: '%.*s' in column %d is not name=value", l->name,
                   stop - at < 64 ? (int)(stop - at) : 64, at, column(l, at));
  GD_TRY(gdi_tree_put(map, l->arena, i, at, (size_t)(equals - at),
                      scalar(l, equals + 1, (size_t)(stop - equals - 1))));
  for (int k = 0; k < i; k++)
    if (strcmp(map->key[k], map->key[i]) == 0)
      return GD_FAIL(GD_ERR_USAGE, "%s: '%.64s' is given twice, again in column %d", l->name, map->key[i],
                     column(l, at));
  return GD_OK;
}

/* "layers=4,heads=4" */
static gd_status pairs(const line *l, const char *at, const char *end, gd_tree **out) {
  int n = 1;
  for (const char *c = at; c < end; c++) n += *c == ',';
  if (n > MAX_PAIRS)
    return GD_FAIL(GD_ERR_USAGE, "%s: more than %d arguments in column %d", l->name, MAX_PAIRS,
                   column(l, at));
  if (!(*out = gdi_tree_node(l->arena, GD_TREE_MAP, n, l->name, 0, column(l, at)))) return GD_ERR_OOM;
  for (int i = 0; i < n; i++) {
    const char *stop = memchr(at, ',', (size_t)(end - at));
    if (!stop) stop = end;
    GD_TRY(pair(l, *out, i, at, stop));
    at = stop + 1;
  }
  return GD_OK;
}

/* "relu", "linear:512" or "gpt:layers=4,heads=4" */
static gd_status word(const line *l, const char *at, size_t length, gd_tree **out) {
  const char *colon = memchr(at, ':', length), *end = at + length;
  gd_tree *argument = NULL;
  *out = colon ? gdi_tree_node(l->arena, GD_TREE_MAP, 1, l->name, 0, column(l, at)) : scalar(l, at, length);
  if (!*out) return GD_ERR_OOM;
  if (!colon) return GD_OK;
  if (memchr(colon, '=', (size_t)(end - colon)))
    GD_TRY(pairs(l, colon + 1, end, &argument));
  else
    argument = scalar(l, colon + 1, (size_t)(end - colon - 1));
  return gdi_tree_put(*out, l->arena, 0, at, (size_t)(colon - at), argument);
}

static gd_status from_line(gd_tree **out, gd_arena *arena, const char *text, const char *name) {
  line l = {.arena = arena, .name = gdi_tree_copy_text(arena, name, strlen(name)), .text = text};
  if (!l.name) return GD_ERR_OOM;
  int n = 0;
  for (const char *at = text + strspn(text, blanks); *at; at += strspn(at, blanks), n++)
    at += strcspn(at, blanks);
  if (n > MAX_WORDS) return GD_FAIL(GD_ERR_USAGE, "%s: more than %d words", name, MAX_WORDS);
  if (!(*out = gdi_tree_node(arena, GD_TREE_LIST, n, l.name, 0, 1))) return GD_ERR_OOM;
  const char *at = text + strspn(text, blanks);
  for (int i = 0; i < n; i++, at += strspn(at, blanks)) {
    const size_t length = strcspn(at, blanks);
    GD_TRY(word(&l, at, length, &((gd_tree **)(*out)->item)[i]));
    at += length;
  }
  return GD_OK;
}

gd_status gd_tree_parse(gd_tree **out, gd_arena *arena, const char *text, const char *name) {
  const char first = text[strspn(text, blanks)];
  *out = NULL;
  if (first == '[' || first == '{')
    GD_TRY(gdi_tree_from_yaml(out, arena, text, name));
  else
    GD_TRY(from_line(out, arena, text, name));
  return gdi_tree_set_text(*out, arena);
}

gd_status gdi_tree_root(gd_tree **out, gd_arena *a, gd_tree *value) {
  *out = value;
  if (value->kind == GD_TREE_MAP) { /* {gpt: {layers: 4}}: a list of one */
    if (!(*out = gdi_tree_node(a, GD_TREE_LIST, 1, value->file, value->line, value->column)))
      return GD_ERR_OOM;
    ((gd_tree **)(*out)->item)[0] = value;
  }
  return gdi_tree_set_text(*out, a);
}
