/*
 * Settings from YAML. Maps are noted as settings without a value while reading, so that a key that comes twice is
 * found whatever it holds, and left out at the end. Keys of options that are trees keep their trees.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/config.h"
#include "base/options.h"
#include "base/tree.h"
#include "base/yaml.h"

enum { MAX_DEPTH = 4, MAX_KEY = 255 };

typedef struct reader {
  gdi_yaml yaml;
  gd_settings *out;
} reader;

/* {linear: 512} inside a list: "linear:512"; {relu: } is "relu". */
static gd_status read_pair(reader *r, FILE *list) {
  GD_TRY(gdi_yaml_next(&r->yaml));
  if (r->yaml.event.type != YAML_SCALAR_EVENT)
    return GDI_YAML_REFUSE(&r->yaml, "expected 'name: value' in a list");
  fputs(gdi_yaml_scalar(&r->yaml), list);
  GD_TRY(gdi_yaml_next(&r->yaml));
  if (r->yaml.event.type != YAML_SCALAR_EVENT)
    return GDI_YAML_REFUSE(&r->yaml, "expected one value after the name in a list");
  if (*gdi_yaml_scalar(&r->yaml)) fprintf(list, ":%s", gdi_yaml_scalar(&r->yaml));
  GD_TRY(gdi_yaml_next(&r->yaml));
  if (r->yaml.event.type != YAML_MAPPING_END_EVENT)
    return GDI_YAML_REFUSE(&r->yaml, "expected one 'name: value' per list item");
  return GD_OK;
}

static gd_status read_items(reader *r, FILE *list) {
  for (const char *separator = "";; separator = " ") {
    GD_TRY(gdi_yaml_next(&r->yaml));
    if (r->yaml.event.type == YAML_SEQUENCE_END_EVENT) return GD_OK;
    fputs(separator, list);
    if (r->yaml.event.type == YAML_SCALAR_EVENT)
      fputs(gdi_yaml_scalar(&r->yaml), list);
    else if (r->yaml.event.type == YAML_MAPPING_START_EVENT)
      GD_TRY(read_pair(r, list));
    else
      return GDI_YAML_REFUSE(&r->yaml, "a list inside a list");
  }
}

static gd_status read_list(reader *r, const char *key, int line) {
  char *text = NULL;
  size_t bytes;
  FILE *list = open_memstream(&text, &bytes);
  gd_status st = list ? read_items(r, list) : GD_OK;
  bool broken = !list || ferror(list);
  if (list && fclose(list) != 0) broken = true;
  if (st == GD_OK && broken) st = GD_FAIL(GD_ERR_OOM, "no memory to read %s", r->yaml.file);
  if (st == GD_OK) st = gdi_settings_add(r->out, key, text, r->yaml.file, line);
  free(text);
  return st;
}

static gd_status read_key(reader *r, const char *prefix, char key[MAX_KEY + 1]) {
  if (r->yaml.event.type != YAML_SCALAR_EVENT) return GDI_YAML_REFUSE(&r->yaml, "expected a key");
  const char *name = gdi_yaml_scalar(&r->yaml);
  int n = snprintf(key, MAX_KEY + 1, "%s%s%s", prefix, *prefix ? "." : "", name);
  if (n > MAX_KEY) return GDI_YAML_REFUSE(&r->yaml, "a key of more than %d letters", MAX_KEY);
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  if (!*name || name[strspn(name, letters)]) return GDI_YAML_REFUSE(&r->yaml, "'%s' is not a key", name);
  for (char *c = key; *c; c++)
    if (*c == '-') *c = '_';
  const gd_setting *first = gd_settings_get(r->out, key);
  if (first) return GDI_YAML_REFUSE(&r->yaml, "'%s' was already given in line %d", key, first->line);
  return GD_OK;
}

/* lr and optimizer.lr are one setting. A map is none: "checkpoint: {every: 5}" is not the short form of that name. */
static gd_status refuse_second_name(const reader *r, const char *key, int line) {
  const char *option = gdi_option_key(key);
  for (int i = 0; option && i < r->out->n; i++) {
    const gd_setting *first = &r->out->item[i];
    const char *other = first->value ? gdi_option_key(first->key) : NULL;
    if (other && strcmp(other, option) == 0)
      return GD_FAIL(GD_ERR_USAGE,
                     "%s:%d: '%s' sets what '%s' in line %d has set already: leave one of them out",
                     r->yaml.file, line, key, first->key, first->line);
  }
  return GD_OK;
}

static gd_status read_tree(reader *r, const char *key, int line) {
  gd_arena *a = r->out->arena;
  gd_tree *value, *root;
  GD_TRY(gdi_yaml_tree(&r->yaml, a, &value));
  if (value->kind == GD_TREE_SCALAR) return gdi_settings_add(r->out, key, value->text, r->yaml.file, line);
  GD_TRY(gdi_tree_root(&root, a, value));
  GD_TRY(gdi_settings_add(r->out, key, root->text, r->yaml.file, line));
  r->out->item[r->out->n - 1].tree = root;
  return GD_OK;
}

