/* What the records of the layers say, for gdtrain --help-layers [NAME]. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"

static void list_kinds(FILE *f, bool whole) {
  const gd_module_class *c;
  for (int i = 0; (c = gd_module_class_at(i)); i++)
    if (c->whole == whole) fprintf(f, "  %-19s %s\n", c->word, c->about ? c->about : c->name);
}

static void list_all(FILE *f) {
  fputs("Layers of a model, in one line (--model \"linear:512 relu dropout:0.2 linear:10\")\n"
        "or in YAML:\n\n"
        "  model:\n"
        "    - linear: 64\n"
        "    - residual: {body: [{linear: 64}, relu, {linear: 64}], after: relu}\n"
        "    - linear: {out_features: 10, name: head}\n\n",
        f);
  list_kinds(f, false);
  fputs("\nKnown models (--model resnet20):\n\n", f);
  list_kinds(f, true);
  fputs("\nEvery layer takes `name: WORD` (in the state dict; otherwise its position) and\n"
        "`share: NAME.weight` (the parameter of a layer before it).\n"
        "gdtrain --help-layers NAME: its arguments\n",
        f);
}

static void describe(FILE *f, const gd_module_class *c) {
  fprintf(f, "%s: %s\n", c->word, c->about ? c->about : c->name);
  gdi_arguments_manual(f, c->args, c->example);
}

gd_status gd_layers_manual(FILE *f, const char *name) {
  const gd_module_class *c = name ? gd_module_class_find(name) : NULL;
  if (name && !c && strncmp(name, "--", 2) != 0) return gdi_module_class_unknown(name);
  if (c)
    describe(f, c);
  else
    list_all(f);
  return GD_OK;
}
