/*
 * VGG (Simonyan and Zisserman 2015), names and initial values as torchvision's: five stages of 3 x 3 convolutions, each of which
 * halves the image, and three linear layers. For small images, {vgg16_bn: {hidden: 512, avgpool: 1}}.
 */
#include <stdlib.h>
#include <string.h>

#include "models/models.h"

enum { STAGES = 5 };

static const gd_arg args[] = {
    GDI_NUM_CLASSES("1000"),
    {"dropout", GD_ARG_REAL, "0.5", 0, 0.99, NULL, "after both hidden layers of the classifier"},
    {"hidden", GD_ARG_INT, "4096", 1, 1 << 20, NULL, "features of each of them"},
    {"avgpool", GD_ARG_INT, "7", 1, 1 << 10, NULL, "pixels, high and wide, that the classifier sees"},
    {0},
};

static gd_status build_features(gd_module *m, gd_build *b, const int convolutions[STAGES], bool norm) {
  static const int channels[STAGES] = {64, 128, 256, 512, 512};
  gdi_layers layers = {.n = 0};
  for (int i = 0; i < STAGES; i++) {
    for (int k = 0; k < convolutions[i]; k++)
      GD_TRY(gdi_layers_add(&layers, "conv2d:out_channels=%d,kernel_size=3,padding=1 %srelu ", channels[i],
                            norm ? "batch_norm " : ""));
    GD_TRY(gdi_layers_add(&layers, "max_pool2d:2 "));
  }
  return gdi_model_add(b, m, "features", &b->out[0], "%s", layers.text);
}

/* The word says which: "vgg16_bn" has 13 convolutions, with batch norm, and 3 linear layers. */
static gd_status build(gd_module *m, gd_build *b) {
  static const struct {
    int layers, convolutions[STAGES];
  } kinds[] = {{11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};
  const int layers = atoi(b->cls->word + strlen("vgg"));
  const long long hidden = gd_arg_i64(b, "hidden");
  const double p = gd_arg_f64(b, "dropout");
  gd_shape *io = &b->out[0];
  int k = 0;
  while (kinds[k].layers != layers) k++;
  GD_TRY(build_features(m, b, kinds[k].convolutions, strstr(b->cls->word, "_bn") != NULL));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "adaptive_avg_pool2d:%lld", (long long)gd_arg_i64(b, "avgpool")));
  return gdi_model_add(b, m, "classifier", io,
                       "linear:%lld relu dropout:%g linear:%lld relu dropout:%g linear:%lld", hidden, p,
                       hidden, p, gdi_num_classes(b, 1000));
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  gdi_model_reset(m, seed, ordinal, 0.01);
}

#define VGG(id, shown, what)                                                                                 \
  const gd_module_class gdi_model_##id = {.name = shown,                                                     \
                                          .word = #id,                                                       \
                                          .about = what,                                                     \
                                          .example = #id,                                                    \
                                          .args = args,                                                      \
                                          .forward = gdi_model_forward,                                      \
                                          .reset = reset,                                                    \
                                          .shape = gdi_model_shape,                                          \
                                          .build = build,                                                    \
                                          .in_order = true,                                                  \
                                          .whole = true};
VGG(vgg11, "VGG11", "8 convolutions and 3 linear layers")
VGG(vgg13, "VGG13", "10 convolutions and 3 linear layers")
VGG(vgg16, "VGG16", "13 convolutions and 3 linear layers")
VGG(vgg19, "VGG19", "16 convolutions and 3 linear layers")
VGG(vgg11_bn, "VGG11", "vgg11 with batch norm")
VGG(vgg13_bn, "VGG13", "vgg13 with batch norm")
VGG(vgg16_bn, "VGG16", "vgg16 with batch norm")
VGG(vgg19_bn, "VGG19", "vgg19 with batch norm")
