/* Layers that make images larger without weights: padding and up-sampling. */
#include <stdio.h>
#include <string.h>

#include "nn/image.h"
#include "nn/layers.h"

typedef struct pad {
  gd_module base;
  int64_t before[3], after[3]; /* of height, width, channels: always 0 */
  int64_t factor[2];
} pad;

static const gd_arg pad_args[] = {
    {"padding", GD_ARG_INTS, NULL, 0, 1 << 16, NULL, "pixels on all sides, or [left, right, top, bottom]"},
    {0},
};

static gd_status sides(const gd_build *b, int64_t before[3], int64_t after[3]) {
  int64_t p[4];
  const int n = gd_arg_ints(b, "padding", 4, p);
  if (n != 1 && n != 4)
    return GD_FAIL(GD_ERR_USAGE, "%s.padding: expected one number, or [left, right, top, bottom]",
                   b->cls->word);
  before[0] = p[2], before[1] = p[0], before[2] = 0;
  after[0] = p[3], after[1] = p[1], after[2] = 0;
  return GD_OK;
}

static gd_status shape_pad(gd_build *b) {
  gd_shape in;
  int64_t before[3], after[3], out[2];
  GD_TRY(gdi_image_in(b, 2, &in));
  GD_TRY(sides(b, before, after));
  for (int i = 0; i < 2; i++) {
    out[i] = in.dim[i] + before[i] + after[i];
    if (b->cls == &gdi_reflection_pad2d_class && (before[i] >= in.dim[i] || after[i] >= in.dim[i]))
      return GD_FAIL(GD_ERR_SHAPE, "%s: %lld pixels cannot be reflected to a padding of %lld and %lld",
                     b->cls->word, (long long)in.dim[i], (long long)before[i], (long long)after[i]);
  }
  b->out[0] = gdi_image_out(b, 2, out, in.dim[2]);
  return GD_OK;
}

static gd_status build_pad(gd_module *m, gd_build *b) {
  return sides(b, ((pad *)m)->before, ((pad *)m)->after);
}

static void describe_pad(const gd_module *m, char *buf, size_t bytes) {
  const pad *p = (const pad *)m;
  snprintf(buf, bytes, "%lld, %lld, %lld, %lld", (long long)p->before[1], (long long)p->after[1],
           (long long)p->before[0], (long long)p->after[0]);
}

static gd_tensor *forward_pad(gd_module *m, gd_tape *t, gd_tensor *x) {
  const pad *p = (const pad *)m;
  return gd_pad2d(t, gdi_as_image(t, x, &m->in, 2), p->before, p->after,
                  m->cls == &gdi_reflection_pad2d_class);
}

#define PAD(id, shown, what)                                                                                 \
  const gd_module_class gdi_##id##_class = {.name = shown,                                                   \
                                            .word = #id,                                                     \
                                            .about = what,                                                   \
                                            .example = #id ":2",                                             \
                                            .args = pad_args,                                                \
                                            .bytes = sizeof(pad),                                            \
                                            .forward = forward_pad,                                          \
                                            .describe = describe_pad,                                        \
                                            .shape = shape_pad,                                              \
                                            .build = build_pad};
PAD(zero_pad2d, "ZeroPad2d", "zeros around images")
PAD(reflection_pad2d, "ReflectionPad2d", "images continued by their reflection")

/* ---- up-sampling */

static const gd_arg upsample_args[] = {
    {"scale_factor", GD_ARG_INTS, NULL, 1, 1 << 10, NULL, "[of height, of width], or one number"},
    {"mode", GD_ARG_WORD, "nearest", 0, 0, "nearest", "where new pixels come from"},
    {0},
};

static gd_status shape_upsample(gd_build *b) {
  gd_shape in;
  int64_t factor[2];
  GD_TRY(gdi_image_in(b, 2, &in));
  GD_TRY(gdi_arg_pair(b, "scale_factor", 2, 1, factor));
  const int64_t out[] = {in.dim[0] * factor[0], in.dim[1] * factor[1]};
  b->out[0] = gdi_image_out(b, 2, out, in.dim[2]);
  return GD_OK;
}

static gd_status build_upsample(gd_module *m, gd_build *b) {
  return gdi_arg_pair(b, "scale_factor", 2, 1, ((pad *)m)->factor);
}

static void describe_upsample(const gd_module *m, char *buf, size_t bytes) {
  char factor[48];
  snprintf(buf, bytes, "scale_factor=%s", gdi_pair_text(((const pad *)m)->factor, 2, factor));
}

static gd_tensor *forward_upsample(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_upsample_nearest2d(t, gdi_as_image(t, x, &m->in, 2), ((const pad *)m)->factor);
}

const gd_module_class gdi_upsample_class = {.name = "Upsample",
                                            .word = "upsample",
                                            .about = "each pixel several times",
                                            .example = "upsample:2",
                                            .args = upsample_args,
                                            .bytes = sizeof(pad),
                                            .forward = forward_upsample,
                                            .describe = describe_upsample,
                                            .shape = shape_upsample,
                                            .build = build_upsample};
