/* Convolutions: of signals, of images, and transposed. A signal is an image one pixel high. */
#include <math.h>
#include <stdio.h>

#include "gd/init.h"
#include "nn/image.h"
#include "nn/layers.h"
#include "ops/window.h"

typedef struct conv {
  gd_module base;
  gd_tensor *weight, *bias; /* [O, C/groups, kH, kW], transposed [C, O/groups, kH, kW]; [O] or NULL */
  gd_window window;
  int64_t groups, output_padding[2];
  int dims;
  bool transposed;
} conv;

#define ARGS(kernel_help)                                                                                    \
  {"out_channels", GD_ARG_INT, NULL, 1, 1 << 24, NULL, "channels of the result"},                            \
      {"kernel_size", GD_ARG_INTS, NULL, 1, 1 << 16, NULL, kernel_help}, {                                   \
    "stride", GD_ARG_INTS, "1", 1, 1 << 16, NULL, "pixels from one window to the next"                       \
  }
#define MORE_ARGS                                                                                            \
  {"dilation", GD_ARG_INTS, "1", 1, 1 << 16, NULL, "pixels between the taps of the kernel"},                 \
      {"groups", GD_ARG_INT, "1", 1, 1 << 24, NULL, "parts of the channels that do not mix"},                \
      {"bias", GD_ARG_BOOL, "true", 0, 0, NULL, "add a bias"}, {                                             \
    0                                                                                                        \
  }

static const gd_arg args_1d[] = {
    ARGS("length of the kernel"),
    {"padding", GD_ARG_INTS, "0", 0, 1 << 16, "same valid", "zeros around; same: so that the size stays"},
    MORE_ARGS};
static const gd_arg args_2d[] = {
    ARGS("[height, width] of the kernel, or one number"),
    {"padding", GD_ARG_INTS, "0", 0, 1 << 16, "same valid", "zeros around; same: so that the size stays"},
    MORE_ARGS};
static const gd_arg args_transposed[] = {
    ARGS("[height, width] of the kernel, or one number"),
    {"padding", GD_ARG_INTS, "0", 0, 1 << 16, NULL, "pixels cut off around the result"},
    {"output_padding", GD_ARG_INTS, "0", 0, 1 << 16, NULL, "pixels added at the end of the result"},
    MORE_ARGS};

static bool is_transposed(const gd_build *b) {
  return b->cls == &gdi_conv_transpose2d_class;
}
static int dims_of(const gd_build *b) {
  return b->cls == &gdi_conv1d_class ? 1 : 2;
}

/* ---- forward */

static gd_tensor *apply(conv *c, gd_tape *t, gd_tensor *x, gd_activation act) {
  gd_tensor *W = c->weight;
  x = gdi_as_image(t, x, &c->base.in, c->dims);
  if (c->dims == 1) W = gd_reshape(t, W, GD_SHAPE(W->shape[0], W->shape[1], 1, W->shape[2]));
  if (c->transposed) return gd_conv_transpose2d(t, x, W, c->bias, &c->window, c->output_padding, c->groups);
  return gdi_from_image(t, gd_conv2d(t, x, W, c->bias, &c->window, c->groups, act), c->dims);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return apply((conv *)m, t, x, GD_ACT_NONE);
}

static int absorbs(const gd_module *m, const gd_child *next, int n) {
  return !((const conv *)m)->transposed && n > 0 && next[0].module->cls->activation == GD_ACT_RELU;
}

static gd_tensor *forward_fused(gd_module *m, gd_tape *t, gd_tensor *x, const gd_child *next, int n) {
  (void)n;
  return apply((conv *)m, t, x, next[0].module->cls->activation);
}

/* PyTorch's: uniform within 1 / sqrt(fan in), which it takes from the weight's second dimension, transposed or not. */
static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  conv *c = (conv *)m;
  const double fan_in = (double)gd_numel(c->weight) / (double)c->weight->shape[0], bound = 1 / sqrt(fan_in);
  gd_init_uniform(c->weight, gd_rng_stream(seed, GD_RNG_INIT, (*ordinal)++), -bound, bound);
  if (c->bias) gd_init_uniform(c->bias, gd_rng_stream(seed, GD_RNG_INIT, (*ordinal)++), -bound, bound);
}