/* From the event after the map's start to its end. */
static gd_status read_map(reader *r, const char *prefix, int depth) {
  for (;;) {
    GD_TRY(gdi_yaml_next(&r->yaml));
    if (r->yaml.event.type == YAML_MAPPING_END_EVENT) return GD_OK;
    char key[MAX_KEY + 1];
    GD_TRY(read_key(r, prefix, key));
    const int line = gdi_yaml_line(&r->yaml);
    GD_TRY(gdi_yaml_next(&r->yaml));
    if (r->yaml.event.type != YAML_MAPPING_START_EVENT) GD_TRY(refuse_second_name(r, key, line));
    if (gdi_option_is_tree(key)) {
      GD_TRY(read_tree(r, key, line));
      continue;
    }
    switch (r->yaml.event.type) {
    case YAML_SCALAR_EVENT:
      GD_TRY(gdi_settings_add(r->out, key, gdi_yaml_scalar(&r->yaml), r->yaml.file, line));
      break;
    case YAML_SEQUENCE_START_EVENT: GD_TRY(read_list(r, key, line)); break;
    case YAML_MAPPING_START_EVENT:
      if (depth == MAX_DEPTH)
        return GDI_YAML_REFUSE(&r->yaml, "'%s' is nested deeper than %d", key, MAX_DEPTH);
      GD_TRY(gdi_settings_add(r->out, key, NULL, r->yaml.file, line));
      GD_TRY(read_map(r, key, depth + 1));
      break;
    default: return GDI_YAML_REFUSE(&r->yaml, "expected a value for '%s'", key);
    }
  }
}

static gd_status read_document(reader *r) {
  GD_TRY(gdi_yaml_next(&r->yaml)); /* stream start */
  GD_TRY(gdi_yaml_next(&r->yaml));
  if (r->yaml.event.type == YAML_STREAM_END_EVENT) return GD_OK;
  GD_TRY(gdi_yaml_next(&r->yaml)); /* past document start */
  if (r->yaml.event.type == YAML_MAPPING_START_EVENT)
    GD_TRY(read_map(r, "", 1));
  else if (r->yaml.event.type != YAML_SCALAR_EVENT || *gdi_yaml_scalar(&r->yaml))
    return GDI_YAML_REFUSE(&r->yaml, "expected settings, as 'name: value'");
  GD_TRY(gdi_yaml_next(&r->yaml)); /* document end */
  GD_TRY(gdi_yaml_next(&r->yaml));
  if (r->yaml.event.type != YAML_STREAM_END_EVENT) return GDI_YAML_REFUSE(&r->yaml, "a second document");
  return GD_OK;
}

/* Maps were only noted. */
static void drop_maps(gd_settings *s) {
  int n = 0;
  for (int i = 0; i < s->n; i++)
    if (s->item[i].value) s->item[n++] = s->item[i];
  s->n = n;
}

static gd_status parse(gd_settings *out, const char *path, const char *text) {
  char *file = gd_arena_alloc(out->arena, strlen(path) + 1);
  if (!file) return GD_ERR_OOM;
  reader r = {.out = out};
  gd_status st = gdi_yaml_open(&r.yaml, strcpy(file, path), text);
  if (st == GD_OK) st = read_document(&r);
  gdi_yaml_close(&r.yaml);
  drop_maps(out);
  return st;
}

/* The whole file as a string in the arena. */
static gd_status read_text(gd_arena *a, const char *path, const char **out) {
  struct stat about;
  if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) /* a pipe that nobody writes blocks for ever */
    return GD_FAIL(GD_ERR_USAGE, "%s: not a regular file", path);
  FILE *f = fopen(path, "rb");
  if (!f) return GD_FAIL(GD_ERR_USAGE, "cannot open %s: %s", path, strerror(errno));
  char *text = gd_arena_alloc(a, GDI_YAML_MAX_BYTES + 2);
  size_t bytes = text ? fread(text, 1, GDI_YAML_MAX_BYTES + 1, f) : 0;
  int error = ferror(f) ? errno : 0;
  fclose(f);
  if (!text) return GD_ERR_OOM;
  if (error) return GD_FAIL(GD_ERR_USAGE, "cannot read %s: %s", path, strerror(error));
  text[bytes] = 0;
  if (bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
    return GD_FAIL(GD_ERR_USAGE, "%s: UTF-16: save it as UTF-8", path);
  int line = 1;
  for (size_t i = 0; i < bytes; i++) {
    if (!text[i]) return GD_FAIL(GD_ERR_USAGE, "%s:%d: a NUL byte: not a text file", path, line);
    line += text[i] == '\n';
  }
  *out = text;
  return GD_OK;
}

gd_status gd_settings_read(gd_settings *out, const char *path, const char *text) {
  GD_TRY(gdi_settings_init(out));
  gd_status st = text ? GD_OK : read_text(out->arena, path, &text);
  if (st == GD_OK) st = parse(out, path, text);
  if (st != GD_OK) gd_settings_free(out);
  return st;
}
