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

/* Such a text in parts: layers that a loop names. GD_ERR_INTERNAL: it is full. */
typedef struct gdi_layers {
  char text[4096];
  size_t n;
} gdi_layers;
__attribute__((format(printf, 2, 3))) gd_status gdi_layers_add(gdi_layers *l, const char *text,
                                                               ...) GD_CHECKED;

/* The argument num_classes, and its value: what is given, else what the data want, else `otherwise`. */
#define GDI_NUM_CLASSES(otherwise)                                                                           \
  {                                                                                                          \
    "num_classes", GD_ARG_INT, "", 1, 1 << 24, NULL,                                                         \
        "outputs; not given: as many as the data have classes, without data " otherwise                      \
  }
long long gdi_num_classes(const gd_build *b, long long otherwise);

/* Shape rule and forward of a model whose children run one after the other. */
gd_status gdi_model_shape(gd_build *b) GD_CHECKED;
gd_status gdi_block_shape(gd_build *b) GD_CHECKED; /* of a block: images, channels last */
gd_tensor *gdi_model_forward(gd_module *m, gd_tape *t, gd_tensor *x);

/*
 * Initial values of torchvision's convnets, for reset(): weights of convolutions from N(0, 2 / fan out) (He et al. 2015). With a
 * linear_std above 0 those of linear layers from N(0, linear_std^2), and all biases 0; else linear layers keep theirs.
 */
void gdi_model_reset(gd_module *m, uint64_t seed, const uint64_t *ordinal, double linear_std);

#endif
