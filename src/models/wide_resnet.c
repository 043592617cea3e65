/*
 * Wide residual networks for small images (Zagoruyko and Komodakis 2016): three stages of n blocks with 16, 32 and 64 times
 * `width` channels, 6 n + 4 layers; batch norm and relu stand before the convolutions. Initial values are theirs, but for the
 * last layer's.
 */
#include "models/models.h"

/* ---- a block: x + conv2(relu(bn2(conv1(relu(bn1(x)))))); where the shape changes shortcut(relu(bn1(x))) in place of x */

enum { BN1, RELU1, CONV1 }; /* its first children */

typedef struct wide_block {
  gd_module base;
  int end;      /* behind conv2 */
  bool changes; /* the shape of x is not that of the result */
} wide_block;

static const gd_arg block_args[] = {
    {"planes", GD_ARG_INT, NULL, 1, 1 << 20, NULL, "channels of the result"},
    {"stride", GD_ARG_INT, "1", 1, 1 << 10, NULL, "of the first convolution"},
    {"dropout", GD_ARG_REAL, "0", 0, 0.99, NULL, "between the convolutions"},
    {0},
};

static gd_tensor *forward_block(gd_module *m, gd_tape *t, gd_tensor *x) {
  const wide_block *k = (const wide_block *)m;
  gd_tensor *ready = gd_forward_children(m, t, BN1, CONV1, x);
  gd_tensor *y = gd_forward_children(m, t, CONV1, k->end, ready);
  return gd_add(t, y, k->changes ? gd_forward(m->child[k->end].module, t, ready) : x);
}

static gd_status build_block(gd_module *m, gd_build *b) {
  wide_block *k = (wide_block *)m;
  static const char conv[] = "conv2d:out_channels=%lld,kernel_size=%d,padding=%d,stride=%lld,bias=false";
  const long long planes = gd_arg_i64(b, "planes"), stride = gd_arg_i64(b, "stride");
  const double dropout = gd_arg_f64(b, "dropout");
  gd_shape *io = &b->out[0], around = b->in[0];
  GD_TRY(gdi_model_add(b, m, "bn1", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu1", io, "relu"));
  GD_TRY(gdi_model_add(b, m, "conv1", io, conv, planes, 3, 1, stride));
  GD_TRY(gdi_model_add(b, m, "bn2", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu2", io, "relu"));
  if (dropout > 0) GD_TRY(gdi_model_add(b, m, "dropout", io, "dropout:%g", dropout));
  GD_TRY(gdi_model_add(b, m, "conv2", io, conv, planes, 3, 1, 1ll));
  k->end = m->n_children;
  k->changes = stride != 1 || around.dim[2] != planes;
  return k->changes ? gdi_model_add(b, m, "shortcut", &around, conv, planes, 1, 0, stride) : GD_OK;
}

const gd_module_class gdi_model_wide_block = {.name = "WideBlock",
                                              .word = "wide_block",
                                              .about = "batch norm before two convolutions, and a way around",
                                              .example = "wide_block:32",
                                              .args = block_args,
                                              .bytes = sizeof(wide_block),
                                              .forward = forward_block,
                                              .shape = gdi_block_shape,
                                              .build = build_block};

/* ---- the network */

static const gd_arg args[] = {
    {"depth", GD_ARG_INT, "28", 10, 202, NULL, "layers: 6 n + 4, as 10, 16, 22, 28 or 40"},
    {"width", GD_ARG_INT, "10", 1, 1 << 10, NULL, "times the channels of resnet20 and its kin"},
    {"dropout", GD_ARG_REAL, "0", 0, 0.99, NULL, "between the convolutions of a block"},
    GDI_NUM_CLASSES("10"),
    {0},
};

/* A list of blocks, the first of which may halve the image. */
static gd_status add_stage(gd_module *m, gd_build *b, const char *name, long long planes, int stride) {
  const long long blocks = (gd_arg_i64(b, "depth") - 4) / 6;
  gdi_layers layers = {.n = 0};
  for (int i = 0; i < blocks; i++)
    GD_TRY(gdi_layers_add(&layers, "wide_block:planes=%lld,stride=%d,dropout=%g ", planes, i ? 1 : stride,
                          gd_arg_f64(b, "dropout")));
  return gdi_model_add(b, m, name, &b->out[0], "%s", layers.text);
}

static gd_status build(gd_module *m, gd_build *b) {
  const long long width = gd_arg_i64(b, "width");
  gd_shape *io = &b->out[0];
  GD_TRY(gdi_model_add(b, m, "conv1", io, "conv2d:out_channels=16,kernel_size=3,padding=1,bias=false"));
  GD_TRY(add_stage(m, b, "layer1", 16 * width, 1));
  GD_TRY(add_stage(m, b, "layer2", 32 * width, 2));
  GD_TRY(add_stage(m, b, "layer3", 64 * width, 2));
  GD_TRY(gdi_model_add(b, m, "bn1", io, "batch_norm"));
  GD_TRY(gdi_model_add(b, m, "relu", io, "relu"));
  GD_TRY(gdi_model_add(b, m, "avgpool", io, "global_avg_pool"));
  return gdi_model_add(b, m, "fc", io, "linear:%lld", gdi_num_classes(b, 10));
}

static gd_status shape(gd_build *b) {
  const int64_t depth = gd_arg_i64(b, "depth"), below = depth - (depth - 4) % 6;
  if (below == depth) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "wide_resnet: a depth of %lld is not 6 n + 4: choose %lld or %lld",
                 (long long)depth, (long long)below, (long long)below + 6);
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  gdi_model_reset(m, seed, ordinal, 0);
}

const gd_module_class gdi_model_wide_resnet = {.name = "WideResNet",
                                               .word = "wide_resnet",
                                               .about = "wide residual network for small images",
                                               .example = "wide_resnet: {depth: 16, width: 4}",
                                               .args = args,
                                               .forward = gdi_model_forward,
                                               .reset = reset,
                                               .shape = shape,
                                               .build = build,
                                               .in_order = true,
                                               .whole = true};
