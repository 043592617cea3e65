/* The records of the built-in modules, and what layers lend each other. */
#ifndef GDI_NN_LAYERS_H
#define GDI_NN_LAYERS_H

#include "gd/module.h"

#define GD_MODULE(word) extern const gd_module_class gdi_##word##_class;
#include "nn/modules.def"
#undef GD_MODULE

/* [B,...] -> [B,I]; features of images in PyTorch's order, channels first */
gd_tensor *gdi_flatten(gd_tape *t, gd_tensor *x, bool image);

#endif
