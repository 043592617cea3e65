/* Pooling: layers that make images and signals smaller. A signal is an image one pixel high. */
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
  int dims;
} pool;

#define WINDOW_ARGS                                                                                          \
  {"kernel_size", GD_ARG_INTS, NULL, 1, 1 << 16, NULL, "of the window: one number, or [height, width]"},     \
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
    {"output_size", GD_ARG_INTS, NULL, 1, 1 << 16, NULL, "of the result: one number, or [height, width]"},
    {0},
};

static int dims_of(const gd_build *b) {
  return strstr(b->cls->word, "1d") ? 1 : 2;
}

static bool is_max(const gd_build *b) {
  return b->cls->args == max_args;
}

static gd_status window_of(const gd_build *b, gd_window *w) {
  GD_TRY(gdi_arg_window(b, dims_of(b), true, is_max(b), w));
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
  GD_TRY(gdi_image_in(b, dims_of(b), &in));
  GD_TRY(window_of(b, &w));
  GD_TRY(gdi_window_out(b->cls->word, &w, in.dim, out));
  b->out[0] = gdi_image_out(b, dims_of(b), out, in.dim[2]);
  return GD_OK;
}

static gd_status build_window(gd_module *m, gd_build *b) {
  pool *p = (pool *)m;
  p->dims = dims_of(b);
  if (!is_max(b)) p->count_include_pad = gd_arg_bool(b, "count_include_pad");
  return window_of(b, &p->window);
}

static void describe_window(const gd_module *m, char *buf, size_t bytes) {
  const pool *p = (const pool *)m;
  char kernel[48], stride[48];
  snprintf(buf, bytes, "kernel=%s, stride=%s", gdi_pair_text(p->window.kernel, p->dims, kernel),
           gdi_pair_text(p->window.stride, p->dims, stride));
}

static gd_tensor *forward_max(gd_module *m, gd_tape *t, gd_tensor *x) {
  const pool *p = (const pool *)m;
  x = gdi_as_image(t, x, &m->in, p->dims);
  return gdi_from_image(t, gd_max_pool2d(t, x, &p->window), p->dims);
}

static gd_tensor *forward_avg(gd_module *m, gd_tape *t, gd_tensor *x) {
  const pool *p = (const pool *)m;
  x = gdi_as_image(t, x, &m->in, p->dims);
  return gdi_from_image(t, gd_avg_pool2d(t, x, &p->window, p->count_include_pad), p->dims);
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
WINDOW(max_pool1d, "MaxPool1d", "the largest value of each window of a signal", max_args, forward_max)
WINDOW(avg_pool1d, "AvgPool1d", "the mean of each window of a signal", avg_args, forward_avg)
WINDOW(max_pool2d, "MaxPool2d", "the largest value of each window", max_args, forward_max)
WINDOW(avg_pool2d, "AvgPool2d", "the mean of each window", avg_args, forward_avg)

/* ---- windows that cover the input */

static gd_tensor *forward_adaptive(gd_module *m, gd_tape *t, gd_tensor *x) {
  const pool *p = (const pool *)m;
  x = gdi_as_image(t, x, &m->in, p->dims);
  return gdi_from_image(t, gd_adaptive_avg_pool2d(t, x, p->adaptive), p->dims);
}

static gd_status shape_adaptive(gd_build *b) {
  gd_shape in;
  int64_t out[2];
  const int dims = dims_of(b);
  GD_TRY(gdi_image_in(b, dims, &in));
  GD_TRY(gdi_arg_pair(b, "output_size", dims, 1, out));
  b->out[0] = gdi_image_out(b, dims, out, in.dim[2]);
  return GD_OK;
}

static gd_status build_adaptive(gd_module *m, gd_build *b) {
  pool *p = (pool *)m;
  p->dims = dims_of(b);
  return gdi_arg_pair(b, "output_size", p->dims, 1, p->adaptive);
}

static void describe_adaptive(const gd_module *m, char *buf, size_t bytes) {
  const pool *p = (const pool *)m;
  char out[48];
  snprintf(buf, bytes, "output=%s", gdi_pair_text(p->adaptive, p->dims, out));
}

#define ADAPTIVE(id, shown, what)                                                                            \
  const gd_module_class gdi_##id##_class = {.name = shown,                                                   \
                                            .word = #id,                                                     \
                                            .about = what,                                                   \
                                            .example = #id ":1",                                             \
                                            .args = adaptive_args,                                           \
                                            .bytes = sizeof(pool),                                           \
                                            .forward = forward_adaptive,                                     \
                                            .describe = describe_adaptive,                                   \
                                            .shape = shape_adaptive,                                         \
                                            .build = build_adaptive};
ADAPTIVE(adaptive_avg_pool1d, "AdaptiveAvgPool1d", "means of windows that cover the signal")
ADAPTIVE(adaptive_avg_pool2d, "AdaptiveAvgPool2d", "means of windows that cover the image")

/* ---- the whole image or signal: a number for each channel */

static int dims_of_input(const gd_shape *in) {
  return in->axes == GD_AXES_IMAGE && in->ndim == 2 ? 1 : 2;
}

static gd_tensor *forward_global(gd_module *m, gd_tape *t, gd_tensor *x) {
  static const int64_t one[] = {1, 1};
  gd_tensor *y = gd_adaptive_avg_pool2d(t, gdi_as_image(t, x, &m->in, dims_of_input(&m->in)), one);
  return y ? gd_reshape(t, y, GD_SHAPE(y->shape[0], y->shape[3])) : NULL;
}

static gd_status shape_global(gd_build *b) {
  gd_shape in;
  GD_TRY(gdi_image_in(b, dims_of_input(&b->in[0]), &in));
  b->out[0] = (gd_shape){.dtype = in.dtype, .ndim = 1, .dim = {in.dim[2]}};
  return GD_OK;
}

const gd_module_class gdi_global_avg_pool_class = {.name = "GlobalAvgPool",
                                                   .word = "global_avg_pool",
                                                   .about = "the mean of each channel, as a row of features",
                                                   .example = "global_avg_pool",
                                                   .forward = forward_global,
                                                   .shape = shape_global};
