/* Arguments of conv2d and conv_transpose2d. */
#ifndef GDI_OPS_CONV2D_H
#define GDI_OPS_CONV2D_H

#include "ops/window.h"

typedef struct gdi_conv2d {
  gd_window window;
  int64_t groups, output_padding[2];
  gd_activation act; /* none or relu */
  bool transposed;   /* what is forward to the one is the gradient of x to the other */
} gdi_conv2d;

#endif