static void describe(const gd_module *m, char *buf, size_t bytes) {
  const conv *c = (const conv *)m;
  char kernel[48], stride[48];
  const bool strided = c->window.stride[0] > 1 || c->window.stride[1] > 1;
  const int64_t *W = c->weight->shape, here = W[1] * c->groups;
  snprintf(buf, bytes, "in=%lld, out=%lld, kernel=%s%s%s%s", (long long)(c->transposed ? W[0] : here),
           (long long)(c->transposed ? here : W[0]), gdi_pair_text(c->window.kernel, c->dims, kernel),
           strided ? ", stride=" : "", strided ? gdi_pair_text(c->window.stride, c->dims, stride) : "",
           c->bias ? "" : ", no bias");
}

/* ---- from a tree */

static gd_status check_groups(const gd_build *b, int64_t channels, const char *which) {
  const int64_t groups = gd_arg_i64(b, "groups");
  if (channels % groups == 0) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s: %lld %s channels cannot be cut into %lld groups", b->cls->word,
                 (long long)channels, which, (long long)groups);
}

static gd_status shape(gd_build *b) {
  const int dims = dims_of(b);
  const int64_t channels = gd_arg_i64(b, "out_channels");
  gd_shape in;
  gd_window w;
  int64_t out[2], output_padding[2];
  GD_TRY(gdi_image_in(b, dims, &in));
  GD_TRY(gdi_arg_window(b, dims, false, true, &w));
  GD_TRY(check_groups(b, in.dim[2], "input"));
  GD_TRY(check_groups(b, channels, "output"));
  if (is_transposed(b)) {
    GD_TRY(gdi_arg_pair(b, "output_padding", dims, 0, output_padding));
    GD_TRY(gdi_window_in(b->cls->word, &w, in.dim, output_padding, out));
  } else {
    GD_TRY(gdi_window_out(b->cls->word, &w, in.dim, out));
  }
  b->out[0] = gdi_image_out(b, dims, out, channels);
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  conv *c = (conv *)m;
  gd_shape in;
  c->dims = dims_of(b), c->transposed = is_transposed(b), c->groups = gd_arg_i64(b, "groups");
  GD_TRY(gdi_image_in(b, c->dims, &in));
  GD_TRY(gdi_arg_window(b, c->dims, false, true, &c->window));
  if (c->transposed) GD_TRY(gdi_arg_pair(b, "output_padding", c->dims, 0, c->output_padding));
  const int64_t O = gd_arg_i64(b, "out_channels"), first = c->transposed ? in.dim[2] : O,
                second = (c->transposed ? O : in.dim[2]) / c->groups, *k = c->window.kernel;
  GD_TRY(c->dims == 1 ? gd_module_add_param(m, "weight", GD_SHAPE(first, second, k[1]), &c->weight)
                      : gd_module_add_param(m, "weight", GD_SHAPE(first, second, k[0], k[1]), &c->weight));
  return gd_arg_bool(b, "bias") ? gd_module_add_param(m, "bias", GD_SHAPE(O), &c->bias) : GD_OK;
}

#define CLASS(id, shown, what, text, arguments)                                                              \
  const gd_module_class gdi_##id##_class = {.name = shown,                                                   \
                                            .word = #id,                                                     \
                                            .about = what,                                                   \
                                            .example = text,                                                 \
                                            .args = arguments,                                               \
                                            .bytes = sizeof(conv),                                           \
                                            .forward = forward,                                              \
                                            .reset = reset,                                                  \
                                            .describe = describe,                                            \
                                            .shape = shape,                                                  \
                                            .build = build,                                                  \
                                            .absorbs = absorbs,                                              \
                                            .forward_fused = forward_fused};
CLASS(conv1d, "Conv1d", "convolution of signals", "conv1d:out_channels=16,kernel_size=5", args_1d)
CLASS(conv2d, "Conv2d", "convolution of images", "conv2d:out_channels=16,kernel_size=3,padding=1", args_2d)
CLASS(conv_transpose2d, "ConvTranspose2d", "transposed convolution: images become larger",
      "conv_transpose2d:out_channels=16,kernel_size=2,stride=2", args_transposed)
