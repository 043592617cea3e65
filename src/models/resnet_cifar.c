/*
 * Residual networks for small images (He et al. 2016, section 4.2): three stages of n blocks with 16, 32 and 64 channels, 6 n
 * + 2 layers. Names of parameters are torchvision's: conv1.weight, layer2.0.bn1.running_mean, fc.bias.
 */
#include <stdlib.h>
#include <string.h>

#include "models/models.h"

static const gd_arg args[] = {
    GDI_NUM_CLASSES("10"),
    {"shortcut", GD_ARG_WORD, "pad", 0, 0, "pad conv",
     "pad: without parameters, the paper's option A; conv: its option B"},
    {0},
};

/* A list of blocks, the first of which may halve the image. */
static gd_status add_stage(gd_module *m, gd_build *b, const char *name, int blocks, int planes, int stride) {
  const char *way = gd_arg_word(b, "shortcut");
  gdi_layers layers = {.n = 0};
  for (int i = 0; i < blocks; i++)
    GD_TRY(
        gdi_layers_add(&layers, "basic_block:planes=%d,stride=%d,shortcut=%s ", planes, i ? 1 : stride, way));
  return gdi_model_add(b, m, name, &b->out[0], "%s", layers.text);
}

/* The word says how many layers: "resnet20". */
static gd_status build(gd_module *m, gd_build *b) {
  const int n = (atoi(b->cls->word + strlen("resnet")) - 2) / 6;
  gd_shape *io = &b->out[0];
  GD_TRY(gdi_model_add(b, m, "conv1", io, "conv2d:out_channels=16,kernel_size=3,padding=1,bias=false"));
  GD_TRY(gdi_model_add(b, m, "bn1", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu", io, "relu"));
  GD_TRY(add_stage(m, b, "layer1", n, 16, 1));
  GD_TRY(add_stage(m, b, "layer2", n, 32, 2));
  GD_TRY(add_stage(m, b, "layer3", n, 64, 2));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "global_avg_pool"));
  return gdi_model_add(b, m, "fc", io, "linear:%lld", gdi_num_classes(b, 10));
}

#define RESNET(layers)                                                                                       \
  const gd_module_class gdi_model_resnet##layers = {.name = "ResNet" #layers,                                \
                                                    .word = "resnet" #layers,                                \
                                                    .about = "residual network of " #layers                  \
                                                             " layers for small images",                     \
                                                    .example = "resnet" #layers,                             \
                                                    .args = args,                                            \
                                                    .forward = gdi_model_forward,                            \
                                                    .shape = gdi_model_shape,                                \
                                                    .build = build,                                          \
                                                    .in_order = true,                                        \
                                                    .whole = true};
RESNET(20)
RESNET(32)
RESNET(56)
