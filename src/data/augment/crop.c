#include <string.h>

#include "data/augment.h"

static const gd_arg args[] = {{"padding", GD_ARG_INT, NULL, 0, 1 << 14, NULL,
                               "pixels around the image, of which a window of its size is taken"},
                              {"padding_mode", GD_ARG_WORD, "constant", 0, 0, "constant reflect",
                               "what they are: black, or the image mirrored"},
                              {0}};

static gd_status check(const gdi_arg_value a[], const gdi_image_shape *s) {
  const int64_t least = s->height < s->width ? s->height : s->width;
  if (strcmp(a[1].word, "reflect") != 0 || a[0].i < least) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "crop: an image of %lld x %lld cannot be mirrored by %lld pixels",
                 (long long)s->width, (long long)s->height, (long long)a[0].i);
}

static int64_t mirror(int64_t i, int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

static void apply(const gdi_arg_value a[], gdi_draws *d, gdi_pixels *p) {
  const int64_t down = gdi_draw_below(d, 2 * a[0].i + 1) - a[0].i,
                right = gdi_draw_below(d, 2 * a[0].i + 1) - a[0].i;
  const bool reflect = strcmp(a[1].word, "reflect") == 0;
  const size_t bytes = (size_t)p->channels * sizeof(float);
  float *to = p->room;
  for (int64_t y = 0; y < p->height; y++)
    for (int64_t x = 0; x < p->width; x++, to += p->channels) {
      int64_t v = y + down, u = x + right;
      if (reflect) v = mirror(v, p->height), u = mirror(u, p->width);
      if (v < 0 || v >= p->height || u < 0 || u >= p->width)
        memset(to, 0, bytes);
      else
        memcpy(to, p->pixel + (v * p->width + u) * p->channels, bytes);
    }
  gdi_pixels_take(p);
}

const gdi_augmentation gdi_augment_crop = {.word = "crop",
                                           .about = "padded, and a random window taken",
                                           .example =
                                               "crop:4, or {crop: {padding: 4, padding_mode: reflect}}",
                                           .args = args,
                                           .check = check,
                                           .apply = apply};
