/* Trees from YAML. */
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"
#include "base/yaml.h"

/* Items of a list or map while their number is not known. */
typedef struct items {
  gd_tree **value;
  char **key;
  int n;
} items;

static void drop(items *m) {
  for (int i = 0; m->key && i < m->n; i++) free(m->key[i]);
  free(m->key);
  free(m->value);
}

static gd_status grow(gdi_yaml *y, items *m, bool keys) {
  if (m->n & (m->n - 1)) return GD_OK; /* capacities are powers of two */
  const size_t room = m->n ? 2 * (size_t)m->n : 1;
  gd_tree **value = realloc(m->value, room * sizeof *value);
  if (value) m->value = value;
  char **key = keys ? realloc(m->key, room * sizeof *key) : NULL;
  if (key) m->key = key;
  return value && (key || !keys) ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read %s", y->file);
}

static gd_status read_node(gdi_yaml *y, gd_arena *a, int level, gd_tree **out);

static gd_status read_key(gdi_yaml *y, items *m) {
  if (y->event.type != YAML_SCALAR_EVENT) return GDI_YAML_REFUSE(y, "expected a name and a colon");
  char *key = strdup(gdi_yaml_scalar(y));
  if (!key) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", y->file);
  for (char *c = key; *c; c++)
    if (*c == '-') *c = '_';
  gd_status st = *key ? GD_OK : GDI_YAML_REFUSE(y, "a name without letters");
  for (int i = 0; st == GD_OK && i < m->n; i++)
    if (strcmp(m->key[i], key) == 0)
      st = GDI_YAML_REFUSE(y, "'%.64s' was already given in line %d", key, m->value[i]->line);
  if (st == GD_OK)
    m->key[m->n] = key;
  else
    free(key);
  return st;
}

/* To the end of the list or map whose start is the present event. */
static gd_status read_items(gdi_yaml *y, gd_arena *a, int level, bool map, items *m) {
  const yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
  for (;;) {
    GD_TRY(gdi_yaml_next(y));
    if (y->event.type == end) return GD_OK;
    GD_TRY(grow(y, m, map));
    if (map) GD_TRY(read_key(y, m));
    gd_status st = map ? gdi_yaml_next(y) : GD_OK;
    if (st == GD_OK) st = read_node(y, a, level + 1, &m->value[m->n]);
    if (st != GD_OK && map) free(m->key[m->n]);
    GD_TRY(st);
    m->n++;
  }
}

static gd_status read_children(gdi_yaml *y, gd_arena *a, int level, bool map, gd_tree **out) {
  items m = {0};
  const int line = gdi_yaml_line(y), column = (int)y->event.start_mark.index + 1;
  gd_status st = read_items(y, a, level, map, &m);
  if (st == GD_OK && !(*out = gdi_tree_node(a, map ? GD_TREE_MAP : GD_TREE_LIST, m.n, y->file, line, column)))
    st = GD_ERR_OOM;
  for (int i = 0; st == GD_OK && i < m.n; i++)
    if (map)
      st = gdi_tree_put(*out, a, i, m.key[i], strlen(m.key[i]), m.value[i]);
    else
      ((gd_tree **)(*out)->item)[i] = m.value[i];
  drop(&m);
  return st;
}

/* An entry of a list whose argument is left out, "- relu:", is its word. */
static void without_colon(gd_tree *list) {
  for (int i = 0; i < list->n; i++) {
    gd_tree *e = list->item[i];
    if (e->kind == GD_TREE_MAP && e->n == 1 && e->item[0]->kind == GD_TREE_SCALAR && !*e->item[0]->text) {
      e->kind = GD_TREE_SCALAR;
      e->text = e->key[0];
      e->n = 0;
    }
  }
}

static gd_status read_node(gdi_yaml *y, gd_arena *a, int level, gd_tree **out) {
  if (level > GDI_TREE_LEVELS) return GDI_YAML_REFUSE(y, "nested deeper than %d levels", GDI_TREE_LEVELS);
  if (++y->nodes > GDI_TREE_NODES) return GDI_YAML_REFUSE(y, "more than %d values", GDI_TREE_NODES);
  switch (y->event.type) {
  case YAML_SCALAR_EVENT:
    *out = gdi_tree_scalar(a, gdi_yaml_scalar(y), y->event.data.scalar.length, y->file, gdi_yaml_line(y),
                           (int)y->event.start_mark.index + 1);
    return *out ? GD_OK : GD_ERR_OOM;
  case YAML_SEQUENCE_START_EVENT:
    GD_TRY(read_children(y, a, level, false, out));
    without_colon(*out);
    return GD_OK;
  case YAML_MAPPING_START_EVENT: return read_children(y, a, level, true, out);
  default: return GDI_YAML_REFUSE(y, "expected a value");
  }
}

gd_status gdi_yaml_tree(gdi_yaml *y, gd_arena *arena, gd_tree **out) {
  return read_node(y, arena, 1, out);
}

/* ---- a text of its own: on the command line, in a checkpoint ---- */

static gd_status read_text(gdi_yaml *y, gd_arena *a, gd_tree **out) {
  GD_TRY(gdi_yaml_next(y)); /* stream start */
  GD_TRY(gdi_yaml_next(y)); /* document start */
  GD_TRY(gdi_yaml_next(y));
  GD_TRY(gdi_yaml_tree(y, a, out));
  GD_TRY(gdi_yaml_next(y)); /* document end */
  GD_TRY(gdi_yaml_next(y));
  return y->event.type == YAML_STREAM_END_EVENT ? GD_OK : GDI_YAML_REFUSE(y, "more after the end");
}

/* Columns, not lines, say where something is in an option. */
static void forget_lines(gd_tree *t) {
  t->line = -1;
  for (int i = 0; i < t->n; i++) forget_lines(t->item[i]);
}

gd_status gdi_tree_from_yaml(gd_tree **out, gd_arena *a, const char *text, const char *name) {
  gdi_yaml y;
  gd_tree *value = NULL;
  const char *file = gdi_tree_copy_text(a, name, strlen(name));
  if (!file) return GD_ERR_OOM;
  gd_status st = gdi_yaml_open(&y, file, text);
  if (st == GD_OK) st = read_text(&y, a, &value);
  gdi_yaml_close(&y);
  if (st != GD_OK) return st;
  forget_lines(value);
  return gdi_tree_root(out, a, value);
}
