/*
 * The blocks of residual networks (He et al. 2016), names of parameters as torchvision's:
 *
 *   basic_block   relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))       two 3 x 3 convolutions
 *   bottleneck    a 1 x 1, a 3 x 3 and a 1 x 1 convolution, of which the last has 4 times the channels
 *
 * The shortcut is x itself where the shape stays.
 */
#include <string.h>

#include "models/models.h"

typedef struct block {
  gd_module base;
  int last; /* child: the batch norm that adds the shortcut; behind it may stand `downsample` */
  int64_t stride, front, back; /* of a shortcut without parameters: channels of zeros */
  bool changes;                /* the shape of x is not that of the result */
} block;

static const gd_arg args[] = {
    {"planes", GD_ARG_INT, NULL, 1, 1 << 20, NULL, "channels of the result; of a bottleneck 4 times as many"},
    {"stride", GD_ARG_INT, "1", 1, 1 << 10, NULL, "of the first 3 x 3 convolution"},
    {"shortcut", GD_ARG_WORD, "pad", 0, 0, "pad conv",
     "where shapes differ: pixels left out and channels of zeros, or a 1 x 1 convolution with batch norm"},
    {0},
};

static gd_tensor *shortcut(gd_module *m, gd_tape *t, gd_tensor *x) {
  const block *k = (const block *)m;
  const int64_t stride[] = {k->stride, k->stride};
  if (!k->changes) return x;
  if (m->n_children > k->last + 1) return gd_forward(m->child[k->last + 1].module, t, x);
  return gd_subsample2d(t, x, stride, k->front, k->back);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const int last = ((const block *)m)->last;
  gd_tensor *y = gd_forward_children(m, t, 0, last, x);
  return gd_forward_added(m->child[last].module, t, y, shortcut(m, t, x), GD_ACT_RELU);
}

/* A convolution that keeps the size, but for its stride, and its batch norm. */
static gd_status add_conv(gd_module *m, gd_build *b, const char *conv, const char *norm, int64_t channels,
                          int kernel, int64_t stride) {
  GD_TRY(gdi_model_add(b, m, conv, &b->out[0],
                       "conv2d:out_channels=%lld,kernel_size=%d,padding=%d,stride=%lld,bias=false",
                       (long long)channels, kernel, kernel / 2, (long long)stride));
  return gdi_model_add(b, m, norm, &b->out[0], "batch_norm");
}

/* All is there but the way around. */
static gd_status add_shortcut(gd_module *m, gd_build *b, int64_t channels) {
  block *k = (block *)m;
  const int64_t before = b->in[0].dim[2], added = channels - before;
  gd_shape around = b->in[0];
  k->last = m->n_children - 1;
  k->stride = gd_arg_i64(b, "stride");
  k->changes = k->stride != 1 || added != 0;
  k->front = added / 2, k->back = added - added / 2;
  if (!k->changes) return GD_OK;
  if (strcmp(gd_arg_word(b, "shortcut"), "conv") == 0)
    return gdi_model_add(b, m, "downsample", &around,
                         "conv2d:out_channels=%lld,kernel_size=1,stride=%lld,bias=false batch_norm",
                         (long long)channels, (long long)k->stride);
  return added >= 0 ? GD_OK
                    : GD_FAIL(GD_ERR_SHAPE,
                              "%s: from %lld channels to %lld there is no shortcut without parameters: "
                              "choose shortcut=conv",
                              b->cls->word, (long long)before, (long long)channels);
}

static gd_status build_basic(gd_module *m, gd_build *b) {
  const int64_t planes = gd_arg_i64(b, "planes");
  GD_TRY(add_conv(m, b, "conv1", "bn1", planes, 3, gd_arg_i64(b, "stride")));
  GD_TRY(gdi_model_add(b, m, "relu", &b->out[0], "relu"));
  GD_TRY(add_conv(m, b, "conv2", "bn2", planes, 3, 1));
  return add_shortcut(m, b, planes);
}

static gd_status build_bottleneck(gd_module *m, gd_build *b) {
  const int64_t planes = gd_arg_i64(b, "planes");
  GD_TRY(add_conv(m, b, "conv1", "bn1", planes, 1, 1));
  GD_TRY(gdi_model_add(b, m, "relu1", &b->out[0], "relu"));
  GD_TRY(add_conv(m, b, "conv2", "bn2", planes, 3, gd_arg_i64(b, "stride")));
  GD_TRY(gdi_model_add(b, m, "relu2", &b->out[0], "relu"));
  GD_TRY(add_conv(m, b, "conv3", "bn3", 4 * planes, 1, 1));
  return add_shortcut(m, b, 4 * planes);
}

#define BLOCK(id, shown, what, builder)                                                                      \
  const gd_module_class gdi_model_##id = {.name = shown,                                                     \
                                          .word = #id,                                                       \
                                          .about = what,                                                     \
                                          .example = #id ":16",                                              \
                                          .args = args,                                                      \
                                          .bytes = sizeof(block),                                            \
                                          .forward = forward,                                                \
                                          .shape = gdi_block_shape,                                          \
                                          .build = builder};
BLOCK(basic_block, "BasicBlock", "two convolutions with batch norm, and a way around them", build_basic)
BLOCK(bottleneck, "Bottleneck", "three convolutions with batch norm, and a way around them", build_bottleneck)
