/*
 * MobileNetV2 (Sandler et al. 2018), names and initial values as torchvision's: blocks that widen the channels, convolve each by
 * itself, and narrow them again.
 */
#include "models/models.h"

/* A convolution, batch norm and relu6; of `groups` parts. */
#define CONV_BN_RELU6                                                                                        \
  "{sequential: [{conv2d: {out_channels: %lld, kernel_size: %d, stride: %lld, padding: %d, groups: %lld, "   \
  "bias: false}}, batch_norm, relu6]}"

/* ---- a block: narrow(depthwise(widen(x))), + x where the shape stays */

typedef struct inverted_residual {
  gd_module base;
  bool adds;
} inverted_residual;

static const gd_arg block_args[] = {
    {"out_channels", GD_ARG_INT, NULL, 1, 1 << 20, NULL, "channels of the result"},
    {"stride", GD_ARG_INT, "1", 1, 2, NULL, "of the depthwise convolution"},
    {"expand_ratio", GD_ARG_INT, "6", 1, 1 << 10, NULL, "times the channels inside"},
    {0},
};

static gd_tensor *forward_block(gd_module *m, gd_tape *t, gd_tensor *x) {
  gd_module *conv = m->child[0].module;
  return ((const inverted_residual *)m)->adds ? gd_forward_added(conv, t, x, x, GD_ACT_NONE)
                                              : gd_forward(conv, t, x);
}

static gd_status build_block(gd_module *m, gd_build *b) {
  const long long before = b->in[0].dim[2], inside = before * gd_arg_i64(b, "expand_ratio"),
                  channels = gd_arg_i64(b, "out_channels"), stride = gd_arg_i64(b, "stride");
  gdi_layers layers = {.n = 0};
  ((inverted_residual *)m)->adds = stride == 1 && before == channels;
  GD_TRY(gdi_layers_add(&layers, "["));
  if (inside != before) GD_TRY(gdi_layers_add(&layers, CONV_BN_RELU6 ", ", inside, 1, 1ll, 0, 1ll));
  GD_TRY(gdi_layers_add(&layers, CONV_BN_RELU6 ", ", inside, 3, stride, 1, inside));
  GD_TRY(gdi_layers_add(&layers, "{conv2d: {out_channels: %lld, kernel_size: 1, bias: false}}, batch_norm]",
                        channels));
  return gdi_model_add(b, m, "conv", &b->out[0], "%s", layers.text);
}

const gd_module_class gdi_model_inverted_residual = {.name = "InvertedResidual",
                                                     .word = "inverted_residual",
                                                     .about =
                                                         "wide depthwise convolution between narrow ones",
                                                     .example = "inverted_residual:16",
                                                     .args = block_args,
                                                     .bytes = sizeof(inverted_residual),
                                                     .forward = forward_block,
                                                     .shape = gdi_block_shape,
                                                     .build = build_block};

/* ---- the network */

static const gd_arg args[] = {
    GDI_NUM_CLASSES("1000"),
    {"width_mult", GD_ARG_REAL, "1", 0.05, 20, NULL, "times the channels, rounded to multiples of 8"},
    {"dropout", GD_ARG_REAL, "0.2", 0, 0.99, NULL, "before the classifier"},
    {0},
};

/* The multiple of 8 that is nearest, yet not less than 0.9 of it. */
static long long channels(double wanted) {
  const long long nearest = (long long)(wanted + 4) / 8 * 8, least = nearest < 8 ? 8 : nearest;
  return (double)least < 0.9 * wanted ? least + 8 : least;
}

static gd_status build(gd_module *m, gd_build *b) {
  static const struct {
    int expand, channels, blocks, stride;
  } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  const double width = gd_arg_f64(b, "width_mult");
  gdi_layers layers = {.n = 0};
  gd_shape *io = &b->out[0];
  GD_TRY(gdi_layers_add(&layers, "[" CONV_BN_RELU6, channels(32 * width), 3, 2ll, 1, 1ll));
  for (size_t s = 0; s < sizeof stages / sizeof *stages; s++)
    for (int i = 0; i < stages[s].blocks; i++)
      GD_TRY(
          gdi_layers_add(&layers, ", {inverted_residual: {out_channels: %lld, stride: %d, expand_ratio: %d}}",
                         channels(stages[s].channels * width), i ? 1 : stages[s].stride, stages[s].expand));
  GD_TRY(gdi_layers_add(&layers, ", " CONV_BN_RELU6 "]", channels(1280 * (width > 1 ? width : 1)), 1, 1ll, 0,
                        1ll));
  GD_TRY(gdi_model_add(b, m, "features", io, "%s", layers.text));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "global_avg_pool"));
  return gdi_model_add(b, m, "classifier", io, "dropout:%g linear:%lld", gd_arg_f64(b, "dropout"),
                       gdi_num_classes(b, 1000));
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  gdi_model_reset(m, seed, ordinal, 0.01);
}

const gd_module_class gdi_model_mobilenet_v2 = {.name = "MobileNetV2",
                                                .word = "mobilenet_v2",
                                                .about = "depthwise convolutions, few parameters",
                                                .example = "mobilenet_v2",
                                                .args = args,
                                                .forward = gdi_model_forward,
                                                .reset = reset,
                                                .shape = gdi_model_shape,
                                                .build = build,
                                                .in_order = true,
                                                .whole = true};
