/* What layers of images share: their inputs as [H,W,C], and their windows. */
#ifndef GDI_NN_IMAGE_H
#define GDI_NN_IMAGE_H

#include "gd/module.h"

/*
 * The input of a layer of `dims` 2 (images) or 1 (signals), as [H,W,C] with a height of 1 for signals. Samples of the data may
 * have no channels, and then have one; or channels at either end, when there are one or three of them.
 * Errors: GD_ERR_SHAPE: it is none of that
 */
gd_status gdi_image_in(gd_build *b, int dims, gd_shape *image) GD_CHECKED;
/* A shape of such samples. */
gd_shape gdi_image_out(const gd_build *b, int dims, const int64_t extent[2], int64_t channels);
/* x, whose samples are `in`, as [B,H,W,C]; and a result of that shape as a layer of `dims` gives it. */
gd_tensor *gdi_as_image(gd_tape *t, gd_tensor *x, const gd_shape *in, int dims);
/* [B,C,...] as [B,...,C] */
gd_tensor *gdi_channels_last(gd_tape *t, gd_tensor *x);
gd_tensor *gdi_from_image(gd_tape *t, gd_tensor *y, int dims);

/* Argument `name` as two numbers, of height and width; a signal has one number, and `height` for its height. */
gd_status gdi_arg_pair(const gd_build *b, const char *name, int dims, int64_t height,
                       int64_t out[2]) GD_CHECKED;
/* kernel_size, stride (not given: the kernel's size where `stride_is_kernel`), padding (also same, valid) and dilation. */
gd_status gdi_arg_window(const gd_build *b, int dims, bool stride_is_kernel, bool dilated,
                         gd_window *w) GD_CHECKED;

/* "3 x 3", "5" */
const char *gdi_pair_text(const int64_t pair[2], int dims, char buf[48]);

#endif
