/*
 * Data sets whose samples are made of images when they are asked for. Those that stay JPEG and PNG files: x [bytes] is all of them, one behind the other, and x_offsets [n + 1]
 * where each begins; attributes of x say what they become: height, width, channels. A sample is the largest window of
 * that ratio in the middle, resized, or the window that an augmentation has drawn. So are those of images in bytes for
 * which another size is asked.
 */
#ifndef GDI_DATA_ENCODED_H
#define GDI_DATA_ENCODED_H

#include "base/h5write.h"
#include "data/dataset.h"
#include "data/image.h"

/* What lies behind the name of x in that of its offsets. */
#define GDI_OFFSETS "_offsets"

/* Is x, which is open, of this kind? Then where its images begin, and the shape of a sample, are read and checked. */
gd_status gdi_encoded_open(gd_dataset *d) GD_CHECKED;
/* Samples are size x size, whatever the images in x are. Errors: GD_ERR_DATA: it holds no images that can be resized */
gd_status gdi_images_resized(gd_dataset *d, int size) GD_CHECKED;
/* Samples lo .. lo + n - 1 of a table as such an array. Errors: GD_ERR_WRITE */
gd_status gdi_encoded_put(gdi_h5_writer *w, const gd_table *t, const char *name, int64_t lo,
                          int64_t n) GD_CHECKED;
/* How many samples an array of this name holds; -1: it is not of this kind. */
int64_t gdi_encoded_count(gdi_h5 *f, const char *x_name);
static inline size_t gdi_encoded_bytes(const gd_dataset *d, int64_t lo, int64_t hi) {
  return (size_t)(d->image_at[hi] - d->image_at[lo]);
}
/* The bytes of images lo .. hi-1. Errors: GD_ERR_DATA */
gd_status gdi_encoded_read(const gd_dataset *d, int64_t lo, int64_t hi, void *to) GD_CHECKED;

/* What one thread makes samples in: zero, then as much memory as the largest took. */
typedef struct gdi_decoder {
  gdi_image image;
  gdi_resize_room room;
} gdi_decoder;
void gdi_decoder_free(gdi_decoder *m);
/* Its pixels. Errors: GD_ERR_DATA with the sample: damaged; GD_ERR_OOM */
gd_status gdi_decoder_image(gdi_decoder *m, const gd_dataset *d, int64_t index,
                            const uint8_t *bytes) GD_CHECKED;
/* Sample `to` [height, width, channels] from a window of them. */
gd_status gdi_decoder_sample(gdi_decoder *m, const gd_dataset *d, const int64_t box[4],
                             uint8_t *to) GD_CHECKED;

/* Samples lo .. hi-1, as they are without augmentation. Errors: GD_ERR_DATA with the sample */
gd_status gdi_encoded_samples(const gd_dataset *d, int64_t lo, int64_t hi, uint8_t *to) GD_CHECKED;

#endif
