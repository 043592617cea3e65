#include "data/image.h"

#include <string.h>

static const char *const layouts[] = {NULL, "channels_first", "channels_last"};

const char *gdi_layout_word(gd_layout l) {
  return layouts[l];
}

gd_layout gdi_layout_of(const char *word) {
  for (gd_layout l = GD_CHANNELS_FIRST; l <= GD_CHANNELS_LAST; l++)
    if (strcmp(word, layouts[l]) == 0) return l;
  return GD_LAYOUT_GUESSED;
}

static bool are_channels(int64_t n) {
  return n == 1 || n == 3 || n == 4;
}

gd_status gdi_image_shape_of(gdi_image_shape *out, const gd_data_info *i) {
  const int64_t *d = i->sample;
  *out = (gdi_image_shape){d[0], d[1], 1, false};
  if (i->ndim == 2) return GD_OK;
  const bool known = i->layout != GD_LAYOUT_GUESSED;
  if (i->ndim == 3 && (known ? i->layout == GD_CHANNELS_LAST : are_channels(d[2]))) {
    *out = (gdi_image_shape){d[0], d[1], d[2], false};
    return GD_OK;
  }
  if (i->ndim == 3 && (known || are_channels(d[0]))) {
    *out = (gdi_image_shape){d[1], d[2], d[0], true};
    return GD_OK;
  }
  return GD_FAIL(
      GD_ERR_DATA,
      "%s: its samples are no images: [H,W], [H,W,C] or [C,H,W] with 1, 3 or 4 channels, or any number with "
      "data.layout",
      i->path);
}
