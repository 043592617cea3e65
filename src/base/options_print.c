/* Options as text: printed, compared, explained. */
#include <math.h>
#include <string.h>

#include "base/options.h"
#include "base/words.h"

/* The value as text: the option's own, or in buf. */
static const char *value_text(const gd_options *o, const gdi_option *p, char *buf, size_t bytes) {
  const void *field = (const char *)o + p->offset;
  switch (p->kind) {
  case GDI_TREE: return (*(const gd_tree *const *)field)->text;
  case GDI_ENTRY:
  case GDI_TEXT:
  case GDI_PATH:
  case GDI_WORD: return *(const char *const *)field;
  case GDI_FLAG: snprintf(buf, bytes, "%s", *(const bool *)field ? "true" : "false"); break;
  case GDI_LENGTH:
  case GDI_PLACE: gd_length_print(*(const gd_length *)field, p->kind == GDI_PLACE, buf, bytes); break;
  case GDI_REAL:
    if (isnan(*(const double *)field))
      snprintf(buf, bytes, "%.*s", gdi_option_automatic(p), p->limits);
    else
      gdi_print_real(buf, bytes, *(const double *)field);
    break;
  case GDI_COUNT:
    if (*(const int64_t *)field == 0) {
      snprintf(buf, bytes, "%.*s", gdi_option_automatic(p), p->limits);
      break;
    } /* fall through */
  case GDI_INT: snprintf(buf, bytes, "%lld", (long long)*(const int64_t *)field); break;
  }
  return buf;
}

gd_status gd_options_adopt(gd_options *o, const gd_options *from, const char *key) {
  char buf[80];
  const gdi_option *p = gdi_option_find(key);
  if (!p) return GD_FAIL(GD_ERR_INTERNAL, "no setting %s", key);
  if (strcmp(value_text(o, p, buf, sizeof buf), p->def) != 0) return GD_OK;
  return gdi_option_set(o, p, &(gd_setting){.key = key, .value = value_text(from, p, buf, sizeof buf)});
}

static bool is_found_out(const gdi_option *p) {
  static const char keys[] =
      "loss data.shuffle micro_batch schedule.t0 schedule.total schedule.run optimizer.lr "
      "optimizer.momentum optimizer.weight_decay";
  return gdi_is_listed(p->key, keys);
}

void gdi_options_found_out(const gd_options *o, char keys[GDI_FOUND_OUT]) {
  char buf[80];
  int n = 0;
  keys[0] = 0;
  for (int i = 0; i < GDI_OPTIONS; i++)
    if (is_found_out(&gdi_option_table[i]) &&
        strcmp(value_text(o, &gdi_option_table[i], buf, sizeof buf), gdi_option_table[i].def) == 0)
      n += snprintf(keys + n, GDI_FOUND_OUT - (size_t)n, "%s%s", n ? " " : "", gdi_option_table[i].key);
}

void gd_options_print(const gd_options *o, FILE *f) {
  gdi_options_print_given(o, NULL, f);
}

void gdi_options_print_given(const gd_options *o, const char *keys, FILE *f) {
  char open_map[64] = "", buf[80];
  for (int i = 0; i < GDI_OPTIONS; i++) {
    const gdi_option *p = &gdi_option_table[i];
    const char *dot = strchr(p->key, '.');
    int map = dot ? (int)(dot - p->key) : 0;
    if (map && (strncmp(open_map, p->key, (size_t)map) != 0 || open_map[map]))
      fprintf(f, "%.*s:\n", map, p->key);
    snprintf(open_map, sizeof open_map, "%.*s", map, p->key);
    const char *value = value_text(o, p, buf, sizeof buf);
    fprintf(f, "%s%s: ", map ? "  " : "", dot ? dot + 1 : p->key);
    if (gdi_is_listed(p->key, keys))
      fprintf(f, strcmp(value, p->def) ? "%s # %s" : "%s", p->def, value);
    else if (p->kind == GDI_TEXT || p->kind == GDI_ENTRY || p->kind == GDI_PATH ||
             (p->kind == GDI_TREE && *value != '[')) /* a tree in YAML is not quoted */
      gdi_print_quoted(f, value);
    else
      fputs(value, f);
    fputc('\n', f);
  }
}

static int differ(const gd_options *a, const gd_options *b, bool bits, char *buf, size_t bytes) {
  int n = 0;
  size_t used = 0;
  if (bytes) *buf = 0;
  for (int i = 0; i < GDI_OPTIONS; i++) {
    char buf_a[80], buf_b[80];
    const char *va = value_text(a, &gdi_option_table[i], buf_a, sizeof buf_a);
    const char *vb = value_text(b, &gdi_option_table[i], buf_b, sizeof buf_b);
    if ((bits && !gdi_option_table[i].bits) || strcmp(va, vb) == 0) continue;
    n++;
    int more = snprintf(buf + used, bytes - used, "%s%s: %s -> %s", n > 1 ? ", " : "",
                        gdi_option_table[i].key, va, vb);
    if (more > 0) used = used + (size_t)more < bytes ? used + (size_t)more : bytes - 1;
  }
  return n;
}

int gd_options_differ(const gd_options *a, const gd_options *b, char *buf, size_t bytes) {
  return differ(a, b, true, buf, bytes);
}

int gd_options_differ_any(const gd_options *a, const gd_options *b, char *buf, size_t bytes) {
  return differ(a, b, false, buf, bytes);
}

/* One word after another within 80 columns, new lines indented; returns the column reached. */
static int put_words(FILE *f, const char *text, int column, int indent) {
  enum { WIDTH = 80 };
  for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
    const int n = (int)strcspn(text, " ");
    if (column + 1 + n > WIDTH) column = fprintf(f, "\n%*s", indent - 1, "") - 1;
    column += fprintf(f, " %.*s", n, text);
    text += n;
  }
  return column;
}

void gd_options_manual(FILE *f) {
  enum { INDENT = 38 };
  fputs("Keys of run.yaml and options of the same names (- and _ are equal), what they\n"
        "hold unless given, and what they mean:\n\n",
        f);
  for (int i = 0; i < GDI_OPTIONS; i++) {
    const gdi_option *p = &gdi_option_table[i];
    char words[256] = "";
    if (p->kind == GDI_WORD) snprintf(words, sizeof words, "(%s)", p->limits);
    int column = fprintf(f, "  --%-22s %-10s", p->key, p->def[0] ? p->def : "-");
    column = put_words(f, p->help, column, INDENT);
    put_words(f, words, column, INDENT);
    fputc('\n', f);
  }
  fputs("\nShort forms:\n", f);
  for (int i = 0; gdi_option_short_form[i][0]; i++)
    fprintf(f, "  --%-22s --%s\n", gdi_option_short_form[i][0], gdi_option_short_form[i][1]);
}
