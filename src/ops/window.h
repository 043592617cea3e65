/* How a window slides over images: what convolution and pooling share, as operations and as layers. */
#ifndef GDI_OPS_WINDOW_H
#define GDI_OPS_WINDOW_H

#include "gd/ops.h"
#include "ops/ops.h"

/* w with what stands for "not given" replaced: strides and dilations of 0 are 1. */
gd_window gdi_window_full(const gd_window *w);

/*
 * Height and width of the result. `who` is for the message. With ceil_mode a last window may begin inside the image, or
 * its padding in front, and end outside.
 * Errors: GD_ERR_SHAPE: the window does not fit, or a number is out of its range
 */
gd_status gdi_window_out(const char *who, const gd_window *w, const int64_t in[2], int64_t out[2]) GD_CHECKED;

/* The extent of the image, along one axis, from which a window would have made `out`: transposed convolution. */
gd_status gdi_window_in(const char *who, const gd_window *w, const int64_t out[2],
                        const int64_t output_padding[2], int64_t in[2]) GD_CHECKED;

/* Checks that x is [B,H,W,C] of f32 or f64, the one that all window operations take. */
gd_status gdi_check_image(const gd_node *n, const gd_tensor *x) GD_CHECKED;

/* x's result with another height, width and number of channels. */
void gdi_result_image(gd_op_result *r, const gd_tensor *x, const int64_t extent[2], int64_t channels);

#endif
