/*
 * Residual networks for small images (He et al. 2016, section 4.2): three stages of n blocks with 16, 32 and 64 channels, 6 n
 * + 2 layers. Names of parameters are torchvision's: conv1.weight, layer2.0.bn1.running_mean, fc.bias.
 */
#include <stdio.h>
#include <string.h>

#include "models/models.h"

/* ---- a block: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)) */

enum { CONV1, BN1, RELU, CONV2, BN2, DOWNSAMPLE }; /* its children, in this order */

typedef struct block {
  gd_module base;
  int64_t stride, front, back; /* of a shortcut without parameters: channels of zeros */
  bool changes;                /* the shape of x is not that of the result */
} block;

static const gd_arg block_args[] = {
    {"planes", GD_ARG_INT, NULL, 1, 1 << 20, NULL, "channels of the result"},
    {"stride", GD_ARG_INT, "1", 1, 1 << 10, NULL, "of the first convolution"},
    {"shortcut", GD_ARG_WORD, "pad", 0, 0, "pad conv",
     "where shapes differ: pixels left out and channels of zeros, or a 1 x 1 convolution with batch norm"},
    {0},
};

static gd_tensor *shortcut(gd_module *m, gd_tape *t, gd_tensor *x) {
  const block *k = (const block *)m;
  const int64_t stride[] = {k->stride, k->stride};
  if (!k->changes) return x;
  if (m->n_children > DOWNSAMPLE) return gd_forward(m->child[DOWNSAMPLE].module, t, x);
  return gd_subsample2d(t, x, stride, k->front, k->back);
}

static gd_tensor *forward_block(gd_module *m, gd_tape *t, gd_tensor *x) {
  gd_tensor *y = gd_forward_children(m, t, CONV1, BN2, x);
  return gd_forward_added(m->child[BN2].module, t, y, shortcut(m, t, x), GD_ACT_RELU);
}

static gd_status build_block(gd_module *m, gd_build *b) {
  block *k = (block *)m;
  const int64_t planes = gd_arg_i64(b, "planes");
  const gd_shape in = b->in[0];
  gd_shape *io = &b->out[0], around = in;
  static const char conv[] = "conv2d:out_channels=%lld,kernel_size=3,padding=1,stride=%lld,bias=false";
  k->stride = gd_arg_i64(b, "stride");
  GD_TRY(gdi_model_add(b, m, "conv1", io, conv, (long long)planes, (long long)k->stride));
  GD_TRY(gdi_model_add(b, m, "bn1", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu", io, "relu"));
  GD_TRY(gdi_model_add(b, m, "conv2", io, conv, (long long)planes, 1ll));
  GD_TRY(gdi_model_add(b, m, "bn2", io, "batch_norm"));
  const int64_t added = planes - in.dim[2];
  k->changes = k->stride != 1 || added != 0;
  k->front = added / 2, k->back = added - added / 2;
  if (!k->changes) return GD_OK;
  if (strcmp(gd_arg_word(b, "shortcut"), "conv") == 0)
    return gdi_model_add(b, m, "downsample", &around,
                         "conv2d:out_channels=%lld,kernel_size=1,stride=%lld,bias=false batch_norm",
                         (long long)planes, (long long)k->stride);
  return added >= 0 ? GD_OK
                    : GD_FAIL(GD_ERR_SHAPE,
                              "basic_block: from %lld channels to %lld there is no shortcut without "
                              "parameters: choose shortcut=conv",
                              (long long)in.dim[2], (long long)planes);
}

static gd_status shape_block(gd_build *b) {
  char text[160];
  if (b->in[0].ndim == 3) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s takes images [height, width, channels], not %s", b->cls->word,
                 gd_shape_text(&b->in[0], text, sizeof text));
}

const gd_module_class gdi_model_basic_block = {.name = "BasicBlock",
                                               .word = "basic_block",
                                               .about =
                                                   "two convolutions with batch norm, and a way around them",
                                               .example = "basic_block:16",
                                               .args = block_args,
                                               .bytes = sizeof(block),
                                               .forward = forward_block,
                                               .shape = shape_block,
                                               .build = build_block};

/* ---- the network */

static const gd_arg args[] = {
    {"num_classes", GD_ARG_INT, "10", 1, 1 << 24, NULL, "outputs"},
    {"shortcut", GD_ARG_WORD, "pad", 0, 0, "pad conv",
     "pad: without parameters, the paper's option A; conv: its option B"},
    {0},
};

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_forward_children(m, t, 0, m->n_children, x);
}

/* A list of blocks, the first of which may halve the image. */
static gd_status add_stage(gd_module *m, gd_build *b, const char *name, int blocks, int planes, int stride) {
  const char *way = gd_arg_word(b, "shortcut");
  char text[512];
  size_t at = 0;
  for (int i = 0; i < blocks; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "basic_block:planes=%d,stride=%d,shortcut=%s ",
                           planes, i ? 1 : stride, way);
  return gdi_model_add(b, m, name, &b->out[0], "%s", text);
}

/* `layers` is 6 n + 2. */
static gd_status build_network(gd_module *m, gd_build *b, int layers) {
  const int n = (layers - 2) / 6;
  gd_shape *io = &b->out[0];
  GD_TRY(gdi_model_add(b, m, "conv1", io, "conv2d:out_channels=16,kernel_size=3,padding=1,bias=false"));
  GD_TRY(gdi_model_add(b, m, "bn1", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu", io, "relu"));
  GD_TRY(add_stage(m, b, "layer1", n, 16, 1));
  GD_TRY(add_stage(m, b, "layer2", n, 32, 2));
  GD_TRY(add_stage(m, b, "layer3", n, 64, 2));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "global_avg_pool"));
  return gdi_model_add(b, m, "fc", io, "linear:%lld", (long long)gd_arg_i64(b, "num_classes"));
}

static gd_status shape(gd_build *b) {
  (void)b; /* the layers check */
  return GD_OK;
}

#define RESNET(layers)                                                                                       \
  static gd_status build_##layers(gd_module *m, gd_build *b) {                                               \
    return build_network(m, b, layers);                                                                      \
  }                                                                                                          \
  const gd_module_class gdi_model_resnet##layers = {.name = "ResNet" #layers,                                \
                                                    .word = "resnet" #layers,                                \
                                                    .about = "residual network of " #layers                  \
                                                             " layers for small images",                     \
                                                    .example = "resnet" #layers,                             \
                                                    .args = args,                                            \
                                                    .forward = forward,                                      \
                                                    .shape = shape,                                          \
                                                    .build = build_##layers,                                 \
                                                    .in_order = true,                                        \
                                                    .whole = true};
RESNET(20)
RESNET(32)
RESNET(56)
