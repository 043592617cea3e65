#include "models/models.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gd/init.h"

gd_status gd_models_register(void) {
  static const gd_module_class *const all[] = {
#define GD_MODEL(record) &gdi_model_##record,
#include "models/models.def"
#undef GD_MODEL
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) GD_TRY(gd_module_register(all[i]));
  return GD_OK;
}

/* ---- children from text */

static gd_status append(gdi_layers *l, const char *text, va_list args) {
  const int length = vsnprintf(l->text + l->n, sizeof l->text - l->n, text, args);
  if (length < 0 || (size_t)length >= sizeof l->text - l->n)
    return GD_FAIL(GD_ERR_INTERNAL, "the text of these layers is too long: %.40s", l->text);
  l->n += (size_t)length;
  return GD_OK;
}

gd_status gdi_layers_add(gdi_layers *l, const char *text, ...) {
  va_list args;
  va_start(args, text);
  const gd_status st = append(l, text, args);
  va_end(args);
  return st;
}

gd_status gdi_model_add(gd_build *b, gd_module *self, const char *name, gd_shape *io, const char *text, ...) {
  gdi_layers layers = {.n = 0};
  gd_tree *tree;
  gd_shape all[GD_MAX_FIELDS] = {*io};
  int n = 1;
  va_list args;
  va_start(args, text);
  const gd_status st = append(&layers, text, args);
  va_end(args);
  GD_TRY(st);
  GD_TRY(gd_tree_parse(&tree, self->arena, layers.text, "")); /* no file: errors name the model's place */
  GD_TRY(gd_build_child(b, self, name, tree->n == 1 ? tree->item[0] : tree, &n, all));
  *io = all[0];
  return GD_OK;
}

/* ---- the rest of a record */

long long gdi_num_classes(const gd_build *b, long long otherwise) {
  const int64_t given = gd_arg_i64(b, "num_classes");
  return given ? given : b->outputs ? b->outputs : otherwise;
}

gd_status gdi_model_shape(gd_build *b) {
  (void)b; /* the layers check */
  return GD_OK;
}

gd_status gdi_block_shape(gd_build *b) {
  char text[160];
  if (b->in[0].ndim == 3) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s takes images [height, width, channels], not %s", b->cls->word,
                 gd_shape_text(&b->in[0], text, sizeof text));
}

gd_tensor *gdi_model_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_forward_children(m, t, 0, m->n_children, x);
}

/* Parameters of the tree of m; `stream` is the first one's, and becomes that behind the last. */
static void reset(gd_module *m, uint64_t seed, uint64_t *stream, double linear_std) {
  for (int i = 0; i < m->n_params; i++) {
    gd_tensor *t = m->param[i].tensor;
    const gd_rng r = gd_rng_stream(seed, GD_RNG_INIT, (*stream)++);
    if (t->ndim == 4) gd_init_he_normal_fan_out(t, r, 0);
    if (t->ndim == 2 && linear_std > 0) gd_init_normal(t, r, 0, linear_std);
    if (linear_std > 0 && strcmp(m->param[i].name, "bias") == 0) gd_init_normal(t, r, 0, 0);
  }
  for (int i = 0; i < m->n_children; i++) reset(m->child[i].module, seed, stream, linear_std);
}

void gdi_model_reset(gd_module *m, uint64_t seed, const uint64_t *ordinal, double linear_std) {
  uint64_t first = *ordinal - (uint64_t)gd_module_params(m, NULL, 0);
  reset(m, seed, &first, linear_std);
}
