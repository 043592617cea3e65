/*
 * LeNet-5 (LeCun et al. 1998), as it is built today: relu, max pooling, logits at the end. The simplest example of a model in
 * C: children by name, from text, run one after the other.
 */
#include "models/models.h"

static const gd_arg args[] = {
    GDI_NUM_CLASSES("10"),
    {0},
};

static gd_status build(gd_module *m, gd_build *b) {
  static const char *const layers[][2] = {{"conv1", "conv2d:out_channels=6,kernel_size=5,padding=2"},
                                          {"relu1", "relu"},
                                          {"pool1", "max_pool2d:2"},
                                          {"conv2", "conv2d:out_channels=16,kernel_size=5"},
                                          {"relu2", "relu"},
                                          {"pool2", "max_pool2d:2"},
                                          {"fc1", "linear:120"},
                                          {"relu3", "relu"},
                                          {"fc2", "linear:84"},
                                          {"relu4", "relu"}};
  gd_shape *io = &b->out[0];
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    GD_TRY(gdi_model_add(b, m, layers[i][0], io, "%s", layers[i][1]));
  return gdi_model_add(b, m, "fc3", io, "linear:%lld", gdi_num_classes(b, 10));
}

const gd_module_class gdi_model_lenet5 = {.name = "LeNet5",
                                          .word = "lenet5",
                                          .about = "two convolutions and three linear layers",
                                          .example = "lenet5",
                                          .args = args,
                                          .forward = gdi_model_forward,
                                          .shape = gdi_model_shape,
                                          .build = build,
                                          .in_order = true,
                                          .whole = true};
