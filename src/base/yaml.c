/*
 * Settings from YAML: a walk over libyaml's events. Maps are noted as settings without a value while reading,
 * so that a key that comes twice is found whatever it holds, and left out at the end.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/config.h"

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 4, MAX_KEY = 255 };

typedef struct reader {
  yaml_parser_t parser;
  yaml_event_t event;
  const char *file;
  const char *text;
  gd_settings *out;
} reader;

static int line_of(const reader *r) {
  return (int)r->event.start_mark.line + 1;
}

#define REFUSE(r, ...) refuse((r), __LINE__, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) static gd_status refuse(reader *r, int source_line, const char *fmt,
                                                              ...) {
  char cause[400];
  va_list args;
  va_start(args, fmt);
  vsnprintf(cause, sizeof cause, fmt, args);
  va_end(args);
  return gd_error_set(GD_ERR_USAGE, __FILE__, source_line, "%s:%d: %s", r->file, line_of(r), cause);
}

static gd_status syntax_error(reader *r) {
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", r->file);
  int line = (int)p->problem_mark.line + 1;
  if (p->error == YAML_READER_ERROR) { /* not UTF-8: there is no mark, but an offset in bytes */
    line = 1;
    for (size_t i = 0; i < p->problem_offset && r->text[i]; i++) line += r->text[i] == '\n';
  }
  char context[160] = "";
  if (p->context) snprintf(context, sizeof context, ", %s in line %zu", p->context, p->context_mark.line + 1);
  return GD_FAIL(GD_ERR_USAGE, "%s:%d: %s%s", r->file, line, p->problem ? p->problem : "not YAML", context);
}

static gd_status check_scalar(reader *r) {
  const unsigned char *text = r->event.data.scalar.value;
  for (size_t i = 0; i < r->event.data.scalar.length; i++)
    if ((text[i] < ' ' && text[i] != '\t' && text[i] != '\n') || text[i] == 0x7f)
      return REFUSE(r, "control character 0x%02x in a value", text[i]);
  return GD_OK;
}

/* The next event, without what settings do not need: anchors, aliases, tags. */
static gd_status next(reader *r) {
  yaml_event_delete(&r->event);
  if (!yaml_parser_parse(&r->parser, &r->event)) return syntax_error(r);
  const yaml_event_t *e = &r->event;
  const yaml_char_t *anchor = NULL, *tag = NULL;
  if (e->type == YAML_ALIAS_EVENT) anchor = e->data.alias.anchor;
  if (e->type == YAML_SCALAR_EVENT) anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
  if (e->type == YAML_SEQUENCE_START_EVENT)
    anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
  if (e->type == YAML_MAPPING_START_EVENT)
    anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
  if (anchor) return REFUSE(r, "anchors and aliases (%s) are not allowed here", (const char *)anchor);
  if (tag) return REFUSE(r, "tags (%s) are not allowed here", (const char *)tag);
  return e->type == YAML_SCALAR_EVENT ? check_scalar(r) : GD_OK;
}

static const char *scalar(const reader *r) {
  return (const char *)r->event.data.scalar.value;
}

/* {linear: 512} inside a list: "linear:512"; {relu: } is "relu". */
static gd_status read_pair(reader *r, FILE *list) {
  GD_TRY(next(r));
  if (r->event.type != YAML_SCALAR_EVENT) return REFUSE(r, "expected 'name: value' in a list");
  fputs(scalar(r), list);
  GD_TRY(next(r));
  if (r->event.type != YAML_SCALAR_EVENT) return REFUSE(r, "expected one value after the name in a list");
  if (*scalar(r)) fprintf(list, ":%s", scalar(r));
  GD_TRY(next(r));
  if (r->event.type != YAML_MAPPING_END_EVENT) return REFUSE(r, "expected one 'name: value' per list item");
  return GD_OK;
}

static gd_status read_items(reader *r, FILE *list) {
  for (const char *separator = "";; separator = " ") {
    GD_TRY(next(r));
    if (r->event.type == YAML_SEQUENCE_END_EVENT) return GD_OK;
    fputs(separator, list);
    if (r->event.type == YAML_SCALAR_EVENT)
      fputs(scalar(r), list);
    else if (r->event.type == YAML_MAPPING_START_EVENT)
      GD_TRY(read_pair(r, list));
    else
      return REFUSE(r, "a list inside a list");
  }
}

