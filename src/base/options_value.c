/* One option: from the text of a setting to its field, within its limits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/tree.h"
#include "base/words.h"

static gd_status set_text(gd_options *o, const gdi_option *p, const char *value) {
  char *copy = gd_arena_alloc(o->arena, strlen(value) + 1);
  *(const char **)((char *)o + p->offset) = copy;
  if (!copy) return GD_ERR_OOM;
  strcpy(copy, value);
  return GD_OK;
}

/* ~/runs as a shell reads it: in a file, and after --out=, none has. */
static gd_status set_path(gd_options *o, const gdi_option *p, const gd_setting *s) {
  char path[4096], where[160];
  const char *home = getenv("HOME"), *rest = s->value + 1;
  if (*s->value != '~') return set_text(o, p, s->value);
  if ((*rest && *rest != '/') || !home || !*home)
    return GD_FAIL(GD_ERR_USAGE, "%s%s%s: \"%s\": %s: write the path in full",
                   gd_setting_where(s, where, sizeof where), s->file ? ": " : "", s->file ? s->key : "",
                   s->value,
                   *rest && *rest != '/' ? "only ~/ is known here, one's own folder" : "HOME is not set");
  if ((size_t)snprintf(path, sizeof path, "%s%s", home, rest) >= sizeof path)
    return GD_FAIL(GD_ERR_USAGE, "%s: the path is too long", p->key);
  return set_text(o, p, path);
}

static gd_status read_tree(gd_options *o, const gdi_option *p, const gd_setting *s, gd_tree **tree) {
  char name[300];
  snprintf(name, sizeof name, "%s", p->key);
  if (s->file) snprintf(name, sizeof name, "%.200s:%d: %s", s->file, s->line, p->key);
  return s->tree ? gdi_tree_copy(tree, o->arena, s->tree) : gd_tree_parse(tree, o->arena, s->value, name);
}

static gd_status set_tree(gd_options *o, const gdi_option *p, const gd_setting *s) {
  gd_tree *tree;
  GD_TRY(read_tree(o, p, s, &tree));
  *(const gd_tree **)((char *)o + p->offset) = tree;
  return GD_OK;
}

/* ---- a word with arguments */

/* The setting that an argument stands for, as delta of huber: huber_delta; NULL: it is the word's own. */
static const gdi_option *setting_of(const gdi_option *p, const char *word, const char *arg) {
  char name[80];
  snprintf(name, sizeof name, "%.30s_%.40s", word, arg);
  if (gdi_is_listed(name, p->limits)) return gdi_option_find(name);
  return gdi_is_listed(arg, p->limits) ? gdi_option_find(arg) : NULL;
}

/* A number, a word, or a list of them with blanks between. */
static gd_status set_from_tree(gd_options *o, const gdi_option *p, const gd_setting *s,
                               const gd_tree *value) {
  size_t bytes = 1;
  const bool list = value->kind == GD_TREE_LIST;
  const int n = list ? value->n : 1;
  for (int i = 0; i < n; i++) {
    const gd_tree *item = list ? value->item[i] : value;
    if (item->kind != GD_TREE_SCALAR)
      return GD_FAIL(GD_ERR_USAGE, "%s: %s takes a value, or a list of some", s->key, p->key);
    bytes += strlen(item->text) + 1;
  }
  char *text = gd_arena_zalloc(o->arena, bytes);
  if (!text) return GD_ERR_OOM;
  for (int i = 0; i < n; i++)
    sprintf(text + strlen(text), "%s%s", i ? " " : "", (list ? value->item[i] : value)->text);
  return gdi_option_set(o, p, &(gd_setting){.key = p->key, .value = text, .file = s->file, .line = s->line});
}

/* The arguments that are settings are set; *left: those that are the word's own. */
static gd_status take_settings(gd_options *o, const gdi_option *p, const gd_setting *s, const char *word,
                               const gd_tree *args, gd_tree **left) {
  int n = 0;
  for (int i = 0; i < args->n; i++) n += !setting_of(p, word, args->key[i]);
  *left = gdi_tree_node(o->arena, GD_TREE_MAP, n, args->file, args->line, args->column);
  if (!*left) return GD_ERR_OOM;
  n = 0;
  for (int i = 0; i < args->n; i++) {
    const gdi_option *setting = setting_of(p, word, args->key[i]);
    GD_TRY(setting ? set_from_tree(o, setting, s, args->item[i])
                   : gdi_tree_put(*left, o->arena, n++, args->key[i], strlen(args->key[i]), args->item[i]));
  }
  return GD_OK;
}

