/* What the kernels of a convolution share with what measures them. */
#ifndef GDI_OPS_CPU_CONV2D_H
#define GDI_OPS_CPU_CONV2D_H

#include "device/cpu/conv.h"
#include "ops/conv2d.h"

/* The convolution of a full chunk of n's images. */
gdi_conv gdi_cpu_conv_of(const gd_node *n);

#endif
