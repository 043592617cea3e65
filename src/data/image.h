/* Images: decoded from JPEG and PNG, and brought to one size. */
#ifndef GDI_DATA_IMAGE_H
#define GDI_DATA_IMAGE_H

#include "gd/data.h"

typedef struct gdi_image {
  int width, height, channels; /* 1: grey, 3: red, green, blue */
  uint8_t *pixel;              /* [height, width, channels] malloc'd */
  size_t room;                 /* bytes there are for pixels */
} gdi_image;

/*
 * Decode what a file holds. `out` is zero or an earlier image, whose memory is used again. Bytes may be damaged or hostile: what the header promises is checked before anything is
 * allocated. As Pillow does: JPEG by libjpeg's exact integer transform, transparency of PNG is left out.
 *
 * Errors: GD_ERR_DATA with what is wrong, without a name; GD_ERR_OOM
 */
gd_status gdi_image_decode(gdi_image *out, const uint8_t *bytes, size_t n) GD_CHECKED;

/*
 * The largest square in the middle, resized to size x size; nothing is done to an image of that size. A triangle filter
 * of as many pixels as make one, so that smaller images are averages (Pillow's and torchvision's antialiased bilinear).
 */
gd_status gdi_image_fit(gdi_image *i, int size) GD_CHECKED;

/* The largest window of the ratio height : width in the middle: top, left, height, width. */
void gdi_image_middle(const gdi_image *i, int height, int width, int64_t box[4]);
/* Memory to resize in: zero, then as much as was needed so far. Owner: caller, free(at) */
typedef struct gdi_resize_room {
  char *at;
  size_t bytes;
} gdi_resize_room;
/* The same filter on a window of the image, to `to` [height, width, channels]. Errors: GD_ERR_OOM */
gd_status gdi_image_resize(const gdi_image *i, const int64_t box[4], int height, int width, uint8_t *to,
                           gdi_resize_room *room) GD_CHECKED;

/* Write colours as a PNG file. Errors: GD_ERR_WRITE with the file; GD_ERR_ENV: this build has no libpng */
gd_status gdi_image_write_png(const gdi_image *i, const char *path) GD_CHECKED;

/* How the values of a sample are an image. */
typedef struct gdi_image_shape {
  int64_t height, width, channels;
  bool planes; /* [C,H,W]; else [H,W,C], or [H,W] */
} gdi_image_shape;

/* "channels_last", "channels_first"; NULL and GD_LAYOUT_GUESSED: neither. */
const char *gdi_layout_word(gd_layout l);
gd_layout gdi_layout_of(const char *word);

/* Errors: GD_ERR_DATA: samples have no height and width, and 1 or 3 channels at either end */
gd_status gdi_image_shape_of(gdi_image_shape *out, const gd_data_info *i) GD_CHECKED;

#endif
