#include "models/models.h"

#include <stdarg.h>
#include <stdio.h>

gd_status gd_models_register(void) {
  static const gd_module_class *const all[] = {
#define GD_MODEL(record) &gdi_model_##record,
#include "models/models.def"
#undef GD_MODEL
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) GD_TRY(gd_module_register(all[i]));
  return GD_OK;
}

gd_status gdi_model_add(gd_build *b, gd_module *self, const char *name, gd_shape *io, const char *text, ...) {
  char buf[512];
  gd_tree *tree;
  gd_shape all[GD_MAX_FIELDS] = {*io};
  int n = 1;
  va_list args;
  va_start(args, text);
  const int length = vsnprintf(buf, sizeof buf, text, args);
  va_end(args);
  if (length < 0 || (size_t)length >= sizeof buf)
    return GD_FAIL(GD_ERR_INTERNAL, "%s: the text of %s is too long", b->cls->word, name);
  GD_TRY(gd_tree_parse(&tree, self->arena, buf, b->cls->word));
  GD_TRY(gd_build_child(b, self, name, tree->n == 1 ? tree->item[0] : tree, &n, all));
  *io = all[0];
  return GD_OK;
}
