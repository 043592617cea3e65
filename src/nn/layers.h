/* What the layers know of each other. */
#ifndef GDI_NN_LAYERS_H
#define GDI_NN_LAYERS_H

#include "gd/nn.h"

typedef struct gdi_linear {
  gd_module base;
  gd_tensor *weight, *bias; /* [O,I], [O] or NULL */
  bool flattens;            /* takes [B,...] and makes [B,I] of it first */
} gdi_linear;

extern const gd_module_class gdi_linear_class;

/* y = act(x W^T + b) */
gd_tensor *gdi_linear_forward(gdi_linear *l, gd_tape *t, gd_tensor *x, gd_activation act);
/* The activation that a linear can carry in m's place, or GD_ACT_NONE. */
gd_activation gdi_activation_fusable(const gd_module *m);
/* [B,...] -> [B,I] */
gd_tensor *gdi_flatten(gd_tape *t, gd_tensor *x);

/* The names of gd_activation_new(), NULL-terminated. */
extern const char *const gdi_activation_names[];

#endif
