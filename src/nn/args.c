/* Arguments of modules: from trees to values, by the schema of the record. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "nn/build.h"

/* ---- reading ---- */

typedef struct reading {
  const gd_build *b;
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
    return GD_FAIL(GD_ERR_USAGE, "%s needs %s (%s), as in %s", r->b->cls->word, r->arg->name, r->arg->help,
                   r->b->cls->example ? r->b->cls->example : r->b->cls->word);
  if (!*r->arg->def) return GD_OK;
  const gd_tree t = {.kind = GD_TREE_SCALAR, .text = r->arg->def};
  gd_status st = read_value(r, &t, v);
  v->given = false;
  v->tree = NULL;
  return st;
}

static int count(const gd_arg *a) {
  int n = 0;
  while (a && a[n].name) n++;
  return n;
}

static gd_status check_keys(const gd_build *b, const gd_tree *given, const char *const also[]) {
  const char *names[64] = {0};
  int n = 0, ignored;
  for (; b->cls->args && b->cls->args[n].name && n < 48; n++) names[n] = b->cls->args[n].name;
  for (int i = 0; also[i]; i++) names[n++] = also[i];
  char what[64];
  snprintf(what, sizeof what, "argument of %s", b->cls->word);
  for (int i = 0; i < given->n; i++) GD_TRY(gdi_word_index(&ignored, what, given->key[i], names));
  return GD_OK;
}

gd_status gdi_args_read(gd_build *b, const gd_tree *given, const char *const also[]) {
  const gd_arg *args = b->cls->args;
  const int n = count(args);
  const bool map = given && given->kind == GD_TREE_MAP;
  gdi_arg_value *value = gd_arena_zalloc(b->all->arena, ((size_t)n + 1) * sizeof *value);
  if (!value) return GD_ERR_OOM;
  b->value = value;
  if (map) GD_TRY(check_keys(b, given, also));
  if (given && !map && n == 0) return GD_FAIL(GD_ERR_USAGE, "%s takes no argument", b->cls->word);
  for (int i = 0; i < n; i++) {
    reading r = {.b = b, .arg = &args[i]};
    snprintf(r.key, sizeof r.key, i ? "%s.%s" : "%s", b->cls->word, args[i].name);
    const gd_tree *t = map ? gd_tree_get(given, args[i].name) : i == 0 ? given : NULL;
    GD_TRY(t ? read_value(&r, t, &value[i]) : read_default(&r, &value[i]));
  }
  return GD_OK;
}

/* ---- asking ---- */

/* A name that the record does not have is a mistake in the module's code: its zero would be a riddle. */
static const gdi_arg_value *value_of(const gd_build *b, const char *name) {
  static const gdi_arg_value none;
  for (int i = 0; b->cls->args && b->cls->args[i].name; i++)
    if (strcmp(b->cls->args[i].name, name) == 0) return &b->value[i];
  b->all->unknown = name;
  return &none;
}

int64_t gd_arg_i64(const gd_build *b, const char *name) {
  return value_of(b, name)->i;
}

double gd_arg_f64(const gd_build *b, const char *name) {
  return value_of(b, name)->f;
}

bool gd_arg_bool(const gd_build *b, const char *name) {
  return value_of(b, name)->i != 0;
}

const char *gd_arg_word(const gd_build *b, const char *name) {
  return value_of(b, name)->word;
}

int gd_arg_ints(const gd_build *b, const char *name, int max, int64_t out[]) {
  const gdi_arg_value *v = value_of(b, name);
  for (int i = 0; i < max; i++) out[i] = v->n == 1 ? v->ints[0] : i < v->n ? v->ints[i] : 0;
  return v->n;
}

const gd_tree *gd_arg_tree(const gd_build *b, const char *name) {
  return value_of(b, name)->tree;
}
