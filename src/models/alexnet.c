/*
 * AlexNet as torchvision has it: "One weird trick" (Krizhevsky 2014), without local response norm. For images of 63 pixels or
 * more; initial values are the layers' own.
 */
#include "models/models.h"

static const gd_arg args[] = {
    GDI_NUM_CLASSES("1000"),
    {"dropout", GD_ARG_REAL, "0.5", 0, 0.99, NULL, "before both hidden layers of the classifier"},
    {"hidden", GD_ARG_INT, "4096", 1, 1 << 20, NULL, "features of each of them"},
    {0},
};

static gd_status build(gd_module *m, gd_build *b) {
  const long long hidden = gd_arg_i64(b, "hidden");
  const double p = gd_arg_f64(b, "dropout");
  gd_shape *io = &b->out[0];
  GD_TRY(gdi_model_add(b, m, "features", io,
                       "conv2d:out_channels=64,kernel_size=11,stride=4,padding=2 relu "
                       "max_pool2d:kernel_size=3,stride=2 "
                       "conv2d:out_channels=192,kernel_size=5,padding=2 relu "
                       "max_pool2d:kernel_size=3,stride=2 "
                       "conv2d:out_channels=384,kernel_size=3,padding=1 relu "
                       "conv2d:out_channels=256,kernel_size=3,padding=1 relu "
                       "conv2d:out_channels=256,kernel_size=3,padding=1 relu "
                       "max_pool2d:kernel_size=3,stride=2"));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "adaptive_avg_pool2d:6"));
  return gdi_model_add(b, m, "classifier", io,
                       "dropout:%g linear:%lld relu dropout:%g linear:%lld relu linear:%lld", p, hidden, p,
                       hidden, gdi_num_classes(b, 1000));
}

const gd_module_class gdi_model_alexnet = {.name = "AlexNet",
                                           .word = "alexnet",
                                           .about = "five convolutions and three linear layers",
                                           .example = "alexnet",
                                           .args = args,
                                           .forward = gdi_model_forward,
                                           .shape = gdi_model_shape,
                                           .build = build,
                                           .in_order = true,
                                           .whole = true};
