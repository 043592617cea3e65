/* Dropout as a module: draws in training, does nothing otherwise. */
#include <stdio.h>

#include "gd/nn.h"

typedef struct dropout {
  gd_module base;
  double p;
} dropout;

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return m->training ? gd_dropout(t, x, ((dropout *)m)->p) : x;
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "p=%g", ((const dropout *)m)->p);
}

static const gd_module_class dropout_class = {"Dropout", forward, NULL, describe};

gd_status gd_dropout_new(gd_module **out, gd_device *d, gd_dtype dtype, double p) {
  *out = NULL;
  if (!(p >= 0 && p < 1)) return GD_FAIL(GD_ERR_USAGE, "dropout: p = %g is not in [0, 1)", p);
  GD_TRY(gd_module_new(out, &dropout_class, sizeof(dropout), d, dtype));
  ((dropout *)*out)->p = p;
  return GD_OK;
}
