/* Pooling: layers that make images smaller. */
#include <stdio.h>
#include <string.h>

#include "nn/image.h"
#include "nn/layers.h"
#include "ops/window.h"

typedef struct pool {
  gd_module base;
  gd_window window;
  int64_t adaptive[2];
  bool count_include_pad;
} pool;

#define WINDOW_ARGS                                                                                          \
  {"kernel_size", GD_ARG_INTS, NULL, 1, 1 << 16, NULL, "[height, width] of the window, or one number"},      \
      {"stride", GD_ARG_INTS, "", 1, 1 << 16, NULL, "from one window to the next; else kernel_size"}, {      \
    "padding", GD_ARG_INTS, "0", 0, 1 << 15, NULL, "pixels around, at most half of the window"               \
  }
#define CEIL_MODE                                                                                            \
  { "ceil_mode", GD_ARG_BOOL, "false", 0, 0, NULL, "a last window may reach over the end" }

static const gd_arg max_args[] = {
    WINDOW_ARGS,
    {"dilation", GD_ARG_INTS, "1", 1, 1 << 16, NULL, "pixels between those of a window"},
    CEIL_MODE,
    {0},
};
static const gd_arg avg_args[] = {
    WINDOW_ARGS,
    CEIL_MODE,
    {"count_include_pad", GD_ARG_BOOL, "true", 0, 0, NULL, "padding counts as zeros"},
    {0},
};
static const gd_arg adaptive_args[] = {
    {"output_size", GD_ARG_INTS, NULL, 1, 1 << 16, NULL, "[height, width] of the result, or one number"},
    {0},
};

static gd_status window_of(const gd_build *b, gd_window *w) {
  GD_TRY(gdi_arg_window(b, 2, true, b->cls == &gdi_max_pool2d_class, w));
  w->ceil_mode = gd_arg_bool(b, "ceil_mode");
  for (int i = 0; i < 2; i++)
    if (w->begin[i] > w->kernel[i] / 2)
      return GD_FAIL(GD_ERR_SHAPE, "%s: a padding of %lld must be at most half of the kernel, %lld",
                     b->cls->word, (long long)w->begin[i], (long long)w->kernel[i]);
  return GD_OK;
}

static gd_status shape_of_window(gd_build *b) {
  gd_shape in;
  gd_window w;
  int64_t out[2];
  GD_TRY(gdi_image_in(b, 2, &in));
  GD_TRY(window_of(b, &w));
  GD_TRY(gdi_window_out(b->cls->word, &w, in.dim, out));
  b->out[0] = gdi_image_out(b, 2, out, in.dim[2]);
  return GD_OK;
}

static gd_status build_window(gd_module *m, gd_build *b) {
  pool *p = (pool *)m;
  if (b->cls == &gdi_avg_pool2d_class) p->count_include_pad = gd_arg_bool(b, "count_include_pad");
  return window_of(b, &p->window);
}

static void describe_window(const gd_module *m, char *buf, size_t bytes) {
  const pool *p = (const pool *)m;
  char kernel[48], stride[48];
  snprintf(buf, bytes, "kernel=%s, stride=%s", gdi_pair_text(p->window.kernel, 2, kernel),
           gdi_pair_text(p->window.stride, 2, stride));
}

static gd_tensor *forward_max(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_max_pool2d(t, gdi_as_image(t, x, &m->in, 2), &((const pool *)m)->window);
}

static gd_tensor *forward_avg(gd_module *m, gd_tape *t, gd_tensor *x) {
  const pool *p = (const pool *)m;
  return gd_avg_pool2d(t, gdi_as_image(t, x, &m->in, 2), &p->window, p->count_include_pad);
}

#define WINDOW(id, shown, what, arguments, f)                                                                \
  const gd_module_class gdi_##id##_class = {.name = shown,                                                   \
                                            .word = #id,                                                     \
                                            .about = what,                                                   \
                                            .example = #id ":2",                                             \
                                            .args = arguments,                                               \
                                            .bytes = sizeof(pool),                                           \
                                            .forward = f,                                                    \
                                            .describe = describe_window,                                     \
                                            .shape = shape_of_window,                                        \
                                            .build = build_window};
WINDOW(max_pool2d, "MaxPool2d", "the largest value of each window", max_args, forward_max)
WINDOW(avg_pool2d, "AvgPool2d", "the mean of each window", avg_args, forward_avg)

/* ---- windows that cover the image */

static gd_tensor *forward_adaptive(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_adaptive_avg_pool2d(t, gdi_as_image(t, x, &m->in, 2), ((const pool *)m)->adaptive);
}

static gd_status shape_adaptive(gd_build *b) {
  gd_shape in;
  int64_t out[2];
  GD_TRY(gdi_image_in(b, 2, &in));
  GD_TRY(gdi_arg_pair(b, "output_size", 2, 1, out));
  b->out[0] = gdi_image_out(b, 2, out, in.dim[2]);
  return GD_OK;
}

static gd_status build_adaptive(gd_module *m, gd_build *b) {
  return gdi_arg_pair(b, "output_size", 2, 1, ((pool *)m)->adaptive);
}

static void describe_adaptive(const gd_module *m, char *buf, size_t bytes) {
  char out[48];
  snprintf(buf, bytes, "output=%s", gdi_pair_text(((const pool *)m)->adaptive, 2, out));
}

const gd_module_class gdi_adaptive_avg_pool2d_class = {.name = "AdaptiveAvgPool2d",
                                                       .word = "adaptive_avg_pool2d",
                                                       .about = "means of windows that cover the image",
                                                       .example = "adaptive_avg_pool2d:1",
                                                       .args = adaptive_args,
                                                       .bytes = sizeof(pool),
                                                       .forward = forward_adaptive,
                                                       .describe = describe_adaptive,
                                                       .shape = shape_adaptive,
                                                       .build = build_adaptive};

/* ---- the whole image: a number for each channel */

static gd_tensor *forward_global(gd_module *m, gd_tape *t, gd_tensor *x) {
  static const int64_t one[] = {1, 1};
  gd_tensor *y = gd_adaptive_avg_pool2d(t, gdi_as_image(t, x, &m->in, 2), one);
  return y ? gd_reshape(t, y, GD_SHAPE(y->shape[0], y->shape[3])) : NULL;
}

static gd_status shape_global(gd_build *b) {
  gd_shape in;
  GD_TRY(gdi_image_in(b, 2, &in));
  b->out[0] = (gd_shape){.dtype = in.dtype, .ndim = 1, .dim = {in.dim[2]}};
  return GD_OK;
}

const gd_module_class gdi_global_avg_pool_class = {.name = "GlobalAvgPool",
                                                   .word = "global_avg_pool",
                                                   .about = "the mean of each channel, as a row of features",
                                                   .example = "global_avg_pool",
                                                   .forward = forward_global,
                                                   .shape = shape_global};
