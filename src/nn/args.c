/* Arguments of modules: the values that building reads from a tree. */
#include <string.h>

#include "nn/build.h"

gd_status gdi_args_read(gd_build *b, const gd_tree *given, const char *const also[]) {
  const size_t n = (size_t)gdi_arguments_count(b->cls->args);
  gdi_arg_value *value = gd_arena_zalloc(b->all->arena, (n + 1) * sizeof *value);
  if (!value) return GD_ERR_OOM;
  b->value = value;
  return gdi_arguments_read(value, b->cls->args, b->cls->word, b->cls->example, given, also);
}

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
