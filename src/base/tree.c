/* Trees from one line of words: "linear:512 relu gpt:layers=4,heads=4". */
#include <stdio.h>
#include <string.h>

#include "gd/config.h"

enum { MAX_WORDS = 4096, MAX_PAIRS = 64 };
static const char blanks[] = " \t\n";

typedef struct line {
  gd_arena *arena;
  const char *name, *text;
} line;

static const char *copy(gd_arena *a, const char *text, size_t length) {
  char *p = gd_arena_alloc(a, length + 1);
  if (!p) return NULL;
  memcpy(p, text, length);
  p[length] = 0;
  return p;
}

static gd_tree *node(const line *l, const char *at, gd_tree_kind kind, int n) {
  gd_tree *t = gd_arena_zalloc(l->arena, sizeof *t);
  if (!t) return NULL;
  *t = (gd_tree){.kind = kind, .n = n, .file = l->name, .column = (int)(at - l->text) + 1};
  if (n) {
    t->item = gd_arena_zalloc(l->arena, (size_t)n * sizeof *t->item);
    if (kind == GD_TREE_MAP) t->key = gd_arena_zalloc(l->arena, (size_t)n * sizeof *t->key);
  }
  return n && (!t->item || (kind == GD_TREE_MAP && !t->key)) ? NULL : t;
}

static gd_tree *scalar(const line *l, const char *at, size_t length) {
  gd_tree *t = node(l, at, GD_TREE_SCALAR, 0);
  return t && (t->text = copy(l->arena, at, length)) ? t : NULL;
}

static gd_status put(gd_tree *map, gd_arena *a, int i, const char *key, size_t length, gd_tree *value) {
  char *name = (char *)copy(a, key, length);
  if (!name || !value) return GD_ERR_OOM;
  for (char *c = name; *c; c++)
    if (*c == '-') *c = '_';
  ((const char **)map->key)[i] = name;
  ((gd_tree **)map->item)[i] = value;
  return GD_OK;
}

/* "layers=4,heads=4" */
static gd_status pairs(const line *l, const char *at, const char *end, gd_tree **out) {
  int n = 1;
  for (const char *c = at; c < end; c++) n += *c == ',';
  if (n > MAX_PAIRS)
    return GD_FAIL(GD_ERR_USAGE, "%s: more than %d arguments in column %d", l->name, MAX_PAIRS,
                   (int)(at - l->text) + 1);
  if (!(*out = node(l, at, GD_TREE_MAP, n))) return GD_ERR_OOM;
  for (int i = 0; i < n; i++, at++) {
    const char *stop = memchr(at, ',', (size_t)(end - at)), *pair = at;
    if (!stop) stop = end;
    const char *equals = memchr(at, '=', (size_t)(stop - at));
    if (!equals || equals == pair)
      return GD_FAIL(GD_ERR_USAGE, "%s: '%.*s' in column %d is not name=value", l->name, (int)(stop - pair),
                     pair, (int)(pair - l->text) + 1);
    GD_TRY(put(*out, l->arena, i, pair, (size_t)(equals - pair),
               scalar(l, equals + 1, (size_t)(stop - equals - 1))));
    for (int k = 0; k < i; k++)
      if (strcmp((*out)->key[k], (*out)->key[i]) == 0)
        return GD_FAIL(GD_ERR_USAGE, "%s: '%s' is given twice, again in column %d", l->name, (*out)->key[i],
                       (int)(pair - l->text) + 1);
    at = stop;
  }
  return GD_OK;
}

/* "relu", "linear:512" or "gpt:layers=4,heads=4" */
static gd_status word(const line *l, const char *at, size_t length, gd_tree **out) {
  const char *colon = memchr(at, ':', length), *end = at + length;
  *out = colon ? node(l, at, GD_TREE_MAP, 1) : scalar(l, at, length);
  if (!*out) return GD_ERR_OOM;
  if (!colon) return GD_OK;
  gd_tree *argument = NULL;
  if (memchr(colon, '=', (size_t)(end - colon)))
    GD_TRY(pairs(l, colon + 1, end, &argument));
  else
    argument = scalar(l, colon + 1, (size_t)(end - colon - 1));
  return put(*out, l->arena, 0, at, (size_t)(colon - at), argument);
}

gd_status gd_tree_parse(gd_tree **out, gd_arena *arena, const char *text, const char *name) {
  line l = {.arena = arena, .name = copy(arena, name, strlen(name)), .text = text};
  if (!l.name) return GD_ERR_OOM;
  int n = 0;
  for (const char *at = text + strspn(text, blanks); *at; at += strspn(at, blanks), n++)
    at += strcspn(at, blanks);
  if (n > MAX_WORDS) return GD_FAIL(GD_ERR_USAGE, "%s: more than %d words", name, MAX_WORDS);
  if (!(*out = node(&l, text, GD_TREE_LIST, n))) return GD_ERR_OOM;
  const char *at = text + strspn(text, blanks);
  for (int i = 0; i < n; i++, at += strspn(at, blanks)) {
    const size_t length = strcspn(at, blanks);
    GD_TRY(word(&l, at, length, &((gd_tree **)(*out)->item)[i]));
    at += length;
  }
  return GD_OK;
}

const gd_tree *gd_tree_get(const gd_tree *map, const char *key) {
  for (int i = 0; map && map->kind == GD_TREE_MAP && i < map->n; i++)
    if (strcmp(map->key[i], key) == 0) return map->item[i];
  return NULL;
}
