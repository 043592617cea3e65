/* What models share: their records, and making children from text. */
#ifndef GDI_MODELS_H
#define GDI_MODELS_H

#include "gd/models.h"

#define GD_MODEL(record) extern const gd_module_class gdi_model_##record;
#include "models/models.def"
#undef GD_MODEL

/*
 * Make a child of `self` called `name` from a text as models in YAML have, "conv2d: {...}" in brackets or not; *io goes in and
 * comes out.
 */
__attribute__((format(printf, 5, 6))) gd_status gdi_model_add(gd_build *b, gd_module *self, const char *name,
                                                              gd_shape *io, const char *text, ...) GD_CHECKED;

#endif
