/* Arguments of conv2d and conv_transpose2d. */
#ifndef GDI_OPS_CONV2D_H
#define GDI_OPS_CONV2D_H

#include "device/conv.h"
#include "ops/window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdi_conv2d {
  gd_window window;
  int64_t groups, output_padding[2];
  gd_activation act;               /* none or relu */
  const struct gdi_norm_job *norm; /* a batch norm's, which computes the gradient of the result, */
  uint64_t norm_backward_id;       /* in this backward: see cpu/batch_norm.c */
  bool transposed;                 /* what is forward to the one is the gradient of x to the other */
} gdi_conv2d;

/* cpu/conv2d_bare.c: of oneDNN's calls, or those of products over columns; nothing on a GPU. */
gd_status gdi_conv2d_bare(gd_device *d, const gd_node *n, double seconds[GD_BARES]) GD_CHECKED;

/* Of all images. Its x is the result of a transposed one, its y what that reads. */
gdi_conv gdi_conv_of(const gd_node *n);

#ifdef __cplusplus
}
#endif

#endif
