/* Dropout as a module: draws in training, does nothing otherwise. */
#include <stdio.h>

#include "nn/layers.h"

typedef struct dropout {
  gd_module base;
  double p;
} dropout;

static const gd_arg args[] = {
    {"p", GD_ARG_REAL, NULL, 0, 1, NULL, "probability that an element is set to 0"},
    {0},
};

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return m->training ? gd_dropout_numbered(t, x, ((dropout *)m)->p, m->number) : x;
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "p=%g", ((const dropout *)m)->p);
}

static gd_status set_p(gd_module *m, double p) {
  if (!(p >= 0 && p < 1)) return GD_FAIL(GD_ERR_USAGE, "dropout: p = %g is not in [0, 1)", p);
  ((dropout *)m)->p = p;
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  return set_p(m, gd_arg_f64(b, "p"));
}

const gd_module_class gdi_dropout_class = {.name = "Dropout",
                                           .word = "dropout",
                                           .about = "in training, elements are 0 or divided by 1 - p",
                                           .example = "dropout:0.2",
                                           .args = args,
                                           .bytes = sizeof(dropout),
                                           .forward = forward,
                                           .describe = describe,
                                           .draws = true,
                                           .build = build};

gd_status gd_dropout_new(gd_module **out, gd_device *d, gd_dtype dtype, double p) {
  *out = NULL;
  gd_module *m;
  GD_TRY(gd_module_new(&m, &gdi_dropout_class, sizeof(dropout), d, dtype));
  gd_status st = set_p(m, p);
  if (st == GD_OK)
    *out = m;
  else
    gd_module_free(m);
  return st;
}