static gd_status read_list(reader *r, const char *key, int line) {
  char *text = NULL;
  size_t bytes;
  FILE *list = open_memstream(&text, &bytes);
  gd_status st = list ? read_items(r, list) : GD_OK;
  bool broken = !list || ferror(list);
  if (list && fclose(list) != 0) broken = true;
  if (st == GD_OK && broken) st = GD_FAIL(GD_ERR_OOM, "no memory to read %s", r->file);
  if (st == GD_OK) st = gdi_settings_add(r->out, key, text, r->file, line);
  free(text);
  return st;
}

static gd_status read_key(reader *r, const char *prefix, char key[MAX_KEY + 1]) {
  if (r->event.type != YAML_SCALAR_EVENT) return REFUSE(r, "expected a key");
  const char *name = scalar(r);
  int n = snprintf(key, MAX_KEY + 1, "%s%s%s", prefix, *prefix ? "." : "", name);
  if (n > MAX_KEY) return REFUSE(r, "a key of more than %d letters", MAX_KEY);
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  if (!*name || name[strspn(name, letters)]) return REFUSE(r, "'%s' is not a key", name);
  const gd_setting *first = gd_settings_get(r->out, key);
  if (first) return REFUSE(r, "'%s' was already given in line %d", key, first->line);
  return GD_OK;
}

/* From the event after the map's start to its end. */
static gd_status read_map(reader *r, const char *prefix, int depth) {
  for (;;) {
    GD_TRY(next(r));
    if (r->event.type == YAML_MAPPING_END_EVENT) return GD_OK;
    char key[MAX_KEY + 1];
    GD_TRY(read_key(r, prefix, key));
    const int line = line_of(r);
    GD_TRY(next(r));
    switch (r->event.type) {
    case YAML_SCALAR_EVENT: GD_TRY(gdi_settings_add(r->out, key, scalar(r), r->file, line)); break;
    case YAML_SEQUENCE_START_EVENT: GD_TRY(read_list(r, key, line)); break;
    case YAML_MAPPING_START_EVENT:
      if (depth == MAX_DEPTH) return REFUSE(r, "'%s' is nested deeper than %d", key, MAX_DEPTH);
      GD_TRY(gdi_settings_add(r->out, key, NULL, r->file, line));
      GD_TRY(read_map(r, key, depth + 1));
      break;
    default: return REFUSE(r, "expected a value for '%s'", key);
    }
  }
}

static gd_status read_document(reader *r) {
  GD_TRY(next(r)); /* stream start */
  GD_TRY(next(r));
  if (r->event.type == YAML_STREAM_END_EVENT) return GD_OK;
  GD_TRY(next(r)); /* past document start */
  if (r->event.type == YAML_MAPPING_START_EVENT)
    GD_TRY(read_map(r, "", 1));
  else if (r->event.type != YAML_SCALAR_EVENT || *scalar(r))
    return REFUSE(r, "expected settings, as 'name: value'");
  GD_TRY(next(r)); /* document end */
  GD_TRY(next(r));
  if (r->event.type != YAML_STREAM_END_EVENT) return REFUSE(r, "a second document");
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
  const size_t bytes = strlen(text);
  if (bytes > MAX_BYTES) return GD_FAIL(GD_ERR_USAGE, "%s: larger than 1 MB", path);
  char *file = gd_arena_alloc(out->arena, strlen(path) + 1);
  if (!file) return GD_ERR_OOM;
  reader r = {.file = strcpy(file, path), .text = text, .out = out};
  if (!yaml_parser_initialize(&r.parser)) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, bytes);
  gd_status st = read_document(&r);
  yaml_event_delete(&r.event);
  yaml_parser_delete(&r.parser);
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
  char *text = gd_arena_alloc(a, MAX_BYTES + 2);
  size_t bytes = text ? fread(text, 1, MAX_BYTES + 1, f) : 0;
  int error = ferror(f) ? errno : 0;
  fclose(f);
  if (!text) return GD_ERR_OOM;
  if (error) return GD_FAIL(GD_ERR_USAGE, "cannot read %s: %s", path, strerror(error));
  text[bytes] = 0;
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
