/*
 * U-Net (Ronneberger et al. 2015) as it is built today, with padding and batch norm: on the way down images are halved `depth`
 * times while their channels double; on the way up each size gets back what it was on the way down, channels beside channels.
 * Its output is a number for every class in each pixel. Names of parameters are those of the usual PyTorch one:
 * inc.double_conv.0.weight, down1.maxpool_conv.1.double_conv.0.weight, up1.up.weight, outc.conv.bias.
 */
#include <stdio.h>

#include "models/models.h"

#define DOUBLE_CONV                                                                                          \
  "{sequential: {name: double_conv, body: ["                                                                 \
  "{conv2d: {out_channels: %1$lld, kernel_size: 3, padding: 1, bias: false}}, batch_norm, relu, "            \
  "{conv2d: {out_channels: %1$lld, kernel_size: 3, padding: 1, bias: false}}, batch_norm, relu]}}"

/* ---- a step up: conv(skip beside up(x)) */

enum { UP, CONV }; /* its children, in this order */

static const gd_arg up_args[] = {{"channels", GD_ARG_INT, NULL, 1, 1 << 24, NULL, "of the result"}, {0}};

/* x[0] comes from below, x[1] from the way down. */
static gd_status forward_up(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  gd_tensor *both[] = {x[1], gd_forward(m->child[UP].module, t, x[0])};
  *n = 1;
  x[0] = gd_forward(m->child[CONV].module, t, gd_concat(t, both, 2, 3));
  return gd_tape_status(t);
}

static gd_status build_up(gd_module *m, gd_build *b) {
  const long long channels = gd_arg_i64(b, "channels");
  gd_shape io = b->in[0];
  GD_TRY(
      gdi_model_add(b, m, "up", &io, "conv_transpose2d:out_channels=%lld,kernel_size=2,stride=2", channels));
  io.dim[2] += b->in[1].dim[2];
  GD_TRY(gdi_model_add(b, m, "conv", &io, "[[" DOUBLE_CONV "]]", channels));
  b->n_out = 1, b->out[0] = io;
  return GD_OK;
}

static gd_status shape_up(gd_build *b) {
  const gd_shape *x = &b->in[0], *skip = &b->in[1];
  if (b->n_in == 2 && x->ndim == 3 && skip->ndim == 3 && skip->dim[0] == 2 * x->dim[0] &&
      skip->dim[1] == 2 * x->dim[1])
    return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s takes an image and another one of twice its height and width",
                 b->cls->word);
}

const gd_module_class gdi_model_unet_up = {.name = "Up",
                                           .word = "unet_up",
                                           .about = "a step up in a U-Net, of two inputs",
                                           .example = "unet_up:16",
                                           .args = up_args,
                                           .forward_n = forward_up,
                                           .shape = shape_up,
                                           .build = build_up};

/* ---- the network: inc, down1 ..., up1 ..., outc */

enum { MOST = 8 };

static const gd_arg args[] = {
    GDI_NUM_CLASSES("2"),
    {"width", GD_ARG_INT, "64", 1, 1 << 14, NULL, "channels at full size"},
    {"depth", GD_ARG_INT, "4", 1, MOST, NULL, "how often images are halved"},
    {0},
};

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const int depth = (m->n_children - 2) / 2;
  gd_tensor *down[MOST + 1];
  for (int i = 0; i <= depth; i++) down[i] = x = gd_forward(m->child[i].module, t, x);
  for (int i = 1; i <= depth; i++) {
    gd_tensor *both[GD_MAX_FIELDS] = {x, down[depth - i]};
    int n = 2;
    if (gd_forward_n(m->child[depth + i].module, t, &n, both) != GD_OK) return NULL;
    x = both[0];
  }
  return gd_forward(m->child[2 * depth + 1].module, t, x);
}

static gd_status check_size(const gd_build *b, const gd_shape *image, int depth) {
  const int64_t unit = (int64_t)1 << depth;
  if (image->dim[0] % unit == 0 && image->dim[1] % unit == 0) return GD_OK;
  return GD_FAIL(
      GD_ERR_SHAPE,
      "%s: images of %lld x %lld cannot be halved %d times: make them multiples of %lld, or choose a "
      "smaller depth",
      b->cls->word, (long long)image->dim[1], (long long)image->dim[0], depth, (long long)unit);
}

/* `below` becomes the result; its other input is `skip`. */
static gd_status add_up(gd_module *m, gd_build *b, const char *name, gd_shape *below, gd_shape skip) {
  gd_shape io[GD_MAX_FIELDS] = {*below, skip};
  char text[48];
  gd_tree *tree;
  int n = 2;
  snprintf(text, sizeof text, "unet_up:%lld", (long long)skip.dim[2]);
  GD_TRY(gd_tree_parse(&tree, m->arena, text, b->cls->word));
  GD_TRY(gd_build_child(b, m, name, tree->item[0], &n, io));
  *below = io[0];
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  const long long width = gd_arg_i64(b, "width");
  const int depth = (int)gd_arg_i64(b, "depth");
  gd_shape down[MOST + 1], *io = &b->out[0];
  char name[16];
  GD_TRY(gdi_model_add(b, m, "inc", io, "[[" DOUBLE_CONV "]]", width));
  GD_TRY(check_size(b, io, depth));
  for (int i = 1; i <= depth; i++) {
    down[i - 1] = *io;
    snprintf(name, sizeof name, "down%d", i);
    GD_TRY(gdi_model_add(
        b, m, name, io,
        "[[{sequential: {name: maxpool_conv, body: [{max_pool2d: 2}, {sequential: [" DOUBLE_CONV "]}]}}]]",
        width << i));
  }
  for (int i = 1; i <= depth; i++) {
    snprintf(name, sizeof name, "up%d", i);
    GD_TRY(add_up(m, b, name, io, down[depth - i]));
  }
  return gdi_model_add(b, m, "outc", io, "[[{conv2d: {name: conv, out_channels: %lld, kernel_size: 1}}]]",
                       gdi_num_classes(b, 2));
}

const gd_module_class gdi_model_unet = {.name = "UNet",
                                        .word = "unet",
                                        .about = "U-Net: a number for every class in each pixel",
                                        .example = "unet:num_classes=4,width=16,depth=3",
                                        .args = args,
                                        .forward = forward,
                                        .shape = gdi_model_shape,
                                        .build = build,
                                        .whole = true};
