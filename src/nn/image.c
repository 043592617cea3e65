#include "nn/image.h"

#include <stdio.h>
#include <string.h>

/* Of samples as the data has them, [H,W], [H,W,C] or [C,H,W]: one or three at one end are the channels. */
typedef enum place { NOT_KNOWN, NONE, LAST, FIRST } place;

static bool one_or_three(int64_t n) {
  return n == 1 || n == 3;
}

static place channels_of(const gd_shape *in, int dims) {
  if (in->axes != GD_AXES_PLAIN && in->ndim == dims + 1) return LAST;
  if (in->axes != GD_AXES_PLAIN) return NOT_KNOWN;
  if (in->ndim == dims) return NONE;
  if (in->layout != GD_LAYOUT_GUESSED && in->ndim == dims + 1)
    return in->layout == GD_CHANNELS_LAST ? LAST : FIRST;
  if (in->ndim != 3 || dims != 2) return NOT_KNOWN;
  return one_or_three(in->dim[2]) ? LAST : one_or_three(in->dim[0]) ? FIRST : NOT_KNOWN;
}

gd_status gdi_image_in(gd_build *b, int dims, gd_shape *image) {
  const gd_shape *in = &b->in[0];
  const place where = channels_of(in, dims);
  char text[160];
  GD_TRY(gd_shape_floats(b));
  gd_shape_text(in, text, sizeof text);
  if (where == NOT_KNOWN && in->axes == GD_AXES_PLAIN && in->ndim == dims + 1)
    return GD_FAIL(GD_ERR_SHAPE,
                   "%s: which dimension of %s are the channels? Say data.layout, or begin the model with "
                   "channels:first or channels:last",
                   b->cls->word, text);
  if (where == NOT_KNOWN)
    return GD_FAIL(GD_ERR_SHAPE, "%s takes %s, but its input is %s", b->cls->word,
                   dims == 2 ? "images" : "signals: [length], or channels too", text);
  *image = (gd_shape){.dtype = in->dtype, .ndim = 3, .dim = {1, 1, 1}, .axes = GD_AXES_IMAGE};
  memcpy(image->dim + 2 - dims, in->dim + (where == FIRST),
         (size_t)(dims + (where == LAST)) * sizeof *in->dim);
  if (where == FIRST) image->dim[2] = in->dim[0];
  for (int i = 0; i < 3; i++)
    if (image->dim[i] < 1) return GD_FAIL(GD_ERR_SHAPE, "%s: its input is %s: nothing", b->cls->word, text);
  return GD_OK;
}

gd_shape gdi_image_out(const gd_build *b, int dims, const int64_t extent[2], int64_t channels) {
  gd_shape out = {.dtype = b->in[0].dtype, .ndim = dims + 1, .axes = GD_AXES_IMAGE};
  const int64_t all[] = {extent[0], extent[1], channels};
  memcpy(out.dim, all + 2 - dims, (size_t)out.ndim * sizeof *all);
  return out;
}

gd_tensor *gdi_channels_last(gd_tape *t, gd_tensor *x) {
  if (!x) return NULL;
  int64_t shape[GD_MAX_DIMS] = {x->shape[0]};
  const int64_t C = x->shape[1], pixels = x->shape[0] && C ? gd_numel(x) / x->shape[0] / C : 0;
  memcpy(shape + 1, x->shape + 2, (size_t)(x->ndim - 2) * sizeof *shape);
  shape[x->ndim - 1] = C;
  const int ndim = x->ndim;
  if (C > 1 && pixels > 1) x = gd_transpose(t, gd_reshape(t, x, GD_SHAPE(shape[0], C, pixels)), 1, 2);
  return gd_reshape(t, x, ndim, shape);
}

gd_tensor *gdi_as_image(gd_tape *t, gd_tensor *x, const gd_shape *in, int dims) {
  const place where = channels_of(in, dims);
  if (!x || (dims == 2 && where == LAST)) return x;
  if (where == FIRST) return gdi_channels_last(t, x);
  const int64_t last = where == NONE ? 1 : x->shape[x->ndim - 1];
  if (dims == 1) return gd_reshape(t, x, GD_SHAPE(x->shape[0], 1, x->shape[1], last));
  return gd_reshape(t, x, GD_SHAPE(x->shape[0], x->shape[1], x->shape[2], last));
}

gd_tensor *gdi_from_image(gd_tape *t, gd_tensor *y, int dims) {
  return y && dims == 1 ? gd_reshape(t, y, GD_SHAPE(y->shape[0], y->shape[2], y->shape[3])) : y;
}

gd_status gdi_arg_pair(const gd_build *b, const char *name, int dims, int64_t height, int64_t out[2]) {
  int64_t given[2];
  const int n = gd_arg_ints(b, name, 2, given);
  if (n > 1 && n != dims)
    return GD_FAIL(GD_ERR_USAGE, "%s.%s: expected %s, not %d numbers", b->cls->word, name,
                   dims == 2 ? "one number, or [height, width]" : "one number", n);
  out[0] = dims == 2 ? given[0] : height;
  out[1] = dims == 2 ? given[1] : given[0];
  return GD_OK;
}

static gd_status padding(const gd_build *b, int dims, gd_window *w) {
  const char *word = gd_arg_word(b, "padding");
  if (!word) {
    GD_TRY(gdi_arg_pair(b, "padding", dims, 0, w->begin));
    memcpy(w->end, w->begin, sizeof w->end);
    return GD_OK;
  }
  for (int i = 0; i < 2 && strcmp(word, "same") == 0; i++) {
    if (w->stride[i] != 1)
      return GD_FAIL(GD_ERR_USAGE, "%s: padding same keeps the size, which a stride of %lld does not",
                     b->cls->word, (long long)w->stride[i]);
    const int64_t total = w->dilation[i] * (w->kernel[i] - 1);
    w->begin[i] = total / 2, w->end[i] = total - total / 2;
  }
  return GD_OK;
}

gd_status gdi_arg_window(const gd_build *b, int dims, bool stride_is_kernel, bool dilated, gd_window *w) {
  int64_t given[2];
  *w = (gd_window){.dilation = {1, 1}};
  GD_TRY(gdi_arg_pair(b, "kernel_size", dims, 1, w->kernel));
  GD_TRY(gdi_arg_pair(b, "stride", dims, 1, w->stride));
  if (stride_is_kernel && gd_arg_ints(b, "stride", 2, given) == 0)
    memcpy(w->stride, w->kernel, sizeof w->stride);
  if (dilated) GD_TRY(gdi_arg_pair(b, "dilation", dims, 1, w->dilation));
  return padding(b, dims, w);
}

const char *gdi_pair_text(const int64_t pair[2], int dims, char buf[48]) {
  if (dims == 1 || pair[0] == pair[1])
    snprintf(buf, 48, "%lld", (long long)pair[1]);
  else
    snprintf(buf, 48, "%lld x %lld", (long long)pair[0], (long long)pair[1]);
  return buf;
}
