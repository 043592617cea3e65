/* Arguments: from trees to values, by the schema of a record. */
#include "base/arguments.h"

#include <math.h>
#include <string.h>

#include "base/words.h"

typedef struct reading {
  const char *word, *example;
  const gd_arg *arg;
  char key[80]; /* for messages: "linear" for its main argument, else "linear.bias" */
} reading;

static gd_status number(const reading *r, const gd_tree *t, int64_t *i, double *f) {
  const gd_setting s = {.key = r->key, .value = t->text};
  const gd_arg *a = r->arg;
  gd_status st = a->type == GD_ARG_REAL ? gd_setting_f64(&s, a->lo, a->hi, f)
                                        : gd_setting_i64(&s, (int64_t)a->lo, (int64_t)a->hi, i);
  if (st == GD_OK) return st;
  char why[512]; /* "--linear: 'x' is not ...", as of an option */
  snprintf(why, sizeof why, "%s", gd_error_last()->message + 2);
  return a->words ? GD_FAIL(st, "%s, nor one of: %s", why, a->words) : GD_FAIL(st, "%s", why);
}

static gd_status read_word(const reading *r, const gd_tree *t, gdi_arg_value *v) {
  if (!gdi_is_listed(t->text, r->arg->words))
    return GD_FAIL(GD_ERR_USAGE, "%s: '%.64s' is not one of: %s", r->key, t->text, r->arg->words);
  v->word = t->text;
  return GD_OK;
}

static gd_status read_ints(const reading *r, const gd_tree *t, gdi_arg_value *v) {
  if (t->kind == GD_TREE_SCALAR) {
    v->n = 1;
    return number(r, t, &v->ints[0], NULL);
  }
  if (t->kind != GD_TREE_LIST || t->n < 1 || t->n > GD_MAX_DIMS)
    return GD_FAIL(GD_ERR_USAGE, "%s: expected a whole number or a list of 1 to %d", r->key, GD_MAX_DIMS);
  for (v->n = 0; v->n < t->n; v->n++) {
    if (t->item[v->n]->kind != GD_TREE_SCALAR)
      return GD_FAIL(GD_ERR_USAGE, "%s: expected whole numbers", r->key);
    GD_TRY(number(r, t->item[v->n], &v->ints[v->n], NULL));
  }
  return GD_OK;
}

static gd_status read_value(const reading *r, const gd_tree *t, gdi_arg_value *v) {
  const gd_arg_type type = r->arg->type;
  v->given = true;
  v->tree = t;
  if (type == GD_ARG_TREE) return GD_OK;
  if (t->kind == GD_TREE_SCALAR && type != GD_ARG_WORD && gdi_is_listed(t->text, r->arg->words))
    return read_word(r, t, v);
  if (type == GD_ARG_INTS) return read_ints(r, t, v);
  if (t->kind != GD_TREE_SCALAR)
    return GD_FAIL(GD_ERR_USAGE, "%s: expected one value, not a %s", r->key,
                   t->kind == GD_TREE_LIST ? "list" : "map");
  if (type == GD_ARG_WORD) return read_word(r, t, v);
  if (type != GD_ARG_BOOL) return number(r, t, &v->i, &v->f);
  bool on = false;
  gd_status st = gd_setting_bool(&(gd_setting){.key = r->key, .value = t->text}, &on);
  v->i = on;
  return st == GD_OK ? st : GD_FAIL(st, "%s: '%.64s' is not true or false", r->key, t->text);
}

static gd_status read_default(const reading *r, gdi_arg_value *v) {
  if (!r->arg->def)
    return GD_FAIL(GD_ERR_USAGE, "%s needs %s (%s), as in %s", r->word, r->arg->name, r->arg->help,
                   r->example ? r->example : r->word);
  if (!*r->arg->def) return GD_OK;
  const gd_tree t = {.kind = GD_TREE_SCALAR, .text = r->arg->def};
  gd_status st = read_value(r, &t, v);
  v->given = false;
  v->tree = NULL;
  return st;
}

int gdi_arguments_count(const gd_arg *a) {
  int n = 0;
  while (a && a[n].name) n++;
  return n;
}

static gd_status check_keys(const char *word, const gd_arg *args, const gd_tree *given,
                            const char *const also[]) {
  const char *names[64] = {0};
  int n = 0, ignored;
  for (; args && args[n].name && n < 48; n++) names[n] = args[n].name;
  for (int i = 0; also && also[i]; i++) names[n++] = also[i];
  char what[64];
  snprintf(what, sizeof what, "argument of %s", word);
  for (int i = 0; i < given->n; i++) GD_TRY(gdi_word_index(&ignored, what, given->key[i], names));
  return GD_OK;
}

gd_status gdi_arguments_read(gdi_arg_value value[], const gd_arg *args, const char *word, const char *example,
                             const gd_tree *given, const char *const also[]) {
  const int n = gdi_arguments_count(args);
  const bool map = given && given->kind == GD_TREE_MAP;
  if (map) GD_TRY(check_keys(word, args, given, also));
  if (given && !map && n == 0) return GD_FAIL(GD_ERR_USAGE, "%s takes no argument", word);
  for (int i = 0; i < n; i++) {
    reading r = {.word = word, .example = example, .arg = &args[i]};
    snprintf(r.key, sizeof r.key, i ? "%s.%s" : "%s", word, args[i].name);
    const gd_tree *t = map ? gd_tree_get(given, args[i].name) : i == 0 ? given : NULL;
    GD_TRY(t ? read_value(&r, t, &value[i]) : read_default(&r, &value[i]));
  }
  return GD_OK;
}

/* ---- what they say of themselves ---- */

static const char *type_text(const gd_arg *a, char *buf, size_t bytes) {
  switch (a->type) {
  case GD_ARG_INT: snprintf(buf, bytes, "whole number, %.0f to %.0f", a->lo, a->hi); break;
  case GD_ARG_INTS: snprintf(buf, bytes, "whole numbers, %.0f to %.0f", a->lo, a->hi); break;
  case GD_ARG_REAL: snprintf(buf, bytes, "number, %g to %g", a->lo, a->hi); break;
  case GD_ARG_BOOL: return "true or false";
  case GD_ARG_WORD: snprintf(buf, bytes, "one of: %s", a->words); return buf;
  case GD_ARG_TREE: return "layers";
  }
  if (a->words) {
    const size_t at = strlen(buf);
    snprintf(buf + at, bytes - at, ", or: %s", a->words);
  }
  return buf;
}

void gdi_arguments_manual(FILE *f, const gd_arg *args, const char *example) {
  char type[120];
  for (const gd_arg *a = args; a && a->name; a++) {
    fprintf(f, "\n  %s%s\n      %s; ", a->name, a == args ? "  (the main argument)" : "", a->help);
    fputs(type_text(a, type, sizeof type), f);
    if (!a->def)
      fputs("; must be given", f);
    else if (*a->def)
      fprintf(f, "; default %s", a->def);
    fputc('\n', f);
  }
  if (!args || !args->name) fputs("\n  no arguments\n", f);
  if (example) fprintf(f, "\nExample: %s\n", example);
}
