/*
 * What a convolution is to a device. x is the side that it reads, y the one that it makes, also where an operation reads it
 * in the other direction. Images are channels last.
 */
#ifndef GDI_DEVICE_CONV_H
#define GDI_DEVICE_CONV_H

#include <stdbool.h>
#include <stdint.h>

#include "gd/tensor.h"

typedef struct gdi_conv {
  gd_dtype type;           /* of operands: f32, f64; on a CPU also bf16, with results and bias in f32 */
  bool onednn;             /* on a CPU: what computes it, cpu/conv.h */
  bool bias;               /* of the forward pass */
  int64_t n, groups, c, o; /* images; groups of channels; channels of x and of y */
  int64_t in[2], out[2];   /* height and width of x and of y */
  int64_t kernel[2], stride[2], dilation[2];
  int64_t begin[2], end[2]; /* padding */
} gdi_conv;

typedef enum gdi_conv_pass {
  GDI_CONV_FORWARD, /* y [n,out,o] = x [n,in,c] * w + bias */
  GDI_CONV_DATA,    /* dx = dy * w */
  GDI_CONV_WEIGHTS, /* dw = x * dy */
} gdi_conv_pass;

#endif
