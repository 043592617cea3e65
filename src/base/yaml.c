/* libyaml's events, without what configurations do not need: anchors, aliases, tags, control characters. */
#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int gdi_yaml_line(const gdi_yaml *y) {
  return (int)y->event.start_mark.line + 1;
}

gd_status gdi_yaml_refuse(const gdi_yaml *y, int source_line, const char *fmt, ...) {
  char cause[400];
  va_list args;
  va_start(args, fmt);
  vsnprintf(cause, sizeof cause, fmt, args);
  va_end(args);
  return gd_error_set(GD_ERR_USAGE, __FILE__, source_line, "%s:%d: %s", y->file, gdi_yaml_line(y), cause);
}

/* Does this line, counted from 0, begin with blanks of which one is a tab? libyaml never says so. */
static bool is_indented_by_tab(const char *text, size_t line) {
  for (; line > 0 && text; line--) text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
  return text && text[strspn(text, " ")] == '\t';
}

static gd_status syntax_error(gdi_yaml *y) {
  const yaml_parser_t *p = &y->parser;
  if (p->error == YAML_MEMORY_ERROR) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", y->file);
  int line = (int)p->problem_mark.line + 1;
  if (p->error == YAML_READER_ERROR) { /* not UTF-8: there is no mark, but an offset in bytes */
    line = 1;
    for (size_t i = 0; i < p->problem_offset && y->text[i]; i++) line += y->text[i] == '\n';
  }
  if (is_indented_by_tab(y->text, p->problem_mark.line))
    return GD_FAIL(GD_ERR_USAGE, "%s:%d: the line begins with a tab: YAML is indented with spaces", y->file,
                   line);
  char context[160] = "";
  if (p->context) snprintf(context, sizeof context, ", %s in line %zu", p->context, p->context_mark.line + 1);
  return GD_FAIL(GD_ERR_USAGE, "%s:%d: %s%s", y->file, line, p->problem ? p->problem : "not YAML", context);
}

static gd_status check_scalar(gdi_yaml *y) {
  const unsigned char *text = y->event.data.scalar.value;
  for (size_t i = 0; i < y->event.data.scalar.length; i++)
    if ((text[i] < ' ' && text[i] != '\t' && text[i] != '\n') || text[i] == 0x7f)
      return GDI_YAML_REFUSE(y, "control character 0x%02x in a value", text[i]);
  return GD_OK;
}

gd_status gdi_yaml_next(gdi_yaml *y) {
  yaml_event_delete(&y->event);
  if (!yaml_parser_parse(&y->parser, &y->event)) return syntax_error(y);
  const yaml_event_t *e = &y->event;
  const yaml_char_t *anchor = NULL, *tag = NULL;
  if (e->type == YAML_ALIAS_EVENT) anchor = e->data.alias.anchor;
  if (e->type == YAML_SCALAR_EVENT) anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
  if (e->type == YAML_SEQUENCE_START_EVENT)
    anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
  if (e->type == YAML_MAPPING_START_EVENT)
    anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
  if (anchor)
    return GDI_YAML_REFUSE(y, "anchors and aliases (%s) are not allowed here", (const char *)anchor);
  if (tag) return GDI_YAML_REFUSE(y, "tags (%s) are not allowed here", (const char *)tag);
  return e->type == YAML_SCALAR_EVENT ? check_scalar(y) : GD_OK;
}

const char *gdi_yaml_scalar(const gdi_yaml *y) {
  return (const char *)y->event.data.scalar.value;
}

gd_status gdi_yaml_open(gdi_yaml *y, const char *file, const char *text) {
  if (strncmp(text, "\xef\xbb\xbf", 3) == 0) text += 3; /* the byte order mark that some editors write */
  const size_t bytes = strlen(text);
  memset(y, 0, sizeof *y);
  y->file = file, y->text = text;
  if (bytes > GDI_YAML_MAX_BYTES) return GD_FAIL(GD_ERR_USAGE, "%s: larger than 1 MB", file);
  if (!yaml_parser_initialize(&y->parser)) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", file);
  y->open = true;
  yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&y->parser, (const unsigned char *)text, bytes);
  return GD_OK;
}

void gdi_yaml_close(gdi_yaml *y) {
  if (!y->open) return;
  yaml_event_delete(&y->event);
  yaml_parser_delete(&y->parser);
}
