/*
 * Residual networks for large images (He et al. 2016, table 1), names and initial values as torchvision's: four stages of blocks
 * with 64 to 512 planes behind a convolution and a pooling that make a quarter of the image's height and width.
 */
#include <stdlib.h>
#include <string.h>

#include "models/models.h"

enum { STAGES = 4 };

static const gd_arg args[] = {
    GDI_NUM_CLASSES("1000"),
    {0},
};

/* A list of blocks, the first of which may halve the image. */
static gd_status add_stage(gd_module *m, gd_build *b, int stage, int blocks, const char *block) {
  gdi_layers layers = {.n = 0};
  const char name[] = {'l', 'a', 'y', 'e', 'r', (char)('1' + stage), 0};
  for (int i = 0; i < blocks; i++)
    GD_TRY(gdi_layers_add(&layers, "%s:planes=%d,stride=%d,shortcut=conv ", block, 64 << stage,
                          i == 0 && stage ? 2 : 1));
  return gdi_model_add(b, m, name, &b->out[0], "%s", layers.text);
}

/* The word says how many layers: "resnet50". */
static gd_status build(gd_module *m, gd_build *b) {
  static const struct {
    int layers, blocks[STAGES];
    const char *block;
  } kinds[] = {
      {18, {2, 2, 2, 2}, "basic_block"}, {34, {3, 4, 6, 3}, "basic_block"}, {50, {3, 4, 6, 3}, "bottleneck"}};
  const int layers = atoi(b->cls->word + strlen("resnet"));
  gd_shape *io = &b->out[0];
  int k = 0;
  while (kinds[k].layers != layers) k++;
  GD_TRY(
      gdi_model_add(b, m, "conv1", io, "conv2d:out_channels=64,kernel_size=7,stride=2,padding=3,bias=false"));
  GD_TRY(gdi_model_add(b, m, "bn1", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu", io, "relu"));
  GD_TRY(gdi_model_add(b, m, "maxpool", io, "max_pool2d:kernel_size=3,stride=2,padding=1"));
  for (int i = 0; i < STAGES; i++) GD_TRY(add_stage(m, b, i, kinds[k].blocks[i], kinds[k].block));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "global_avg_pool"));
  return gdi_model_add(b, m, "fc", io, "linear:%lld", gdi_num_classes(b, 1000));
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  gdi_model_reset(m, seed, ordinal, 0);
}

#define RESNET(layers)                                                                                       \
  const gd_module_class gdi_model_resnet##layers = {.name = "ResNet" #layers,                                \
                                                    .word = "resnet" #layers,                                \
                                                    .about = "residual network of " #layers " layers",       \
                                                    .example = "resnet" #layers,                             \
                                                    .args = args,                                            \
                                                    .forward = gdi_model_forward,                            \
                                                    .reset = reset,                                          \
                                                    .shape = gdi_model_shape,                                \
                                                    .build = build,                                          \
                                                    .in_order = true,                                        \
                                                    .whole = true};
RESNET(18)
RESNET(34)
RESNET(50)
