/* Arguments of conv2d and conv_transpose2d. */
#ifndef GDI_OPS_CONV2D_H
#define GDI_OPS_CONV2D_H

#include "device/conv.h"
#include "ops/ops.h"
#include "ops/window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdi_conv2d {
  gd_window window;
  int64_t groups, output_padding[2];
  gd_activation act; /* none or relu */
  bool transposed;   /* what is forward to the one is the gradient of x to the other */
  /* CPU: for the batch norm behind, cpu/batch_norm.h */
  double *moments;                 /* of chunks of the result; NULL: there are none */
  const struct gdi_norm_job *norm; /* computes the gradient of the result, in the backward of this number: */
  uint64_t norm_backward_id;
} gdi_conv2d;

static inline bool gdi_is_convolution(const gd_node *n) { /* NULL: it is not */
  return n && (n->op == &gdi_op_conv2d || n->op == &gdi_op_conv_transpose2d);
}

/* cpu/conv2d_bare.c: of oneDNN's calls, or those of products over columns; nothing on a GPU. */
gd_status gdi_conv2d_bare(gd_device *d, const gd_node *n, double seconds[GD_BARES]) GD_CHECKED;

/* Of all images. Its x is the result of a transposed one, its y what that reads. */
gdi_conv gdi_conv_of(const gd_node *n);

#ifdef __cplusplus
}
#endif

#endif
