/* What the records of the layers say, for gdtrain --help-layers [NAME]. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"

static void list_all(FILE *f) {
  fputs("Layers of a model, in one line (--model \"linear:512 relu dropout:0.2 linear:10\")\n"
        "or in YAML:\n\n"
        "  model:\n"
        "    - linear: 64\n"
        "    - residual: {body: [{linear: 64}, relu, {linear: 64}], after: relu}\n"
        "    - linear: {out_features: 10, name: head}\n\n",
        f);
  const gd_module_class *c;
  for (int i = 0; (c = gd_module_class_at(i)); i++)
    fprintf(f, "  %-14s %s\n", c->word, c->about ? c->about : c->name);
  fputs("\nEvery layer takes `name: WORD` (in the state dict; otherwise its position) and\n"
        "`share: NAME.weight` (the parameter of a layer before it).\n"
        "gdtrain --help-layers NAME: its arguments\n",
        f);
}

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

static void describe(FILE *f, const gd_module_class *c) {
  char type[120];
  fprintf(f, "%s: %s\n", c->word, c->about ? c->about : c->name);
  for (const gd_arg *a = c->args; a && a->name; a++) {
    fprintf(f, "\n  %s%s\n      %s; ", a->name, a == c->args ? "  (the main argument)" : "", a->help);
    fputs(type_text(a, type, sizeof type), f);
    if (!a->def)
      fputs("; must be given", f);
    else if (*a->def)
      fprintf(f, "; default %s", a->def);
    fputc('\n', f);
  }
  if (!c->args || !c->args->name) fputs("\n  no arguments\n", f);
  if (c->example) fprintf(f, "\nExample: %s\n", c->example);
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
