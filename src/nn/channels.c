/* Says which dimension of the samples of a data set are their channels, where one or three at one end do not say it. */
#include <string.h>

#include "nn/image.h"
#include "nn/layers.h"

static const gd_arg args[] = {
    {"position", GD_ARG_WORD, NULL, 0, 0, "first last", "which dimension of a sample they are"},
    {0},
};

typedef struct channels {
  gd_module base;
  bool first;
} channels;

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return ((const channels *)m)->first ? gdi_channels_last(t, x) : x;
}

static gd_status shape(gd_build *b) {
  const gd_shape in = b->in[0];
  gd_shape *out = &b->out[0];
  char text[160];
  GD_TRY(gd_shape_floats(b));
  if (in.axes != GD_AXES_PLAIN || in.ndim < 2)
    return GD_FAIL(GD_ERR_SHAPE,
                   "channels: samples %s, of images or signals as the data has them, are wanted: not %s",
                   "[C, H, W] or [H, W, C]", gd_shape_text(&in, text, sizeof text));
  out->axes = GD_AXES_IMAGE;
  if (strcmp(gd_arg_word(b, "position"), "last") == 0) return GD_OK;
  memcpy(out->dim, in.dim + 1, (size_t)(in.ndim - 1) * sizeof *in.dim);
  out->dim[in.ndim - 1] = in.dim[0];
  return GD_OK;
}

static gd_status build(gd_module *m, gd_build *b) {
  ((channels *)m)->first = strcmp(gd_arg_word(b, "position"), "first") == 0;
  return GD_OK;
}

const gd_module_class gdi_channels_class = {.name = "Channels",
                                            .word = "channels",
                                            .about =
                                                "which dimension of the data's samples their channels are",
                                            .example = "channels:first",
                                            .args = args,
                                            .bytes = sizeof(channels),
                                            .forward = forward,
                                            .shape = shape,
                                            .build = build};
