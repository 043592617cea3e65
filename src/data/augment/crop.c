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

/* i: down, right, mirrored. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  (void)s;
  for (int k = 0; k < 2; k++) out->i[k] = gdi_draw_below(d, 2 * a[0].i + 1) - a[0].i;
  out->i[2] = strcmp(a[1].word, "reflect") == 0;
}

static int64_t within(int64_t i, int64_t n) {
  return i < 0 ? 0 : i > n ? n : i;
}

/* Pixels lo .. hi-1 of a line lie `right` further right in `from`; those beside them outside. */
static void crop_line(const gdi_drawn *w, const gdi_pixels *p, const char *from, char *to) {
  const int64_t right = w->i[1], lo = within(-right, p->width), hi = within(p->width - right, p->width);
  const size_t b = p->pixel_bytes;
  if (lo < hi) memcpy(to + (size_t)lo * b, from + (size_t)(lo + right) * b, (size_t)(hi - lo) * b);
  if (!w->i[2]) {
    memset(to, 0, (size_t)lo * b);
    memset(to + (size_t)hi * b, 0, (size_t)(p->width - hi) * b);
    return;
  }
  for (int64_t x = 0; x < p->width; x = x + 1 == lo ? hi : x + 1)
    memcpy(to + (size_t)x * b, from + (size_t)mirror(x + right, p->width) * b, b);
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  const size_t line = gdi_pixels_line_bytes(p);
  char *to = p->room;
  for (int64_t c = 0; c < p->planes; c++)
    for (int64_t y = 0; y < p->height; y++, to += line) {
      const int64_t v = w->i[2] ? mirror(y + w->i[0], p->height) : y + w->i[0];
      if (v < 0 || v >= p->height)
        memset(to, 0, line);
      else
        crop_line(w, p, p->pixel + (size_t)(c * p->height + v) * line, to);
    }
  gdi_pixels_take(p);
}

const gdi_augmentation gdi_augment_crop = {.word = "crop",
                                           .about = "padded, and a random window taken",
                                           .example =
                                               "crop:4, or {crop: {padding: 4, padding_mode: reflect}}",
                                           .args = args,
                                           .check = check,
                                           .draw = draw,
                                           .apply = apply,
                                           .moves = true,
                                           .on_gpu = GDI_CHANGE_CROP};
