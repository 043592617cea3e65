/*
 * LeNet-5 (LeCun et al. 1998), as it is built today: relu, max pooling, logits at the end. The simplest example of a model in
 * C: children by name, from text, run one after the other.
 */
#include "models/models.h"

static const gd_arg args[] = {
    {"num_classes", GD_ARG_INT, "10", 1, 1 << 24, NULL, "outputs"},
    {0},
};

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_forward_children(m, t, 0, m->n_children, x);
}

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
  return gdi_model_add(b, m, "fc3", io, "linear:%lld", (long long)gd_arg_i64(b, "num_classes"));
}

static gd_status shape(gd_build *b) {
  (void)b; /* the layers check */
  return GD_OK;
}

const gd_module_class gdi_model_lenet5 = {.name = "LeNet5",
                                          .word = "lenet5",
                                          .about = "two convolutions and three linear layers",
                                          .example = "lenet5",
                                          .args = args,
                                          .forward = forward,
                                          .shape = shape,
                                          .build = build,
                                          .in_order = true,
                                          .whole = true};