static gd_status set_entry(gd_options *o, const gdi_option *p, const gd_setting *s) {
  gd_tree *tree, *left;
  char where[160];
  GD_TRY(read_tree(o, p, s, &tree));
  const gd_tree *entry = tree->kind == GD_TREE_LIST && tree->n == 1 ? tree->item[0] : NULL;
  if (!entry || entry->kind == GD_TREE_LIST || (entry->kind == GD_TREE_MAP && entry->n != 1))
    return GD_FAIL(
        GD_ERR_USAGE, "%s%s%s: \"%.80s\" is not one word, nor one with arguments, as in focal:gamma=2",
        gd_setting_where(s, where, sizeof where), s->file ? ": " : "", s->file ? s->key : "", tree->text);
  if (entry->kind == GD_TREE_SCALAR || entry->item[0]->kind != GD_TREE_MAP) return set_text(o, p, tree->text);
  GD_TRY(take_settings(o, p, s, entry->key[0], entry->item[0], &left));
  if (left->n == 0) return set_text(o, p, entry->key[0]);
  ((gd_tree **)entry->item)[0] = left;
  GD_TRY(gdi_tree_set_text(tree, o->arena));
  return set_text(o, p, tree->text);
}

/* The words of `limits` that are not numbers, for messages and matching. */
static int split_words(const char *limits, char *buf, size_t bytes, const char *words[], int max) {
  int n = 0;
  snprintf(buf, bytes, "%s", limits);
  for (char *save, *w = strtok_r(buf, " ", &save); w && n < max; w = strtok_r(NULL, " ", &save))
    words[n++] = w;
  words[n] = NULL;
  return n;
}

static gd_status set_word(gd_options *o, const gdi_option *p, const gd_setting *s) {
  char buf[256], where[160];
  const char *words[16];
  int n = split_words(p->limits, buf, sizeof buf, words, 15);
  for (int i = 0; i < n; i++)
    if (strcmp(words[i], s->value) == 0) return set_text(o, p, s->value);
  /* They are all listed; among the shortest the nearest is chance: gpu, cpu. */
  const char *near = strlen(s->value) > 3 ? gd_nearest(s->value, words) : NULL;
  return GD_FAIL(GD_ERR_USAGE, "%s%s%s: \"%s\" is not one of: %s%s%s%s",
                 gd_setting_where(s, where, sizeof where), s->file ? ": " : "", s->file ? s->key : "",
                 s->value, p->limits, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int gdi_option_automatic(const gdi_option *p) {
  bool number = strchr("+-.0123456789", p->limits[0]) != NULL;
  return (p->kind == GDI_COUNT || p->kind == GDI_REAL) && !number ? (int)strcspn(p->limits, " ") : 0;
}

static gd_status set_number(gd_options *o, const gdi_option *p, const gd_setting *s) {
  void *field = (char *)o + p->offset;
  const int word = gdi_option_automatic(p);
  if (word && (int)strlen(s->value) == word && strncmp(s->value, p->limits, (size_t)word) == 0) {
    if (p->kind == GDI_REAL)
      *(double *)field = NAN;
    else
      *(int64_t *)field = 0;
    return GD_OK;
  }
  char *rest;
  double lo = strtod(p->limits + word, &rest), hi = strtod(rest, NULL);
  gd_status st = p->kind == GDI_REAL ? gd_setting_f64(s, lo, hi, field)
                                     : gd_setting_i64(s, (int64_t)lo, (int64_t)hi, field);
  if (st == GD_OK || word == 0) return st;
  char why[512];
  snprintf(why, sizeof why, "%s", gd_error_last()->message);
  return GD_FAIL(st, "%s, or %.*s", why, word, p->limits);
}

static gd_status set_length(gd_options *o, const gdi_option *p, const gd_setting *s) {
  gd_length *field = (gd_length *)(void *)((char *)o + p->offset), l;
  char *rest, why[512], where[160];
  const double lo = strtod(p->limits, &rest), hi = strtod(rest, NULL);
  gd_status st = gd_length_parse(s->value, p->kind == GDI_PLACE, &l, NULL);
  if (st == GD_OK && !(lo <= l.n && l.n <= hi))
    st = GD_FAIL(GD_ERR_USAGE, "\"%s\" is not from %g to %g", s->value, lo, hi);
  if (st == GD_OK) *field = l;
  if (st == GD_OK) return GD_OK;
  snprintf(why, sizeof why, "%s", gd_error_last()->message);
  return GD_FAIL(st, "%s%s%s: %s", gd_setting_where(s, where, sizeof where), s->file ? ": " : "",
                 s->file ? s->key : "", why);
}

gd_status gdi_option_set(gd_options *o, const gdi_option *p, const gd_setting *s) {
  switch (p->kind) {
  case GDI_TREE: return set_tree(o, p, s);
  case GDI_ENTRY: return set_entry(o, p, s);
  case GDI_LENGTH:
  case GDI_PLACE: return set_length(o, p, s);
  case GDI_TEXT: return set_text(o, p, s->value);
  case GDI_PATH: return set_path(o, p, s);
  case GDI_WORD: return set_word(o, p, s);
  case GDI_FLAG: return gd_setting_bool(s, (bool *)((char *)o + p->offset));
  default: return set_number(o, p, s);
  }
}
